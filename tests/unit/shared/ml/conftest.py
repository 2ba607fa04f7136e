"""The sample portraits, and the face models with their weights."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.weights import YUNET, fetch

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB

PORTRAITS = Path(__file__).parents[3] / "data" / "faces"


@pytest.fixture(scope="session")
def portrait() -> Callable[[str], Image]:
    def read(name: str) -> Image:
        """(H, W, 3) uint8 RGB of a sample portrait."""
        bgr = cv2.imread(str(PORTRAITS / name))
        assert bgr is not None, name
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    return read


@pytest.fixture(scope="session")
def detector(weights_dir: Path) -> FaceDetector:
    return FaceDetector(fetch(YUNET, weights_dir))


@pytest.fixture(scope="session")
def embedder(weights_dir: Path) -> FaceEmbedder:
    return FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir)
