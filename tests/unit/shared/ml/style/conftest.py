"""The style networks with their published weights, and pictures to paint."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from shared.ml.style.fast import FastStyliser
from shared.ml.style.features import Vgg16Features
from shared.ml.style.pixels import fit, resize, to_tensor
from shared.ml.weights import VGG16, load
from tests.unit.shared.ml.style.pictures import PORTRAIT, WAVE


@pytest.fixture(scope="session")
def features(weights_dir: Path) -> Vgg16Features:
    return Vgg16Features(load(VGG16, weights_dir))


@pytest.fixture(scope="session")
def styliser(weights_dir: Path) -> FastStyliser:
    return FastStyliser.from_weights(torch.device("cpu"), cache_dir=weights_dir)


@pytest.fixture(scope="session")
def portrait_128() -> Tensor:
    """(1, 3, h, w) in [0, 1], the longer side 128 px."""
    return _picture(PORTRAIT, 128)


@pytest.fixture(scope="session")
def wave_128() -> Tensor:
    return _picture(WAVE, 128)


def _picture(path: Path, long_side: int) -> Tensor:
    image = Image.open(path)
    return resize(to_tensor(image), *fit(image.width, image.height, long_side))
