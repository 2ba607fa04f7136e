"""Aligned faces to embeddings, in three stages of which only the middle one touches the device."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from shared.ml.face.branch import Branch
from shared.ml.face.doubt import DoubtingSFace, split
from shared.ml.face.geometry import Image, Landmarks
from shared.ml.face.model import Aligned, Doubts, Embeddings
from shared.ml.face.sface import SFace
from shared.ml.weights import SFACE, Supply, Weights, load


class FaceEmbedder:
    """SFace, ready to run (a FaceModel): half precision where the device computes in it, float32 elsewhere."""

    dimensions = 128

    def __init__(
        self, network: SFace, *, device: torch.device, dtype: torch.dtype | None = None, weights: Weights = SFACE
    ) -> None:
        """`weights` is what the network's parameters are: it gives the model its name and digest."""
        self.name = weights.name
        self.digest = weights.digest
        self.device = device
        self._doubts = weights.digest == SFACE.digest
        self._branch = Branch(DoubtingSFace(network) if self._doubts else network, device, dtype=dtype)
        self.dtype = self._branch.dtype

    @classmethod
    def from_weights(
        cls,
        device: torch.device,
        *,
        weights: Weights = SFACE,
        cache_dir: Path | None = None,
        supply: Supply | None = None,
        dtype: torch.dtype | None = None,
    ) -> "FaceEmbedder":
        """With the published weights or trained ones, fetched and converted where they are not yet in the cache."""
        network = SFace()
        network.load_state_dict(load(weights, cache_dir, supply=supply))
        return cls(network, device=device, dtype=dtype, weights=weights)

    def align(self, image: Image, landmarks: Landmarks) -> Aligned:
        """(H, W, 3) uint8 RGB and (5, 2) points in it -> one (112, 112, 3) crop."""
        return (self._branch.align(image, landmarks),)

    def embed(self, faces: Sequence[Aligned]) -> Embeddings:
        """N aligned faces -> (N, 128) float32, rows of unit length."""
        return self.finish(self.forward(self.prepare(faces)))

    def prepare(self, faces: Sequence[Aligned]) -> tuple[torch.Tensor, ...]:
        """-> (N, 3, 112, 112) uint8 in [0, 255], RGB, channels_last: a quarter of the bytes of floats."""
        return (self._branch.prepare([crop for (crop,) in faces]),)

    @torch.inference_mode()
    def forward(self, pixels: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """(N, 3, 112, 112) uint8 -> on the device (N, 128), not normalised, and where it is known a column of doubt."""
        (crops,) = pixels
        return self._branch.forward(crops)

    def finish(self, raw: torch.Tensor) -> Embeddings:
        """-> (N, 128) float32 of unit length, in the host's memory."""
        vectors = functional.normalize(raw[:, : self.dimensions].float().cpu(), dim=1)
        return np.asarray(vectors.numpy(), dtype=np.float32)

    def doubts(self, raw: torch.Tensor) -> Doubts | None:
        """-> (N,); None of trained weights."""
        if not self._doubts:
            return None
        return np.asarray(split(raw)[1].cpu().numpy(), dtype=np.float32)
