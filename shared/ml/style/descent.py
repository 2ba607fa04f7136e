"""Gradient descent on pixels that have to stay in [0, 1]: one evaluation of cost and gradient per step.

torch's own L-BFGS knows no bounds. Pixels that it drives out of range are cut off when the picture is taken, which
undoes part of the work, and clamping behind its back falsifies the curvature it stores. So here is one that projects
every step onto the bounds and learns from the step that was really made. It is monotone, too: a step that does not
lower the cost is taken back half way.
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

HISTORY = 10  # pairs of two images each; 5 and 20 came equally far on a portrait at 256 px

_SUFFICIENT_DECREASE = 1e-4  # Nocedal & Wright, equation 3.4
_MAX_HALVINGS = 6
_FIRST_CHANGE = 0.05  # of the pixel that changes most, while the curvature is unknown
_MAX_CHANGE = 0.5  # of the pixel that changes most, in any later step
_POSITIVE_CURVATURE = 1e-8  # least cosine between a change of pixels and of gradient that is learned from


class Descent(Protocol):
    """Where to go next, told by each evaluation."""

    def step(self, pixels: Tensor, cost: float, gradient: Tensor) -> Tensor:
        """New pixels in [0, 1], from cost and gradient at `pixels`, which is what the last call returned."""
        ...


class ProjectedAdam:
    """Diederik Kingma, Jimmy Ba (arXiv:1412.6980), projected onto [0, 1] after every step."""

    def __init__(self, learning_rate: float) -> None:
        """`learning_rate` is about how far a pixel moves in a step."""
        self._learning_rate = learning_rate
        self._optimiser: torch.optim.Adam | None = None
        self._pixels = torch.empty(0)

    def step(self, pixels: Tensor, cost: float, gradient: Tensor) -> Tensor:  # noqa: ARG002  the gradient says it all
        if self._optimiser is None:
            self._pixels = pixels.clone().requires_grad_(True)
            self._optimiser = torch.optim.Adam([self._pixels], lr=self._learning_rate)
        self._pixels.grad = gradient
        self._optimiser.step()
        with torch.no_grad():
            return self._pixels.clamp_(0, 1).clone()


@dataclass(frozen=True)
class _Base:
    """The best point so far, and the direction of the step that is tried from it."""

    pixels: Tensor
    cost: float
    gradient: Tensor
    direction: Tensor


class ProjectedLbfgs:
    """Limited-memory BFGS (Nocedal & Wright, Numerical Optimization, algorithm 7.4) with bounds and backtracking.

    A pixel at a bound that the gradient pushes outwards is left alone for a step (their section 16.7).
    """

    def __init__(self, learning_rate: float = 1.0) -> None:
        """`learning_rate` is the length of a step; 1 is the quasi-Newton step itself."""
        self._learning_rate = learning_rate
        self._pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=HISTORY)
        self._base: _Base | None = None
        self._length = learning_rate
        self._halvings = 0

    def step(self, pixels: Tensor, cost: float, gradient: Tensor) -> Tensor:
        base = self._base
        if base is not None:
            self._learn(pixels - base.pixels, gradient - base.gradient)
            if not self._decreases(base, pixels, cost):
                if self._halvings < _MAX_HALVINGS:
                    return self._try(base, self._length / 2, self._halvings + 1)
                self._pairs.clear()  # they led nowhere: start again with the gradient alone
                pixels, cost, gradient = base.pixels, base.cost, base.gradient
        self._base = _Base(pixels, cost, gradient, self._direction(pixels, gradient))
        return self._try(self._base, self._learning_rate, 0)

    def _try(self, base: _Base, length: float, halvings: int) -> Tensor:
        self._length, self._halvings = length, halvings
        return (base.pixels + length * base.direction).clamp(0, 1)

    def _learn(self, change: Tensor, gradient_change: Tensor) -> None:
        if _dot(change, gradient_change) > _POSITIVE_CURVATURE * float(change.norm() * gradient_change.norm()):
            self._pairs.append((change, gradient_change))

    @staticmethod
    def _decreases(base: _Base, pixels: Tensor, cost: float) -> bool:
        return cost <= base.cost + _SUFFICIENT_DECREASE * _dot(base.gradient, pixels - base.pixels)

    def _direction(self, pixels: Tensor, gradient: Tensor) -> Tensor:
        blocked = ((pixels <= 0) & (gradient > 0)) | ((pixels >= 1) & (gradient < 0))
        free = gradient.masked_fill(blocked, 0)
        direction = -self._inverse_hessian_times(free).masked_fill(blocked, 0)
        if _dot(direction, free) >= 0:  # leaving pixels out can turn a descent into an ascent
            direction = -free
        largest = float(direction.abs().max())
        if largest == 0:
            return direction
        limit = _MAX_CHANGE / largest
        return direction * (min(1.0, limit) if self._pairs else _FIRST_CHANGE / largest)

    def _inverse_hessian_times(self, gradient: Tensor) -> Tensor:
        """The two-loop recursion."""
        q = gradient.clone()
        coefficients = []
        for s, y in reversed(self._pairs):
            coefficients.append(_dot(s, q) / _dot(s, y))
            q -= coefficients[-1] * y
        if self._pairs:
            s, y = self._pairs[-1]
            q *= _dot(s, y) / _dot(y, y)  # equation 7.20
        for s, y in self._pairs:
            q += (coefficients.pop() - _dot(y, q) / _dot(s, y)) * s
        return q


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
