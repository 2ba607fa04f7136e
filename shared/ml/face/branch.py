"""One network of a face model on its device: how it wants a face aligned, and its raw vectors."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from shared.ml.device import inference_dtype
from shared.ml.face.alignment import CROP_SIZE, TEMPLATE, align
from shared.ml.face.geometry import Image, Landmarks

# On a CPU a face costs least in batches of 8: larger ones leave the cache. A GPU takes what it is given.
CPU_BATCH = 8


class Branch:
    """`network` maps (N, 3, size, size) RGB in [0, 255] to (N, D).

    A `mirrored` branch sees every face as it is and mirrored, and gives the sum of the two unit vectors, for what
    differs between them is no property of the person. Of the D columns the last `beside` are no part of the vector: a
    mirrored branch gives their mean.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        dtype: torch.dtype | None = None,
        frame: tuple[Landmarks, int] = (TEMPLATE, CROP_SIZE),
        mirrored: bool = False,
        beside: int = 0,
    ) -> None:
        """`frame`: where the five landmarks lie in the crop, and its side in pixels."""
        self.device = device
        self.dtype = dtype or inference_dtype(device)
        self._template, self._size = frame
        self._mirrored = mirrored
        self._beside = beside
        # channels_last: the layout in which oneDNN and cuDNN have their fast half-precision convolutions
        layout = torch.channels_last
        self._network = network.eval().to(device, self.dtype).to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs lack it

    def align(self, image: Image, landmarks: Landmarks) -> Image:
        """(H, W, 3) uint8 RGB and (5, 2) points in it -> (size, size, 3) uint8."""
        return align(image, landmarks, template=self._template, size=self._size)

    def prepare(self, crops: Sequence[Image]) -> torch.Tensor:
        """-> (N, 3, size, size) uint8 in [0, 255], RGB, channels_last: a quarter of the bytes of floats."""
        stacked = torch.from_numpy(np.stack(crops))  # (N, size, size, 3)
        return stacked.permute(0, 3, 1, 2)  # a view, and its memory already lies in channels_last order

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, size, size) uint8 -> (N, D) on the device, not normalised."""
        if self.device.type != "cpu":
            return self._run(pixels.to(self.device, non_blocking=True))
        chunk = CPU_BATCH // 2 if self._mirrored else CPU_BATCH
        return torch.cat([self._run(part) for part in torch.split(pixels, chunk)])

    def _run(self, pixels: torch.Tensor) -> torch.Tensor:
        if not self._mirrored:
            result: torch.Tensor = self._network(pixels)
            return result
        both: torch.Tensor = self._network(torch.cat([pixels, pixels.flip(3)])).float()  # (2 N, D)
        size = both.shape[1] - self._beside
        one, other = functional.normalize(both[:, :size], dim=1).chunk(2)
        return torch.cat([one + other, torch.stack(both[:, size:].chunk(2)).mean(dim=0)], dim=1)
