"""Strides and reaches against what the network does; tiles that cover a picture once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.ml.style.features import Vgg16Features
from shared.ml.style.geometry import ALIGNMENT, halo, largest_tile, reach, stride, tiles
from shared.ml.style.options import LAYERS


@pytest.mark.parametrize(
    ("layer", "pixels"), [("conv1_1", 1), ("relu1_2", 1), ("relu2_1", 2), ("conv4_2", 8), ("relu5_3", 16)]
)
def test_the_stride_doubles_with_each_block(layer: str, pixels: int) -> None:
    assert stride(layer) == pixels


@pytest.mark.parametrize(
    ("layer", "pixels"), [("relu1_1", 1), ("relu1_2", 2), ("relu2_1", 4), ("relu3_1", 10), ("relu5_1", 58)]
)
def test_the_reach_is_the_sum_of_the_convolutions_strides(layer: str, pixels: int) -> None:
    assert reach([layer]) == pixels


def test_the_reach_of_several_layers_is_that_of_the_deepest() -> None:
    assert reach(["relu3_1", "relu1_1"]) == reach(["relu3_1"])
    assert reach([]) == 0


@pytest.mark.parametrize("layer", ["relu1_2", "conv2_1", "relu3_3", "relu4_2"])
def test_the_reach_is_how_far_the_network_sees(features: Vgg16Features, layer: str) -> None:
    """The gradient of one position is zero outside its own pixels and their surroundings."""
    pixels = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0)).requires_grad_()
    seen = features(pixels, [layer])[layer]
    middle = seen.shape[2] // 2
    (gradient,) = torch.autograd.grad(seen[..., middle, middle].abs().sum(), pixels)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    first, last = middle * stride(layer) - reach([layer]), (middle + 1) * stride(layer) - 1 + reach([layer])
    assert (int(rows.min()), int(rows.max())) == (first, last)


@given(
    st.integers(16, 400), st.integers(16, 400), st.integers(1, 20).map(lambda n: n * ALIGNMENT), st.sampled_from(LAYERS)
)
def test_each_position_of_each_layer_belongs_to_one_tile(height: int, width: int, side: int, layer: str) -> None:
    step = stride(layer)
    owners = torch.zeros(height // step, width // step)
    for tile in tiles(height, width, side, halo(LAYERS)):
        owners[tile.rows.owned(step), tile.columns.owned(step)] += 1
    assert (owners == 1).all()


@given(st.integers(16, 400), st.integers(1, 20).map(lambda n: n * ALIGNMENT), st.sampled_from(LAYERS))
def test_a_tile_finds_its_own_positions_in_what_it_computes(length: int, side: int, layer: str) -> None:
    step = stride(layer)
    for tile in tiles(length, length, side, halo([layer])):
        rows = tile.rows
        assert rows.start % ALIGNMENT == 0
        assert rows.start + rows.inner(step).start * step == rows.owned(step).start * step
        assert rows.inner(step).stop - rows.inner(step).start == rows.owned(step).stop - rows.owned(step).start
        assert rows.start == 0 or rows.first - rows.start >= reach([layer])
        assert rows.stop == length or rows.stop - rows.last >= reach([layer])


@pytest.mark.parametrize("side", [None, 100, 500])
def test_a_picture_no_larger_than_a_tile_is_one(side: int | None) -> None:
    (tile,) = tiles(70, 100, side, 64)
    assert (tile.rows.computed, tile.columns.computed) == (slice(0, 70), slice(0, 100))


def test_the_largest_tile_has_its_halo_on_both_sides() -> None:
    assert largest_tile(1000, 2000, 480, 64) == (336 + 64 + 64, 400 + 64 + 64)
    assert largest_tile(300, 200, None, 64) == (300, 200)
