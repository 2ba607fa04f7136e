"""Aligned faces to embeddings, in three stages of which only the middle one touches the device."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from shared.ml.device import inference_dtype
from shared.ml.face.detector import Image
from shared.ml.face.sface import SFace
from shared.ml.weights import SFACE, Supply, load

# On a CPU a face costs least in batches of 8: larger ones leave the cache. A GPU takes what it is given.
_CPU_BATCH = 8


class FaceEmbedder:
    """SFace, ready to run: half precision where the device computes in it, float32 elsewhere.

    `name` and `digest` are the model's identity: embeddings of different digests must not be compared.
    """

    name = SFACE.name
    digest = SFACE.digest

    def __init__(self, network: SFace, *, device: torch.device, dtype: torch.dtype | None = None) -> None:
        self.device = device
        self.dtype = dtype or inference_dtype(device)
        # channels_last: the layout in which oneDNN and cuDNN have their fast half-precision convolutions
        layout = torch.channels_last
        self._network = network.eval().to(device, self.dtype).to(memory_format=layout)  # type: ignore[call-overload]  # torch's stubs lack it

    @classmethod
    def from_weights(
        cls,
        device: torch.device,
        *,
        cache_dir: Path | None = None,
        supply: Supply | None = None,
        dtype: torch.dtype | None = None,
    ) -> "FaceEmbedder":
        """With the published weights, fetched and converted where they are not yet in the cache."""
        network = SFace()
        network.load_state_dict(load(SFACE, cache_dir, supply=supply))
        return cls(network, device=device, dtype=dtype)

    def embed(self, crops: Sequence[Image]) -> npt.NDArray[np.float32]:
        """N aligned crops, each (112, 112, 3) uint8 RGB -> (N, 128) float32, rows of unit length."""
        return self.finish(self.forward(self.prepare(crops)))

    def prepare(self, crops: Sequence[Image]) -> torch.Tensor:
        """-> (N, 3, 112, 112) uint8 in [0, 255], RGB, channels_last: a quarter of the bytes of floats."""
        stacked = torch.from_numpy(np.stack(crops))  # (N, 112, 112, 3)
        return stacked.permute(0, 3, 1, 2)  # a view, and its memory already lies in channels_last order

    @torch.inference_mode()
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, 112, 112) uint8 -> (N, 128), not normalised, on the device."""
        if self.device.type == "cpu":
            chunks = torch.split(pixels, _CPU_BATCH)
            return torch.cat([self._run(chunk) for chunk in chunks])
        return self._run(pixels)

    def finish(self, raw: torch.Tensor) -> npt.NDArray[np.float32]:
        """-> (N, 128) float32 of unit length, in the host's memory."""
        vectors = functional.normalize(raw.float().cpu(), dim=1)
        return np.asarray(vectors.numpy(), dtype=np.float32)

    def _run(self, pixels: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self._network(pixels.to(self.device, non_blocking=True))
        return result
