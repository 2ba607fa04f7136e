"""Convolutions on phases against the picture's own convolutions."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.ml.style import phases


def random(*size: int) -> Tensor:
    return torch.rand(*size, generator=torch.Generator().manual_seed(sum(size)))


@pytest.fixture
def picture() -> Tensor:
    return random(2, 3, 12, 20)


@pytest.mark.parametrize(("dim", "before", "after"), [(2, 2, 2), (3, 2, 2), (2, 1, 0), (3, 0, 2)])
def test_mirroring_phases_is_mirroring_the_picture(picture: Tensor, dim: int, before: int, after: int) -> None:
    edges = (0, 0, 2 * before, 2 * after) if dim == 2 else (2 * before, 2 * after, 0, 0)
    expected = F.pixel_unshuffle(F.pad(picture, edges, mode="reflect"), 2)
    found = phases.mirrored(F.pixel_unshuffle(picture, 2), before, after, dim=dim)
    assert torch.equal(found, expected)


def test_a_convolution_of_full_size(picture: Tensor) -> None:
    kernel = random(5, 3, 9, 9)
    bordered = F.pixel_unshuffle(F.pad(picture, (4, 4, 4, 4), mode="reflect"), 2)
    found = F.pixel_shuffle(F.conv2d(bordered, phases.keeping_size(kernel)), 2)
    torch.testing.assert_close(found, F.conv2d(F.pad(picture, (4, 4, 4, 4), mode="reflect"), kernel))


def test_a_halving_convolution(picture: Tensor) -> None:
    kernel = random(5, 3, 3, 3)
    bordered = F.pad(F.pixel_unshuffle(picture, 2), (1, 0, 1, 0), mode="replicate")
    expected = F.conv2d(F.pad(picture, (1, 1, 1, 1), mode="reflect"), kernel, stride=2)
    torch.testing.assert_close(F.conv2d(bordered, phases.halving(kernel)), expected)


def test_a_convolution_after_a_doubling(picture: Tensor) -> None:
    kernel = random(5, 3, 3, 3)
    bordered = F.pad(picture, (1, 1, 1, 1), mode="replicate")
    doubled = F.interpolate(picture, scale_factor=2, mode="nearest")
    expected = F.conv2d(F.pad(doubled, (1, 1, 1, 1), mode="reflect"), kernel)
    torch.testing.assert_close(F.pixel_shuffle(F.conv2d(bordered, phases.doubling(kernel)), 2), expected)
