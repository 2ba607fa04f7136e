"""Real runs at small sizes: the costs fall, the picture stays one, and what cannot be computed is said."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from shared.errors import InvalidField, InvalidImage, NumericalError
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation, Step, StyleImage, Stylised, optimise
from shared.ml.style.options import FineOptions, Init, Optimiser
from shared.ml.style.pixels import resize

STEPS = 12


@pytest.fixture(scope="module")
def content(portrait_128: Tensor) -> Tensor:
    """Small enough for many runs: (1, 3, 32, 24)."""
    return resize(portrait_128, 32, 24)


@pytest.fixture(scope="module")
def styles(wave_128: Tensor) -> list[StyleImage]:
    return [StyleImage(resize(wave_128, 24, 32))]


@pytest.fixture(scope="module")
def painted(features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor) -> Stylised:
    return optimise(features, portrait_128, [StyleImage(wave_128)], FineOptions(steps=STEPS, levels=1))


def quick(**given: Any) -> FineOptions:
    return FineOptions(**{"steps": 3, **given})


# --- a run as users have it --------------------------------------------------------------------------------


def test_the_style_cost_falls_to_a_fifth(painted: Stylised) -> None:
    assert painted.last.style_cost < painted.first.style_cost / 5


def test_the_whole_cost_falls(painted: Stylised) -> None:
    assert painted.last.cost < painted.first.cost


def test_a_run_from_the_content_begins_without_content_cost(painted: Stylised) -> None:
    # bfloat16 convolutions may round differently with and without gradients, so not exactly zero
    assert painted.first.content_cost < 1e-3 * painted.last.content_cost


def test_the_picture_keeps_its_shape_and_range(painted: Stylised, portrait_128: Tensor) -> None:
    assert painted.image.shape == portrait_128.shape
    assert painted.image.dtype is torch.float32
    assert painted.image.device.type == "cpu"
    assert not painted.image.requires_grad
    assert painted.image.min() >= 0
    assert painted.image.max() <= 1


def test_the_picture_is_painted_and_still_shows_the_content(painted: Stylised, portrait_128: Tensor) -> None:
    assert (painted.image - portrait_128).abs().mean() > 0.02
    together = torch.stack([painted.image.flatten(), portrait_128.flatten()])
    assert torch.corrcoef(together)[0, 1] > 0.5


def test_the_last_costs_are_those_of_the_picture_given(
    painted: Stylised, features: Vgg16Features, portrait_128: Tensor, wave_128: Tensor
) -> None:
    options = FineOptions()
    layers = list(options.style_layers)
    with torch.no_grad():
        grams = {name: costs.mean_gram_matrix(a) for name, a in features(wave_128, layers).items()}
        style = costs.style_cost(grams, features(painted.image, layers), options.style_layers).item()
        content = costs.content_cost(
            features(portrait_128, ["relu4_2"])["relu4_2"], features(painted.image, ["relu4_2"])["relu4_2"]
        ).item()
    # this is float32; a run may use half precision
    assert painted.last.style_cost == pytest.approx(style, rel=0.05)
    assert painted.last.content_cost == pytest.approx(content, rel=0.05)
    height, width = portrait_128.shape[2:]
    assert painted.last.cost == pytest.approx(
        options.alpha * painted.last.content_cost + options.beta * height * width / 256**2 * painted.last.style_cost,
        rel=1e-4,
    )


# --- optimisers and starts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", Optimiser)
def test_either_optimiser_lowers_the_cost(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], optimiser: Optimiser
) -> None:
    found = optimise(features, content, styles, FineOptions(steps=8, optimiser=optimiser))
    assert found.last.cost < 0.9 * found.first.cost
    assert found.last.style_cost < found.first.style_cost


def test_noise_of_one_seed_gives_one_picture(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    first, second = (optimise(features, content, styles, quick(init=Init.NOISE, seed=7)).image for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)


def test_noise_of_another_seed_gives_another_picture(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    first, second = (optimise(features, content, styles, quick(init=Init.NOISE, seed=seed)).image for seed in (7, 8))
    assert (first - second).abs().mean() > 0.1


def test_the_noise_leaves_torchs_own_generator_alone(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    state = torch.get_rng_state()
    Optimisation(features, content, styles, quick(init=Init.NOISE))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_content_cost_pulls_noise_towards_the_content(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    found = optimise(features, content, styles, FineOptions(steps=6, init=Init.NOISE, beta=0))
    assert found.last.content_cost < found.first.content_cost / 2


def test_the_memory_layout_of_the_content_does_not_matter(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    reordered = content.contiguous(memory_format=torch.channels_last)
    plain = optimise(features, content, styles, quick()).image
    torch.testing.assert_close(optimise(features, reordered, styles, quick()).image, plain, rtol=0, atol=1e-3)


def test_the_callers_pictures_are_not_painted_over(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    style = styles[0].pixels
    before = content.clone(), style.clone()
    optimise(features, content, styles, quick())
    assert torch.equal(content, before[0])
    assert torch.equal(style, before[1])
    assert not content.requires_grad


@pytest.mark.parametrize("given", [{"alpha": 0.0}, {"beta": 0.0, "init": Init.NOISE}], ids=["alpha", "beta"])
def test_one_of_content_and_style_is_enough(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], given: Mapping[str, Any]
) -> None:
    found = optimise(features, content, styles, quick(**given))
    assert found.last.cost < found.first.cost


def test_total_variation_smooths(features: Vgg16Features, content: Tensor, styles: list[StyleImage]) -> None:
    plain, smooth = (
        optimise(features, content, styles, FineOptions(steps=8, tv_weight=weight)).image for weight in (0, 50.0)
    )
    assert costs.total_variation(smooth) < costs.total_variation(plain)


# --- steps -------------------------------------------------------------------------------------------------


def test_each_step_is_told_once_with_rising_numbers(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    told: list[Step] = []
    found = optimise(features, content, styles, quick(steps=4), on_step=told.append)
    assert [(step.step, step.total) for step in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.first == told[0]


def test_an_exception_from_the_callback_stops_the_run_at_once(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    told: list[int] = []

    def stop_at_two(step: Step) -> None:
        told.append(step.step)
        if step.step == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        optimise(features, content, styles, quick(steps=50), on_step=stop_at_two)
    assert told == [1, 2]


def test_the_picture_can_be_taken_after_any_step(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    run = Optimisation(features, content, styles, quick(steps=50))
    torch.testing.assert_close(run.image, content)
    first = next(iter(run))
    assert run.result().first == first
    assert (run.image - content).abs().max() > 0


def test_there_is_no_result_before_the_first_step(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    with pytest.raises(ValueError, match="nothing was optimised"):
        Optimisation(features, content, styles, quick()).result()


# --- what cannot be computed -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"beta": 1e38}, id="beta"),
        pytest.param({"alpha": 1e38, "init": Init.NOISE}, id="alpha"),
    ],
)
def test_costs_beyond_float32_are_a_numerical_error(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], given: Mapping[str, Any]
) -> None:
    told: list[Step] = []
    with pytest.raises(NumericalError, match="lower the weights"):
        optimise(features, content, styles, quick(steps=10, **given), on_step=told.append)
    assert all(step.cost < float("inf") for step in told)


@pytest.mark.parametrize("optimiser", list(Optimiser))
def test_an_absurd_rate_cannot_leave_the_range_of_pixels(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], optimiser: Optimiser
) -> None:
    """Steps are projected onto [0, 1], and the best picture seen is the one that is returned."""
    told: list[Step] = []
    done = optimise(
        features, content, styles, quick(steps=6, optimiser=optimiser, learning_rate=1e36), on_step=told.append
    )
    assert done.last.cost <= told[0].cost
    assert [step.cost for step in told] == sorted((step.cost for step in told), reverse=True)
    assert done.image.min() >= 0
    assert done.image.max() <= 1


def test_options_are_checked_before_anything_is_computed(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    with pytest.raises(InvalidField, match="`steps`"):
        Optimisation(features, content, styles, FineOptions(steps=0))


def test_too_small_a_picture_is_refused(features: Vgg16Features, content: Tensor, styles: list[StyleImage]) -> None:
    with pytest.raises(InvalidImage):
        Optimisation(features, content[..., :8, :], styles)
