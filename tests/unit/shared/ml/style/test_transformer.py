"""The rewritten network against the published graph written out plainly, in float32."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.ml.style.pixels import resize
from shared.ml.style.transformer import StyleTransformer
from shared.ml.weights import MAGENTA_TRANSFORM, MULTISTYLE, load

Weights = Mapping[str, Tensor]


def plainly(state: Weights, x: Tensor, style: Tensor) -> Tensor:
    """Dumoulin et al.'s table 1, layer by layer: (N, 3, H, W), (N, D) -> (N, 3, H, W)."""

    def layer(x: Tensor, name: str, stride: int = 1) -> Tensor:
        styled = f"{name}.scale.weight" in state
        weight = state[f"{name}.convolution.weight" if styled else f"{name}.weight"]
        half = weight.shape[-1] // 2
        y = F.conv2d(F.pad(x, (half,) * 4, mode="reflect"), weight, state.get(f"{name}.bias"), stride=stride)
        if not styled:
            return y
        gamma, beta = (
            F.linear(style, state[f"{name}.{part}.weight"].flatten(1), state.get(f"{name}.{part}.bias"))
            for part in ("scale", "offset")
        )
        return F.instance_norm(y) * gamma[..., None, None] + beta[..., None, None]

    for i, stride in enumerate((1, 2, 2)):
        x = F.relu(layer(x, f"contract.{i}", stride))
    for i in range(5 if "contract.0.weight" in state else 6):
        x = x + layer(F.relu(layer(x, f"residual.{i}.0")), f"residual.{i}.1")
    for i in range(2):
        x = F.relu(layer(F.interpolate(x, scale_factor=2, mode="nearest"), f"expand.{i}"))
    return torch.sigmoid(layer(x, "expand.2"))


@pytest.fixture(scope="module", params=[MAGENTA_TRANSFORM, MULTISTYLE], ids=lambda weights: weights.name)
def state(request: pytest.FixtureRequest, weights_dir: Path) -> Weights:
    return load(request.param, weights_dir)


@pytest.fixture(scope="module")
def styles(state: Weights) -> Tensor:
    """(2, D)"""
    size = (2, state["expand.0.scale.weight"].shape[1])
    return torch.rand(size, generator=torch.Generator().manual_seed(3)) / 5


@pytest.fixture
def contents(portrait_128: Tensor, wave_128: Tensor) -> Tensor:
    return torch.cat([resize(picture, 60, 84) for picture in (portrait_128, wave_128)])


@pytest.mark.parametrize(("height", "width"), [(8, 8), (60, 84), (12, 72)])
def test_it_computes_what_the_published_layers_do(
    state: Weights, contents: Tensor, styles: Tensor, height: int, width: int
) -> None:
    pixels = resize(contents, height, width)
    found = StyleTransformer(state, dtype=torch.float32)(pixels, styles)
    torch.testing.assert_close(found, plainly(state, pixels, styles), rtol=0, atol=2e-3)
    assert (found - plainly(state, pixels, styles)).abs().mean() < 5e-5


@pytest.mark.parametrize("rows", [1, 7, 15, 500])
def test_strips_of_rows_have_the_statistics_of_the_whole(
    state: Weights, contents: Tensor, styles: Tensor, rows: int
) -> None:
    network = StyleTransformer(state, dtype=torch.float32)
    found, expected = network(contents, styles, rows=rows), network(contents, styles)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)
    assert (found - expected).abs().mean() < 5e-5


def test_half_the_bits_give_nearly_the_same_picture(state: Weights, contents: Tensor, styles: Tensor) -> None:
    half, full = (StyleTransformer(state, dtype=dtype)(contents, styles) for dtype in (torch.bfloat16, torch.float32))
    assert half.dtype is torch.float32
    assert (half - full).abs().mean() < 0.01
