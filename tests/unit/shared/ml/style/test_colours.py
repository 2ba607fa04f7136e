"""Whose colours a picture has: statistics that must come out, and pictures without any."""

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from skimage import color
from torch import Tensor

from shared.ml.style.colours import after, before, luminance, match_covariance, match_histograms, match_luminance
from shared.ml.style.options import Colours

CONTENTS_COLOURS = [Colours.LUMINANCE, Colours.HISTOGRAM, Colours.CHOLESKY]


@pytest.fixture
def content() -> Tensor:
    """(1, 3, 40, 60) with correlated channels, well within the range."""
    x = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    red, green, blue = torch.split(x, 1, dim=1)
    return torch.cat([0.3 + 0.3 * red, 0.2 + 0.2 * red + 0.2 * green, 0.4 + 0.3 * blue], dim=1)


@pytest.fixture
def style() -> Tensor:
    """(1, 3, 30, 20): another size, other colours."""
    return torch.rand(1, 3, 30, 20, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.3


def covariance(pixels: Tensor) -> Tensor:
    return torch.cov(pixels[0].flatten(1), correction=0)


def test_the_styles_own_colours_are_left_alone(style: Tensor, content: Tensor) -> None:
    assert before(style, content, Colours.STYLE) is style
    assert after(style, content, Colours.STYLE) is style


def test_luminance_is_y_of_yiq(content: Tensor) -> None:
    expected = color.rgb2yiq(content[0].permute(1, 2, 0).numpy())[..., 0]
    np.testing.assert_allclose(luminance(content)[0, 0].numpy(), expected, atol=1e-6)


def test_the_styles_luminance_has_the_contents_mean_and_deviation(style: Tensor, content: Tensor) -> None:
    matched, own = match_luminance(style, content), luminance(content)
    assert matched.shape == (1, 1, 30, 20)
    torch.testing.assert_close(matched.mean(), own.mean(), rtol=0, atol=1e-5)
    torch.testing.assert_close(matched.std(correction=0), own.std(correction=0), rtol=0.01, atol=0)


def test_a_style_for_the_luminance_is_grey(style: Tensor, content: Tensor) -> None:
    red, green, blue = before(style, content, Colours.LUMINANCE)[0]
    assert torch.equal(red, green)
    assert torch.equal(red, blue)


def test_after_painting_the_luminance_the_chroma_is_the_contents(content: Tensor) -> None:
    painted = (content.flip(3) * 0.2 + 0.4).clamp(0, 1)
    shown = after(painted, content, Colours.LUMINANCE)
    ours, theirs, wanted = (color.rgb2yiq(pixels[0].permute(1, 2, 0).numpy()) for pixels in (shown, content, painted))
    np.testing.assert_allclose(ours[..., 1:], theirs[..., 1:], atol=1e-5)
    np.testing.assert_allclose(ours[..., 0], wanted[..., 0], atol=1e-5)


@pytest.mark.parametrize("way", [before, partial(after, recoloured=False)])
def test_the_linear_map_gives_the_contents_mean_and_covariance(way: object, content: Tensor) -> None:
    assert callable(way)
    other = content.flip(1, 3) * 0.7 + 0.1
    mapped = way(other, content, Colours.CHOLESKY)
    torch.testing.assert_close(mapped.mean((2, 3)), content.mean((2, 3)), rtol=0, atol=1e-4)
    torch.testing.assert_close(covariance(mapped), covariance(content), rtol=0, atol=2e-4)


def test_the_linear_map_of_a_picture_to_itself_changes_nothing(content: Tensor) -> None:
    torch.testing.assert_close(match_covariance(content, content), content, rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", [before, partial(after, recoloured=False)])
def test_each_channel_gets_the_contents_histogram(way: object, content: Tensor) -> None:
    assert callable(way)
    matched = way(content.flip(1, 3).square(), content, Colours.HISTOGRAM)
    shares = torch.linspace(0.02, 0.98, 25)
    for ours, theirs in zip(matched[0], content[0], strict=True):
        torch.testing.assert_close(ours.quantile(shares), theirs.quantile(shares), rtol=0, atol=2.5 / 255)


@pytest.mark.parametrize("colours", [Colours.HISTOGRAM, Colours.CHOLESKY])
def test_what_was_painted_with_the_contents_colours_is_left_alone(colours: Colours, content: Tensor) -> None:
    painted = content.flip(3)
    assert after(painted, content, colours) is painted


def test_histograms_match_between_different_sizes(style: Tensor, content: Tensor) -> None:
    matched = match_histograms(style, content)
    assert matched.shape == style.shape
    assert matched.dtype is torch.float32
    torch.testing.assert_close(matched.mean((2, 3)), content.mean((2, 3)), rtol=0, atol=0.01)


FLAT = {
    "one pixel": torch.full((1, 3, 1, 1), 0.7),
    "one colour": torch.tensor([0.9, 0.1, 0.2])[None, :, None, None].expand(1, 3, 20, 20),
    "black": torch.zeros(1, 3, 20, 20),
    "grey": torch.linspace(0, 1, 400).reshape(1, 1, 20, 20).expand(1, 3, 20, 20),
}


@pytest.mark.parametrize(("name", "colours"), list(product(FLAT, CONTENTS_COLOURS)))
def test_a_picture_without_colours_gives_numbers_in_range(name: str, colours: Colours, content: Tensor) -> None:
    for style, photo in ((FLAT[name], content), (content, FLAT[name])):
        found = before(style, photo, colours)
        assert found.shape == style.shape
        assert found.isfinite().all()
        assert found.min() >= 0
        assert found.max() <= 1


@pytest.mark.parametrize("colours", CONTENTS_COLOURS)
def test_a_style_of_one_colour_becomes_the_contents_mean_or_median(colours: Colours, content: Tensor) -> None:
    found = before(FLAT["one colour"], content, colours)
    assert found.std((2, 3)).max() < 1e-3
    if colours is Colours.HISTOGRAM:
        torch.testing.assert_close(found[0, :, 0, 0], content[0].flatten(1).median(1).values, rtol=0, atol=2 / 255)
    else:
        torch.testing.assert_close(luminance(found).mean(), luminance(content).mean(), rtol=0, atol=1e-3)
    if colours is Colours.CHOLESKY:
        torch.testing.assert_close(found[0, :, 0, 0], content.mean((2, 3))[0], rtol=0, atol=1e-3)


def test_rounding_errors_of_a_grey_style_do_not_become_colours(content: Tensor) -> None:
    grey = FLAT["grey"].clone()
    grey += torch.randn(grey.shape, generator=torch.Generator().manual_seed(2)) * 0.29 / 255  # of 8 bits
    mapped = match_covariance(grey, content)
    apart = (mapped[:, :1] - mapped[:, 1:2]).std()
    assert apart < (content[:, :1] - content[:, 1:2]).std()
