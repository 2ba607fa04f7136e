"""What a face model is to the rest of the system: aligned crops in, unit vectors out, in three stages."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from shared.ml.face.detector import Image, Landmarks

Aligned = tuple[Image, ...]
"""One face, aligned as each network of a model wants it: one crop per network, uint8 RGB. The first is always
the (112, 112, 3) crop of shared.ml.face.alignment, which the quality is measured on too."""

Embeddings = npt.NDArray[np.float32]  # (N, dimensions), rows of unit length

Doubts = npt.NDArray[np.float32]  # (N,), log odds


class FaceModel(Protocol):
    """An embedder, or several fused to one.

    `name` and `digest` are its identity: embeddings of different digests must not be compared.
    """

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    @property
    def device(self) -> torch.device: ...

    def align(self, image: Image, landmarks: Landmarks) -> Aligned:
        """(H, W, 3) uint8 RGB and the (5, 2) landmarks of a face in it -> its crops."""
        ...

    def prepare(self, faces: Sequence[Aligned]) -> tuple[torch.Tensor, ...]:
        """On the CPU: N faces -> for each network (N, 3, side, side) uint8 in [0, 255], RGB."""
        ...

    def forward(self, pixels: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """On the device: -> (N, ...), what `finish` and `doubts` read."""
        ...

    def finish(self, raw: torch.Tensor) -> Embeddings:
        """In the host's memory: -> (N, dimensions) float32 of unit length."""
        ...

    def doubts(self, raw: torch.Tensor) -> Doubts | None:
        """-> (N,): how much each embedding is to be doubted (shared/ml/face/doubt.py); None where it is not known."""
        ...

    def embed(self, faces: Sequence[Aligned]) -> Embeddings:
        """The three stages in a row."""
        ...
