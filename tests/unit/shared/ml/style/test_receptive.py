"""Receptive fields: known sizes, and autograd as the oracle of which pixels have an influence."""

import pytest
import torch
from torch import nn

from shared.errors import InvalidField
from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import MODULES
from shared.ml.style.receptive import Box, of_modules, receptive_field

SIZES = {"conv1_1": 3, "relu1_2": 5, "conv2_1": 10, "conv3_1": 24, "relu3_3": 40, "conv4_3": 92, "conv5_3": 196}


@pytest.fixture(scope="module")
def untrained() -> Vgg16Features:
    """VGG-16's shape with positive weights: every path from a pixel to a unit counts, none cancels another."""
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    indices = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    state = {}
    for index, narrow, wide in zip(indices, widths[:-1], widths[1:], strict=True):
        state[f"features.{index}.weight"] = torch.full((wide, narrow, 3, 3), 1 / (9 * narrow))
        state[f"features.{index}.bias"] = torch.full((wide,), 0.01)
    return Vgg16Features(state)


@pytest.mark.parametrize(("layer", "size"), SIZES.items())
def test_the_sizes_are_vgg16s(untrained: Vgg16Features, layer: str, size: int) -> None:
    assert receptive_field(untrained, layer).size == size


@pytest.mark.parametrize("layer", ["conv1_1", "relu1_2", "conv2_1", "relu2_2", "conv3_1", "relu3_3"])
def test_exactly_the_pixels_of_the_field_have_an_influence(untrained: Vgg16Features, layer: str) -> None:
    field = receptive_field(untrained, layer)
    side = 72
    row, column = field.inside(side)[1], field.inside(side)[-1]
    reached = influence(untrained, layer, (row, column), side)
    box = field.box(row, column)
    expected = torch.zeros(side, side, dtype=torch.bool)
    expected[box.top : box.bottom, box.left : box.right] = True
    assert torch.equal(reached, expected)


def influence(features: Vgg16Features, layer: str, position: tuple[int, int], side: int) -> torch.Tensor:
    """(side, side): which pixels can change the unit. Average pooling lets every path through, where the maximum
    takes one, and both see the same pixels.
    """
    pixels = torch.zeros(1, 3, side, side, requires_grad=True)
    a = pixels
    for name, module in zip(MODULES, features.features, strict=True):
        a = nn.functional.avg_pool2d(a, 2) if isinstance(module, nn.MaxPool2d) else module(a)
        if name == layer:
            break
    (gradient,) = torch.autograd.grad(a[0, 0, position[0], position[1]], pixels)
    return gradient[0].abs().sum(0) > 0


@pytest.mark.parametrize("layer", ["conv1_1", "conv2_1", "conv3_1", "relu4_3"])
@pytest.mark.parametrize("length", [100, 113, 128])
def test_positions_inside_are_those_whose_whole_field_is(untrained: Vgg16Features, layer: str, length: int) -> None:
    field = receptive_field(untrained, layer)
    positions = length // field.stride
    whole = [i for i in range(positions) if i * field.stride + field.start >= 0 and field.box(i, 0).bottom <= length]
    assert list(field.inside(length)) == whole


def test_a_side_shorter_than_the_field_has_no_position_inside(untrained: Vgg16Features) -> None:
    assert not receptive_field(untrained, "conv5_3").inside(195)


def test_strides_and_paddings_of_any_convolution_count() -> None:
    modules = [nn.Conv2d(3, 4, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    field = of_modules(modules)
    # 7 px, then three positions two pixels apart; -3 and another position of 2 px
    assert (field.size, field.stride, field.start) == (11, 4, -5)
    assert field.box(2, 3) == Box(3, 7, 14, 18)


def test_an_unknown_layer_is_refused(untrained: Vgg16Features) -> None:
    with pytest.raises(InvalidField, match="no layer 'conv9_1'"):
        receptive_field(untrained, "conv9_1")
