"""The face models that can be served, by name."""

from pathlib import Path

import torch

from shared.errors import UnknownModel
from shared.ml.face import recipe
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.fusion import FusedEmbedder
from shared.ml.face.model import FaceModel
from shared.ml.weights import SFACE, Supply

NAMES = (recipe.DEFAULT, SFACE.name, recipe.ACCURATE)


def load_model(
    name: str,
    device: torch.device,
    *,
    cache_dir: Path | None = None,
    supply: Supply | None = None,
    dtype: torch.dtype | None = None,
) -> FaceModel:
    """One of NAMES with its published weights; "default" is another name of SFace.

    Raises UnknownModel for another name, WeightsNotFound and WeightsCorrupt.
    """
    match name:
        case recipe.DEFAULT | SFACE.name:
            return FaceEmbedder.from_weights(device, cache_dir=cache_dir, supply=supply, dtype=dtype)
        case recipe.ACCURATE:
            return FusedEmbedder.from_weights(device, cache_dir=cache_dir, supply=supply, dtype=dtype)
        case _:
            raise UnknownModel(f"unknown face model {name!r}: choose one of {', '.join(NAMES)}")
