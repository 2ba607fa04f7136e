"""Pictures to tensors, back, and to other sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.ml.style.pixels import fit, resize, to_image, to_tensor

SIDES = st.integers(1, 12_000)


def test_every_byte_survives_the_way_there_and_back() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.stack([values, values.T, values[::-1]], axis=-1)
    assert np.array_equal(np.asarray(to_image(to_tensor(Image.fromarray(pixels)))), pixels)


def test_a_tensor_is_one_image_of_three_planes_between_0_and_1() -> None:
    image = Image.new("RGB", (5, 3), (255, 0, 51))
    pixels = to_tensor(image)
    assert pixels.shape == (1, 3, 3, 5)
    assert pixels.dtype is torch.float32
    torch.testing.assert_close(pixels[0, :, 0, 0], torch.tensor([1.0, 0.0, 0.2]))


def test_a_grey_picture_has_three_equal_planes() -> None:
    torch.testing.assert_close(to_tensor(Image.new("L", (2, 4), 51)), torch.full((1, 3, 4, 2), 0.2))


def test_what_is_out_of_range_is_clamped_not_wrapped() -> None:
    pixels = torch.tensor([-0.5, 0.5, 1.5])[None, :, None, None]
    assert to_image(pixels).getpixel((0, 0)) == (0, 128, 255)


def test_a_picture_under_gradients_or_in_half_precision_can_be_written() -> None:
    assert to_image(torch.full((1, 3, 2, 4), 0.2, requires_grad=True)).getpixel((0, 0)) == (51, 51, 51)
    assert to_image(torch.ones((1, 3, 2, 4), dtype=torch.bfloat16)).size == (4, 2)


@pytest.mark.parametrize(("height", "width"), [(7, 11), (40, 3), (16, 16), (1, 1)])
def test_resizing_gives_the_size_within_the_range(height: int, width: int) -> None:
    checkerboard = (torch.arange(16)[:, None] + torch.arange(16)).remainder(2).float().expand(2, 3, 16, 16)
    resized = resize(checkerboard, height, width)
    assert resized.shape == (2, 3, height, width)
    assert resized.min() >= 0
    assert resized.max() <= 1


def test_an_edge_enlarged_does_not_overshoot() -> None:
    edge = torch.zeros(1, 3, 4, 4)
    edge[..., 2:] = 1
    assert resize(edge, 32, 32).min() == 0
    assert resize(edge, 32, 32).max() == 1


def test_shrinking_averages_instead_of_picking_pixels() -> None:
    checkerboard = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2).float().expand(1, 3, 64, 64)
    torch.testing.assert_close(resize(checkerboard, 8, 8), torch.full((1, 3, 8, 8), 0.5), rtol=0, atol=0.02)


def test_a_picture_of_the_right_size_is_unchanged() -> None:
    pixels = torch.rand(1, 3, 9, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(resize(pixels, 9, 6), pixels)


@pytest.mark.parametrize(
    ("size", "long_side", "fitted"),
    [
        ((400, 300), 200, (150, 200)),
        ((300, 400), 200, (200, 150)),
        ((100, 100), 256, (256, 256)),
        ((12_000, 16), 512, (1, 512)),
    ],
)
def test_fitting_gives_height_and_width(size: tuple[int, int], long_side: int, fitted: tuple[int, int]) -> None:
    assert fit(*size, long_side) == fitted


@given(SIDES, SIDES, st.integers(16, 4096))
@settings(deadline=None)
def test_fitting_hits_the_long_side_and_keeps_the_shape(width: int, height: int, long_side: int) -> None:
    fitted_height, fitted_width = fit(width, height, long_side)
    assert max(fitted_height, fitted_width) == long_side
    assert min(fitted_height, fitted_width) >= 1
    # each side is within half a pixel of the exact one, or is the one pixel that must be left
    scale = long_side / max(width, height)
    assert abs(fitted_width - width * scale) <= 0.5 or fitted_width == 1
    assert abs(fitted_height - height * scale) <= 0.5 or fitted_height == 1
