"""Gradient descent on pixels that have to stay in [0, 1]: one evaluation of cost and gradient per step.

torch's own L-BFGS knows no bounds. Pixels that it drives out of range are cut off when the picture is taken, which
undoes part of the work, and clamping behind its back falsifies the curvature it stores. So here is one that projects
every step onto the bounds and learns from the step that was really made. It is monotone, too: a step that does not
lower the cost is taken back half way.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it

HISTORY = 10  # pairs of two images each; 5 and 20 came equally far on a portrait at 256 px

_SUFFICIENT_DECREASE = 1e-4  # Nocedal & Wright, equation 3.4
_MAX_HALVINGS = 6
_FIRST_CHANGE = 0.05  # of the pixel that changes most, while the curvature is unknown
_MAX_CHANGE = 0.5  # of the pixel that changes most, in any later step
_POSITIVE_CURVATURE = 1e-8  # least cosine between a change of pixels and of gradient that is learned from

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8  # of Adam, as its authors have them

Saved = tuple[dict[str, Tensor], dict[str, float]]  # what a descent remembers: images and numbers


class Descent(Protocol):
    """Where to go next, told by each evaluation."""

    def step(self, pixels: Tensor, cost: float, gradient: Tensor) -> Tensor:
        """New pixels in [0, 1], from cost and gradient at `pixels`, which is what the last call returned."""
        ...

    def resize(self, height: int, width: int) -> None:
        """Go on with pictures of another size."""
        ...

    def saved(self, pairs: int) -> Saved:
        """All it remembers, but no more than the last `pairs` pairs of changes."""
        ...

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        """Remember what `saved` gave; the tensors are on the device to compute on."""
        ...


class ProjectedAdam:
    """Diederik Kingma, Jimmy Ba (arXiv:1412.6980, algorithm 1), projected onto [0, 1] after every step."""

    def __init__(self, learning_rate: float) -> None:
        """`learning_rate` is about how far a pixel moves in a step."""
        self._learning_rate = learning_rate
        self._mean: Tensor | None = None
        self._square: Tensor | None = None
        self._steps = 0

    def step(self, pixels: Tensor, cost: float, gradient: Tensor) -> Tensor:  # noqa: ARG002  the gradient says it all
        if self._mean is None or self._square is None:
            self._mean, self._square = torch.zeros_like(pixels), torch.zeros_like(pixels)
        self._steps += 1
        self._mean.lerp_(gradient, 1 - _BETA1)
        self._square.mul_(_BETA2).addcmul_(gradient, gradient, value=1 - _BETA2)
        size = self._square.div(1 - _BETA2**self._steps).sqrt_().add_(_EPSILON)
        rate = self._learning_rate / (1 - _BETA1**self._steps)
        return torch.addcdiv(pixels, self._mean, size, value=-rate).clamp_(0, 1)

    def resize(self, height: int, width: int) -> None:  # noqa: ARG002  nothing is left to resize
        """The moments begin anew, where crowsonkb/style-transfer-pytorch interpolates them.

        Interpolated ones, which adapt slowly to the new gradients, ended at a cost 19 % higher after 35 + 18 steps at
        96 and 192 px, and 6 % higher after 100 + 50 at 80 and 160; rescaling them to the new gradients or another
        decay (0.99) did not help.
        """
        self._mean, self._square, self._steps = None, None, 0

    def saved(self, pairs: int) -> Saved:  # noqa: ARG002  it has none
        tensors = {"mean": self._mean, "square": self._square}
        return {name: t for name, t in tensors.items() if t is not None}, {"steps": self._steps}

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        self._mean, self._square = tensors.get("mean"), tensors.get("square")
        self._steps = int(numbers["steps"])


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
                if self._halvings < _MAX_HALVINGS or not self._pairs:
                    return self._try(base, self._length / 2, self._halvings + 1)
                self._pairs.clear()  # they led nowhere: start again with the gradient alone
                pixels, cost, gradient = base.pixels, base.cost, base.gradient
        self._base = _Base(pixels, cost, gradient, self._direction(pixels, gradient))
        return self._try(self._base, self._learning_rate, 0)

    def resize(self, height: int, width: int) -> None:
        """The pairs are interpolated: what is cheaply learned of the small picture holds for the large one.

        On a portrait at 128, then 256 px it reached a cost 2 % lower after as many steps than forgetting them did.
        """
        self._pairs = deque(
            ((enlarged(s, height, width), enlarged(y, height, width)) for s, y in self._pairs), maxlen=HISTORY
        )
        self._base = None

    def saved(self, pairs: int) -> Saved:
        tensors: dict[str, Tensor] = {}
        kept = list(self._pairs)[-pairs:] if pairs else []
        for number, (s, y) in enumerate(kept):
            tensors |= {f"s{number}": s, f"y{number}": y}
        numbers: dict[str, float] = {"pairs": len(kept), "length": self._length, "halvings": self._halvings}
        if (base := self._base) is not None:
            tensors |= {"pixels": base.pixels, "gradient": base.gradient, "direction": base.direction}
            numbers["cost"] = base.cost
        return tensors, numbers

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        pairs = range(int(numbers["pairs"]))
        self._pairs = deque(((tensors[f"s{n}"], tensors[f"y{n}"]) for n in pairs), maxlen=HISTORY)
        self._length, self._halvings = numbers["length"], int(numbers["halvings"])
        self._base = None
        if "cost" in numbers:
            pixels, gradient, direction = (tensors[name] for name in ("pixels", "gradient", "direction"))
            self._base = _Base(pixels, numbers["cost"], gradient, direction)

    def _try(self, base: _Base, length: float, halvings: int) -> Tensor:
        self._length, self._halvings = length, halvings
        return (base.pixels + length * base.direction).clamp(0, 1)

    def _learn(self, change: Tensor, gradient_change: Tensor) -> None:
        enough = _POSITIVE_CURVATURE * float(change.norm() * gradient_change.norm())
        measurable = _dot(gradient_change, gradient_change) > 0  # its square may be too small for float32
        if measurable and _dot(change, gradient_change) > enough:
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
            q.sub_(y, alpha=coefficients[-1])
        if self._pairs:
            s, y = self._pairs[-1]
            q *= _dot(s, y) / _dot(y, y)  # equation 7.20
        for s, y in self._pairs:
            q.add_(s, alpha=coefficients.pop() - _dot(y, q) / _dot(s, y))
        return q


def enlarged(images: Tensor, height: int, width: int) -> Tensor:
    """(1, 3, h, w) of any range -> (1, 3, height, width), bilinear."""
    return F.interpolate(images, (height, width), mode="bilinear", align_corners=False)


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
