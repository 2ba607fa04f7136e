"""The descents on costs whose minimum is known."""

import pytest
import torch
from torch import Tensor

from shared.ml.style.descent import Descent, ProjectedAdam, ProjectedLbfgs

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
