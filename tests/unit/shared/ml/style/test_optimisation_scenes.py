"""What is painted where, from what start, how strongly, and from coarse to fine: real runs on shallow layers."""

from typing import Any

import pytest
import torch
from torch import Tensor

from shared.errors import InvalidField, InvalidImage
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation, StyleImage, optimise
from shared.ml.style.options import FineOptions, Init, Optimiser
from shared.ml.style.pixels import resize

SHALLOW: dict[str, Any] = {"content_layers": {"relu2_2": 1.0}, "style_layers": {"relu1_1": 0.5, "relu2_1": 0.5}}


@pytest.fixture(scope="module")
def content(portrait_128: Tensor) -> Tensor:
    """Small enough for many runs: (1, 3, 32, 24)."""
    return resize(portrait_128, 32, 24)


@pytest.fixture(scope="module")
def styles(wave_128: Tensor) -> list[StyleImage]:
    return [StyleImage(resize(wave_128, 24, 32))]


def quick(**given: Any) -> FineOptions:
    return FineOptions(**{"steps": 3, **given})


# --- coarse to fine ----------------------------------------------------------------------------------------


def test_the_picture_grows_level_by_level(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> None:
    height, width = portrait_128.shape[2:]
    run = Optimisation(features, portrait_128, [StyleImage(wave_128)], FineOptions(steps=4, levels=2, **SHALLOW))
    sizes = [tuple(run.image.shape[2:]) for _ in run]
    assert sizes == [(round(height / 2), round(width / 2))] * 3 + [(height, width)]
    assert run.result().image.shape == portrait_128.shape


def test_the_fraction_counts_pixels(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> None:
    """Three steps at a quarter of the pixels and one at all of them."""
    run = Optimisation(features, portrait_128, [StyleImage(wave_128)], FineOptions(steps=4, levels=2, **SHALLOW))
    fractions = [step.fraction for step in run]
    assert fractions == pytest.approx([0.25 / 1.75, 0.5 / 1.75, 0.75 / 1.75, 1], rel=0.02)


def test_coarse_to_fine_costs_less_after_as_many_pixels(
    features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor
) -> None:
    """From noise: 4 steps are at a quarter of the pixels, so 4 + 2 steps do less than 4 at the whole size."""
    fine, pyramid = (
        optimise(
            features,
            portrait_128,
            [StyleImage(wave_128)],
            FineOptions(steps=steps, levels=levels, init=Init.NOISE, **SHALLOW),
        )
        for steps, levels in ((4, 1), (6, 2))
    )
    assert pyramid.last.cost < fine.last.cost


def test_the_costs_never_rise_within_a_level(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    large = resize(content, 64, 64)
    run = Optimisation(features, large, styles, FineOptions(steps=12, levels=2, **SHALLOW))
    found = [step.cost for step in run]
    for level in (found[:8], found[8:]):
        assert level == sorted(level, reverse=True)


# --- where to start, what to keep, how strong ---------------------------------------------------------------


def test_a_run_starts_from_the_picture_that_is_given(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    start = content.flip(2)
    run = Optimisation(features, content, styles, quick(init=Init.IMAGE), init=start)
    torch.testing.assert_close(run.image, start)


@pytest.mark.parametrize(("init", "given"), [(Init.IMAGE, False), (Init.CONTENT, True), (Init.NOISE, True)])
def test_a_picture_to_start_from_is_for_init_image(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], init: Init, given: bool
) -> None:
    with pytest.raises(InvalidField, match="`init` image"):
        Optimisation(features, content, styles, quick(init=init), init=content if given else None)


def test_a_picture_to_start_from_has_the_size_of_the_content(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    with pytest.raises(InvalidImage, match="start from is 23 x 32 px, the content 24 x 32 px"):
        Optimisation(features, content, styles, quick(init=Init.IMAGE), init=content[..., 1:])


@pytest.mark.parametrize("init", [Init.CONTENT, Init.NOISE])
def test_what_is_kept_is_exactly_the_content(
    features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor, init: Init
) -> None:
    content = resize(portrait_128, 64, 64)
    keep = torch.zeros(1, 1, 64, 64)
    keep[..., :30] = 1
    options = FineOptions(steps=6, levels=2, init=init, tv_weight=0.1, **SHALLOW)
    run = Optimisation(features, content, [StyleImage(wave_128)], options, keep=keep)
    for _ in run:
        pass
    image = run.result().image
    assert torch.equal(image[..., :30], content[..., :30])
    assert (image[..., 30:] - content[..., 30:]).abs().mean() > 0.01


def test_where_no_style_goes_the_content_stays(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> None:
    content = resize(portrait_128, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 32:] = 1
    options = FineOptions(steps=6, levels=1, **SHALLOW)
    image = optimise(features, content, [StyleImage(wave_128, mask=mask)], options).image
    change = (image - content).abs()
    assert change[..., 44:].mean() > 0.02
    assert change[..., :20].mean() < 0.1 * change[..., 44:].mean()


def test_each_half_gets_its_own_style(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> None:
    content = resize(portrait_128, 64, 64)
    left = torch.zeros(1, 1, 64, 64)
    left[..., :32] = 1
    others = wave_128.flip(1) ** 2  # other colours
    options = FineOptions(steps=10, levels=1, alpha=0.1, **SHALLOW)
    pair = [StyleImage(wave_128, mask=left), StyleImage(others, mask=1 - left)]
    image = optimise(features, content, pair, options).image

    def distance(picture: Tensor, style: Tensor) -> float:
        grams = [costs.mean_gram_matrix(features(p, ["relu2_1"])["relu2_1"]) for p in (style, picture)]
        return float(costs.gram_distance(*grams))

    for part, own, other in ((slice(0, 32), wave_128, others), (slice(32, 64), others, wave_128)):
        assert distance(image[..., part], own) < 0.5 * distance(content[..., part], own)
        assert distance(image[..., part], own) < distance(image[..., part], other)


@pytest.mark.parametrize("optimiser", list(Optimiser))
@pytest.mark.parametrize("levels", [1, 2])
def test_strength_0_leaves_the_content_as_it_is(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], optimiser: Optimiser, levels: int
) -> None:
    large = resize(content, 64, 64)
    given = FineOptions(steps=4, levels=levels, strength=0.0, optimiser=optimiser)
    torch.testing.assert_close(optimise(features, large, styles, given).image, large, atol=2 / 255, rtol=0)


def test_half_the_strength_changes_less(features: Vgg16Features, content: Tensor, styles: list[StyleImage]) -> None:
    half, full = (
        (optimise(features, content, styles, FineOptions(steps=8, strength=s)).image - content).abs().mean()
        for s in (0.5, 1.0)
    )
    assert 0 < half < full


def test_a_picture_in_tiles_is_that_of_the_whole(
    features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor
) -> None:
    images = []
    for tile in (None, 48):
        options = FineOptions(steps=4, levels=2, **SHALLOW)
        run = Optimisation(features, portrait_128, [StyleImage(wave_128)], options, tile=tile)
        for _ in run:
            pass
        images.append(run.result().image)
    assert (images[0] - portrait_128).abs().mean() > 0.01
    assert (images[0] - images[1]).abs().mean() < 0.05 * (images[0] - portrait_128).abs().mean()
