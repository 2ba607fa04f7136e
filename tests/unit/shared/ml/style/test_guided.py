"""The ways back: a network small enough to go back through by hand, then VGG-16's own gradient as the oracle."""

import pytest
import torch
from torch import Tensor

from shared.errors import InvalidField
from shared.ml.style.features import Vgg16Features
from shared.ml.style.guided import backward_image, rectify
from shared.ml.style.options import Method


def by_hand(method: Method) -> tuple[float, list[float]]:
    """y = 2 relu(x1 - x2) - 3 relu(x3) + relu(x1 + x4), at x = (3, 1, 2, -5)."""
    x = torch.tensor([3.0, 1.0, 2.0, -5.0], requires_grad=True)
    hidden = torch.stack([x[0] - x[1], x[2], x[0] + x[3]])  # (2, 2, -2)
    y = torch.tensor([2.0, -3.0, 1.0]) @ rectify(hidden, method)
    (gradient,) = torch.autograd.grad(y, x)
    return y.item(), gradient.tolist()


def test_guided_backpropagation_keeps_back_what_is_negative_and_what_was_stopped() -> None:
    # coming back to `hidden`: (2, -3, 1); -3 is negative, 1 meets a unit that was off: only 2 goes on
    assert by_hand(Method.GUIDED) == (-2.0, [2.0, -2.0, 0.0, 0.0])


def test_a_deconvolution_rectifies_what_comes_back_and_asks_nothing_of_the_way_there() -> None:
    assert by_hand(Method.DECONVNET) == (-2.0, [3.0, -2.0, 0.0, 1.0])


@pytest.mark.parametrize("method", Method)
def test_without_a_rectification_on_the_way_both_are_the_gradient(
    features: Vgg16Features, wave_128: Tensor, method: Method
) -> None:
    pixels = wave_128.clone().requires_grad_(True)
    unit = features(pixels, ["conv1_1"])["conv1_1"][0, 5, 20, 30]
    (gradient,) = torch.autograd.grad(unit, pixels)
    activation, back = backward_image(features, wave_128, "conv1_1", (5, 20, 30), method=method)
    assert activation == pytest.approx(unit.item())
    torch.testing.assert_close(back, gradient[0])


@pytest.mark.parametrize("method", Method)
def test_the_activation_is_the_networks_and_only_the_field_is_reached(
    features: Vgg16Features, wave_128: Tensor, method: Method
) -> None:
    activation, back = backward_image(features, wave_128, "relu3_1", (7, 8, 10), method=method)
    assert activation == pytest.approx(features(wave_128, ["relu3_1"])["relu3_1"][0, 7, 8, 10].item(), rel=1e-5)
    rows, columns = back.abs().sum(0).nonzero().T
    assert rows.min() >= 22  # 8 * 4 - 10
    assert rows.max() < 46
    assert columns.min() >= 30
    assert columns.max() < 54


def test_an_unknown_layer_is_refused(features: Vgg16Features, wave_128: Tensor) -> None:
    with pytest.raises(InvalidField, match="no layer 'fc7'"):
        backward_image(features, wave_128, "fc7", (0, 0, 0), method=Method.GUIDED)
