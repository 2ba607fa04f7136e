"""The descents on costs whose minimum is known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from shared.ml.style.descent import HISTORY, Descent, ProjectedAdam, ProjectedLbfgs

SCALES = torch.logspace(0, 3, 12).reshape(1, 3, 2, 2)  # condition number 1000


def evaluate(pixels: Tensor, target: Tensor) -> tuple[float, Tensor]:
    """1/2 sum s (x - t)^2 and its gradient."""
    difference = pixels - target
    return float((0.5 * SCALES * difference.square()).sum()), SCALES * difference


def run(descent: Descent, target: Tensor, steps: int) -> tuple[Tensor, list[float]]:
    """The best of the visited pixels and the costs of all of them."""
    pixels = torch.full((1, 3, 2, 2), 0.5)
    best, costs = pixels, [float("inf")]
    for _ in range(steps):
        cost, gradient = evaluate(pixels, target)
        best = pixels if cost < min(costs) else best
        costs.append(cost)
        pixels = descent.step(pixels, cost, gradient)
        assert pixels.min() >= 0
        assert pixels.max() <= 1
    return best, costs[1:]


@pytest.mark.parametrize(("descent", "steps"), [(ProjectedLbfgs(), 60), (ProjectedAdam(0.02), 400)])
def test_finds_the_minimum_inside_the_bounds(descent: Descent, steps: int) -> None:
    target = torch.linspace(0.1, 0.9, 12).reshape(1, 3, 2, 2)
    best, _ = run(descent, target, steps)
    torch.testing.assert_close(best, target, atol=0.01, rtol=0)


@pytest.mark.parametrize(("descent", "steps"), [(ProjectedLbfgs(), 60), (ProjectedAdam(0.02), 400)])
def test_finds_the_nearest_allowed_point_of_a_minimum_outside(descent: Descent, steps: int) -> None:
    target = torch.linspace(-0.5, 1.5, 12).reshape(1, 3, 2, 2)
    best, _ = run(descent, target, steps)
    torch.testing.assert_close(best, target.clamp(0, 1), atol=0.01, rtol=0)


def test_a_step_of_lbfgs_that_raises_the_cost_is_halved() -> None:
    descent = ProjectedLbfgs()
    pixels = torch.full((1, 3, 2, 2), 0.5)
    _, gradient = evaluate(pixels, torch.zeros(1, 3, 2, 2))
    tried = descent.step(pixels, 1.0, gradient)
    again = descent.step(tried, 2.0, gradient)
    torch.testing.assert_close(again - pixels, (tried - pixels) / 2)


def test_lbfgs_stays_where_the_gradient_vanishes() -> None:
    pixels = torch.full((1, 3, 2, 2), 0.5)
    assert torch.equal(ProjectedLbfgs().step(pixels, 0.0, torch.zeros_like(pixels)), pixels)


def test_adam_is_torchs_where_no_bound_is_near() -> None:
    target = torch.linspace(0.3, 0.7, 12).reshape(1, 3, 2, 2)
    pixels, theirs = torch.full((1, 3, 2, 2), 0.5), torch.full((1, 3, 2, 2), 0.5, requires_grad=True)
    ours, oracle = ProjectedAdam(0.01), torch.optim.Adam([theirs], lr=0.01)
    for _ in range(20):
        pixels = ours.step(pixels, *evaluate(pixels, target))
        theirs.grad = evaluate(theirs.detach(), target)[1]
        oracle.step()
        torch.testing.assert_close(pixels, theirs.detach())


def warm(descent: Descent, steps: int = 6) -> Tensor:
    pixels = torch.full((1, 3, 2, 2), 0.5)
    target = torch.linspace(0.1, 0.9, 12).reshape(1, 3, 2, 2)
    for _ in range(steps):
        pixels = descent.step(pixels, *evaluate(pixels, target))
    return pixels


@pytest.mark.parametrize("make", [ProjectedLbfgs, lambda: ProjectedAdam(0.02)], ids=["lbfgs", "adam"])
def test_a_restored_descent_goes_where_the_saved_one_goes(make: Callable[[], Descent]) -> None:
    one, other = make(), make()
    pixels = warm(one)
    tensors, numbers = one.saved(HISTORY)
    other.restore({name: tensor.clone() for name, tensor in tensors.items()}, numbers)
    cost, gradient = evaluate(pixels, torch.zeros(1, 3, 2, 2))
    assert torch.equal(other.step(pixels, cost, gradient), one.step(pixels, cost, gradient))


@pytest.mark.parametrize("make", [ProjectedLbfgs, lambda: ProjectedAdam(0.02)], ids=["lbfgs", "adam"])
def test_a_descent_that_did_nothing_yet_can_be_saved_and_resized(make: Callable[[], Descent]) -> None:
    one, other = make(), make()
    one.resize(2, 2)
    other.restore(*one.saved(HISTORY))
    assert torch.equal(warm(one), warm(other))


def test_what_lbfgs_learned_of_a_small_picture_it_knows_of_the_large_one() -> None:
    """An even picture is the same problem at any size, and so is what to do next."""
    scales, target = torch.tensor([1.0, 9.0, 70.0])[None, :, None, None], torch.full((1, 3, 1, 1), 0.3)

    def step(descent: Descent, pixels: Tensor) -> Tensor:
        difference = pixels - target
        return descent.step(pixels, float((0.5 * scales * difference.square()).sum()), scales * difference)

    small, large, new = ProjectedLbfgs(), ProjectedLbfgs(), ProjectedLbfgs()
    for descent in (small, large):
        pixels = torch.full((1, 3, 1, 1), 0.6)
        for _ in range(4):
            pixels = step(descent, pixels)
    small.resize(1, 1)
    large.resize(4, 4)
    torch.testing.assert_close(
        step(large, pixels.expand(1, 3, 4, 4)), (after := step(small, pixels)).expand(1, 3, 4, 4)
    )
    assert not torch.allclose(after, step(new, pixels))


def test_adam_begins_anew_with_a_picture_of_another_size() -> None:
    used, new = ProjectedAdam(0.02), ProjectedAdam(0.02)
    warm(used)
    used.resize(4, 4)
    pixels, gradient = torch.full((1, 3, 4, 4), 0.5), torch.ones(1, 3, 4, 4)
    assert torch.equal(used.step(pixels, 1.0, gradient), new.step(pixels, 1.0, gradient))


@pytest.mark.parametrize("pairs", [0, 2])
def test_only_the_last_pairs_are_saved(pairs: int) -> None:
    descent = ProjectedLbfgs()
    warm(descent)
    tensors, numbers = descent.saved(pairs)
    assert numbers["pairs"] == pairs
    assert {name for name in tensors if name[0] in "sy"} == {f"{kind}{n}" for n in range(pairs) for kind in "sy"}
    every, found = descent.saved(HISTORY)
    first = int(found["pairs"]) - pairs
    assert all(torch.equal(tensors[f"s{n}"], every[f"s{first + n}"]) for n in range(pairs))
