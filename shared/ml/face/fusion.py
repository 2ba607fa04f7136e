"""The model `accurate`: SFace on the face and its mirror image, beside dlib's network.

Two networks that were trained on other photos with other losses err on other pairs. Their unit vectors stand
side by side in one, so that the cosine of two such vectors is the weighted mean of the networks' cosines, and
everything that compares, stores or searches templates stays as it is:

    f = (f_sface, w f_dlib) / sqrt(1 + w²),    f · g = (f_sface · g_sface + w² f_dlib · g_dlib) / (1 + w²)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from shared.ml.face.branch import Branch
from shared.ml.face.dlib_resnet import INPUT_SIZE, TEMPLATE, DlibResNet
from shared.ml.face.doubt import DoubtingSFace
from shared.ml.face.geometry import Image, Landmarks
from shared.ml.face.model import Aligned, Doubts, Embeddings
from shared.ml.face.recipe import ACCURATE, ACCURATE_DIGEST, ACCURATE_DIMENSIONS, DLIB_WEIGHT
from shared.ml.face.sface import SFace
from shared.ml.weights import DLIB_RESNET, SFACE, Supply, load

_DOUBT = 128  # its column


class FusedEmbedder:
    """Both networks, ready to run (a FaceModel)."""

    name = ACCURATE
    digest = ACCURATE_DIGEST
    dimensions = ACCURATE_DIMENSIONS

    def __init__(
        self, sface: SFace, dlib: DlibResNet, *, device: torch.device, dtype: torch.dtype | None = None
    ) -> None:
        self.device = device
        self._branches = (
            Branch(DoubtingSFace(sface), device, dtype=dtype, mirrored=True, beside=1),
            Branch(dlib, device, dtype=dtype, frame=(TEMPLATE, INPUT_SIZE)),
        )
        self._weights = (1.0, DLIB_WEIGHT)

    @classmethod
    def from_weights(
        cls,
        device: torch.device,
        *,
        cache_dir: Path | None = None,
        supply: Supply | None = None,
        dtype: torch.dtype | None = None,
    ) -> "FusedEmbedder":
        """With the published weights, fetched and converted where they are not yet in the cache."""
        sface, dlib = SFace(), DlibResNet()
        sface.load_state_dict(load(SFACE, cache_dir, supply=supply))
        dlib.load_state_dict(load(DLIB_RESNET, cache_dir, supply=supply))
        return cls(sface, dlib, device=device, dtype=dtype)

    def align(self, image: Image, landmarks: Landmarks) -> Aligned:
        """(H, W, 3) uint8 RGB and (5, 2) points in it -> the (112, 112, 3) and the (150, 150, 3) crop."""
        return tuple(branch.align(image, landmarks) for branch in self._branches)

    def embed(self, faces: Sequence[Aligned]) -> Embeddings:
        """N aligned faces -> (N, 256) float32, rows of unit length."""
        return self.finish(self.forward(self.prepare(faces)))

    def prepare(self, faces: Sequence[Aligned]) -> tuple[torch.Tensor, ...]:
        """-> (N, 3, 112, 112) and (N, 3, 150, 150) uint8 in [0, 255], RGB."""
        crops = zip(*faces, strict=True)
        return tuple(branch.prepare(of_one) for branch, of_one in zip(self._branches, crops, strict=True))

    @torch.inference_mode()
    def forward(self, pixels: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The two tensors of `prepare` -> (N, 257) float32: SFace's vectors and the doubt in them, dlib's vectors."""
        parts = zip(self._branches, pixels, strict=True)
        return torch.cat([branch.forward(crops).float() for branch, crops in parts], dim=1)

    def finish(self, raw: torch.Tensor) -> Embeddings:
        """-> (N, 256) float32 of unit length, each network's half of its weight's length, in the host's memory."""
        halves = zip(self._weights, (raw[:, :_DOUBT].cpu(), raw[:, _DOUBT + 1 :].cpu()), strict=True)
        weighted = torch.cat([weight * functional.normalize(half, dim=1) for weight, half in halves], dim=1)
        return np.asarray(functional.normalize(weighted, dim=1).numpy(), dtype=np.float32)

    def doubts(self, raw: torch.Tensor) -> Doubts:
        """-> (N,): the mean of the face's and its mirror image's."""
        return np.asarray(raw[:, _DOUBT].cpu().numpy(), dtype=np.float32)
