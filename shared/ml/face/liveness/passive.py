"""Passive liveness: one photo, no cooperation. Two MiniFASNets look at the face and at what is around it.

The mean of both networks' probability of "live", as the authors combine them. V2 sees the face's box times
2.7, V1SE the box times 4: the bezel of a screen and the edge of a print are outside the face.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from shared.ml.face.detector import Box, Image
from shared.ml.face.liveness.minifasnet import LIVE, SIDE, V1SE, V2, MiniFASNet
from shared.ml.weights import MINIFASNET_V1SE, MINIFASNET_V2, Supply, load

_SCALES = (2.7, 4.0)  # of V2 and V1SE: how much of the photo each sees, in parts of the face's box

Crops = tuple[Image, Image]  # what V2 and V1SE see of one face: each (80, 80, 3) uint8 RGB
Scores = npt.NDArray[np.float32]  # (N,) in [0, 1]; 1 is live


@dataclass(frozen=True)
class PassiveProfile:
    """The least score that passes for live, and on what data it stands."""

    name: str
    threshold: float
    bpcer: float  # part of ordinary photos that it refuses
    model: str
    data: str
    source: str


_MODEL = f"{MINIFASNET_V2.name} and {MINIFASNET_V1SE.name}, mean"
_DATA = "2043 photos of LFW, all bona fide: press photos, not selfies. Attacks were not at hand in any number"
_SOURCE = "measured with this pipeline, November 2026"

PASSIVE_PROFILES: Mapping[str, PassiveProfile] = {
    profile.name: profile
    for profile in (PassiveProfile("passive-half", 0.5, bpcer=0.089, model=_MODEL, data=_DATA, source=_SOURCE),)
}
DEFAULT_PASSIVE = PASSIVE_PROFILES["passive-half"]


class PassiveLiveness:
    """Both networks, in float32: 0.08 GMAC a face are not worth a half-precision kernel's set-up."""

    name = "minifasnet-v2+v1se"
    digest = f"{MINIFASNET_V2.digest[:8]}{MINIFASNET_V1SE.digest[:8]}"

    def __init__(self, networks: tuple[MiniFASNet, MiniFASNet], *, device: torch.device) -> None:
        self.device = device
        self._networks = tuple(network.eval().to(device) for network in networks)

    @classmethod
    def from_weights(
        cls, device: torch.device, *, cache_dir: Path | None = None, supply: Supply | None = None
    ) -> "PassiveLiveness":
        """With the authors' weights.

        Raises:
            WeightsNotFound: they are optional, and no source has them.
        """
        networks = MiniFASNet(V2), MiniFASNet(V1SE)
        for network, weights in zip(networks, (MINIFASNET_V2, MINIFASNET_V1SE), strict=True):
            network.load_state_dict(load(weights, cache_dir, supply=supply))
        return cls(networks, device=device)

    def score(self, image: Image, box: Box) -> float:
        """How live the face in `box` of an (H, W, 3) uint8 RGB image looks, in [0, 1]."""
        return float(self.scores([crops(image, box)])[0])

    def scores(self, faces: Sequence[Crops]) -> Scores:
        """The three stages in a row."""
        return self.finish(self.forward(self.prepare(faces)))

    def prepare(self, faces: Sequence[Crops]) -> tuple[torch.Tensor, torch.Tensor]:
        """On the CPU: -> for each network (N, 3, 80, 80) float32 in [0, 255], BGR."""
        close, wide = (np.stack([face[i][..., ::-1] for face in faces]) for i in range(2))
        return _planes(close), _planes(wide)

    @torch.inference_mode()
    def forward(self, pixels: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """On the device: -> (N,) probabilities of live, the mean of both networks'."""
        each = [
            torch.softmax(network(seen.to(self.device)), dim=1)[:, LIVE]
            for network, seen in zip(self._networks, pixels, strict=True)
        ]
        return torch.stack(each).mean(dim=0)

    def finish(self, live: torch.Tensor) -> Scores:
        """-> (N,) float32 in the host's memory."""
        return np.asarray(live.cpu().numpy(), dtype=np.float32)


def crops(image: Image, box: Box) -> Crops:
    """What each network sees of the face in `box`, (H, W, 3) uint8 RGB in and out."""
    close, wide = (_crop(image, box, scale) for scale in _SCALES)
    return close, wide


def surroundings(box: Box, scale: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The authors' crop: left, top, right, bottom (inclusive) in an image of this (width, height).

    The box grows about its centre by `scale`, or by as much as the image has room for (both sides alike, so
    that proportions stay); where it then sticks out it is pushed back inside.
    """
    x, y, width, height = (int(value) for value in box)  # their detector gave whole pixels
    limits = (size[0] - 1, size[1] - 1)
    scale = min(scale, limits[0] / max(1, width), limits[1] / max(1, height))
    edges = []
    for start, extent, limit in ((x, width, limits[0]), (y, height, limits[1])):
        half = extent * scale / 2
        low, high = start + extent / 2 - half, start + extent / 2 + half
        inward = max(0.0, -low) - max(0.0, high - limit)
        edges.append((int(low + inward), int(high + inward)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _crop(image: Image, box: Box, scale: float) -> Image:
    left, top, right, bottom = surroundings(box, scale, (image.shape[1], image.shape[0]))
    part = image[top : bottom + 1, left : right + 1]
    return np.asarray(cv2.resize(part, (SIDE, SIDE)), dtype=np.uint8)  # bilinear, as in training


def _planes(pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).float()
