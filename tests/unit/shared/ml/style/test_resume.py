"""A run that is interrupted and goes on elsewhere ends as if nothing had happened."""

from itertools import pairwise
from math import nan
from typing import Any
from weakref import WeakKeyDictionary

import pytest
import torch
from torch import Tensor

from shared.errors import InvalidCheckpoint
from shared.ml.style import checkpoint, optimisation
from shared.ml.style.features import Vgg16Features
from shared.ml.style.objective import Costs, Evaluation, Objective
from shared.ml.style.optimisation import Optimisation, StyleImage
from shared.ml.style.options import FineOptions, Init, Optimiser
from shared.ml.style.pixels import resize

SHALLOW: dict[str, Any] = {"content_layers": {"relu2_2": 1.0}, "style_layers": {"relu1_1": 0.5, "relu2_1": 0.5}}


@pytest.fixture(scope="module")
def content(portrait_128: Tensor) -> Tensor:
    return resize(portrait_128, 64, 72)


@pytest.fixture(scope="module")
def styles(wave_128: Tensor) -> list[StyleImage]:
    return [StyleImage(resize(wave_128, 48, 64))]


def options(**given: Any) -> FineOptions:
    return FineOptions(**{"steps": 12, "levels": 1, **SHALLOW, **given})


def after(run: Optimisation, steps: int) -> Optimisation:
    iterator = iter(run)
    for _ in range(steps):
        next(iterator)
    return run


def finished(run: Optimisation) -> Optimisation:
    for _ in run:
        pass
    return run


@pytest.mark.parametrize("optimiser", list(Optimiser))
@pytest.mark.parametrize(
    ("levels", "steps"),
    [
        pytest.param(1, 5, id="in a level"),
        pytest.param(2, 4, id="in the coarse level"),
        pytest.param(2, 8, id="between levels"),
        pytest.param(2, 10, id="in the fine level"),
        pytest.param(1, 0, id="at the start"),
        pytest.param(1, 12, id="at the end"),
    ],
)
def test_a_resumed_run_ends_as_the_uninterrupted_one(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], optimiser: Optimiser, levels: int, steps: int
) -> None:
    given = options(levels=levels, optimiser=optimiser)
    interrupted = after(Optimisation(features, content, styles, given), steps)
    state = interrupted.state()
    expected = finished(interrupted).result()
    resumed = Optimisation(features, content, styles, given)
    resumed.resume(state)
    numbers = [step.step for step in resumed]
    found = resumed.result()
    assert numbers == list(range(steps + 1, 13))
    assert torch.equal(found.image, expected.image)
    assert (found.first, found.last) == (expected.first, expected.last)


def test_the_picture_of_a_resumed_run_is_there_at_once(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    run = after(Optimisation(features, content, styles, options()), 4)
    resumed = Optimisation(features, content, styles, options())
    resumed.resume(run.state())
    assert torch.equal(resumed.image, run.image)


def test_the_memory_of_lbfgs_gives_way_to_the_limit(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    run = after(Optimisation(features, content, styles, options()), 8)
    whole = run.state()
    limit = 10 * content.nbytes
    small = run.state(limit)
    assert len(small) <= limit < len(whole)
    resumed = Optimisation(features, content, styles, options())
    resumed.resume(small)
    assert finished(resumed).result().last.cost < run.result().last.cost


def test_however_small_the_limit_the_pictures_are_there(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    run = after(Optimisation(features, content, styles, options()), 4)
    state = run.state(1)
    assert len(state) < 6.1 * content.nbytes
    resumed = Optimisation(features, content, styles, options())
    resumed.resume(state)
    assert torch.equal(resumed.image, run.image)


def test_a_state_holds_no_code(features: Vgg16Features, content: Tensor, styles: list[StyleImage]) -> None:
    state = Optimisation(features, content, styles, options()).state()
    header = int.from_bytes(state[:8], "little")  # safetensors: the length of a JSON header, which follows
    assert state[8:9] == b"{"
    assert header < len(state)


def test_the_state_of_other_options_is_refused(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    state = Optimisation(features, content, styles, options()).state()
    other = Optimisation(features, content, styles, options(beta=151.0))
    with pytest.raises(InvalidCheckpoint, match="other pictures or options"):
        other.resume(state)


@pytest.mark.parametrize("what", ["content", "size", "style", "keep", "mask", "init"])
def test_the_state_of_other_pictures_is_refused(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], what: str
) -> None:
    state = Optimisation(features, content, styles, options()).state()
    mask = torch.ones(1, 1, *content.shape[2:]) / 2
    style = styles[0].pixels
    match what:
        case "content":
            other = Optimisation(features, 1 - content, styles, options())
        case "size":
            other = Optimisation(features, content[..., 1:], styles, options())
        case "style":
            other = Optimisation(features, content, [StyleImage(1 - style)], options())
        case "keep":
            other = Optimisation(features, content, styles, options(), keep=mask)
        case "mask":
            other = Optimisation(features, content, [StyleImage(style, mask=mask)], options())
        case _:
            other = Optimisation(features, content, styles, options(init=Init.IMAGE), init=content)
    with pytest.raises(InvalidCheckpoint, match="other pictures or options"):
        other.resume(state)


def test_a_damaged_state_is_refused(features: Vgg16Features, content: Tensor, styles: list[StyleImage]) -> None:
    run = Optimisation(features, content, styles, options())
    with pytest.raises(InvalidCheckpoint, match="not the state"):
        run.resume(run.state()[:-100])


def test_the_state_of_another_version_is_refused(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage]
) -> None:
    run = Optimisation(features, content, styles, options())
    tensors, numbers = checkpoint.unpack(run.state())
    with pytest.raises(InvalidCheckpoint, match="another version"):
        run.resume(checkpoint.pack(tensors, numbers | {"version": numbers["version"] + 1}))


@pytest.fixture
def overflows_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its sixth evaluation on every objective in bfloat16 leaves the numbers; in float32 all is well."""
    evaluate = Objective.evaluate
    made: WeakKeyDictionary[Objective, int] = WeakKeyDictionary()  # not by id(), which another may inherit

    def overflowing(self: Objective, pixels: Tensor) -> Evaluation:
        found = evaluate(self, pixels)
        made[self] = made.get(self, 0) + 1
        if self._dtype is torch.float32 or made[self] < 6:
            return found
        return Evaluation(pixels, Costs(nan, nan, nan), found.gradient)

    monkeypatch.setattr(Objective, "evaluate", overflowing)
    monkeypatch.setattr(optimisation, "_fastest_dtype", lambda _: torch.bfloat16)


@pytest.mark.usefixtures("overflows_in_half_precision")
@pytest.mark.parametrize("optimiser", list(Optimiser))
def test_a_run_that_left_half_precision_goes_on_in_float32_from_its_best_picture_also_when_resumed(
    features: Vgg16Features, content: Tensor, styles: list[StyleImage], optimiser: Optimiser
) -> None:
    chosen = options(optimiser=optimiser, levels=2)

    def start() -> Optimisation:
        return Optimisation(features, content, styles, chosen)

    whole = start()
    costs = [step.cost for step in whole]
    expected = whole.result()
    # it went on from the best picture, whose cost in float32 differs by the rounding only
    assert all(later <= earlier * 1.01 for earlier, later in pairwise(costs[:8]))
    cut = after(start(), 7)  # behind the sixth evaluation
    resumed = start()
    resumed.resume(cut.state())
    assert torch.equal(finished(resumed).result().image, expected.image)
    assert expected.last.cost < expected.first.cost
