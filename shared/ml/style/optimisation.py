"""Fine stylisation: gradient descent on the pixels (Gatys, Ecker, Bethge, arXiv:1508.06576).

    G* = argmin_G alpha J_content(C, G) + beta J_style(S, G)          (equation 7)

The network stays fixed; the image G is what is optimised, from the content or from noise. The costs are those of
shared/ml/style/costs.py. What concerns the style image and the content's activations is computed once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import assert_never

import torch
from torch import Tensor

from shared.errors import NumericalError
from shared.ml.device import cpu_has_bfloat16
from shared.ml.style import costs
from shared.ml.style.descent import Descent, ProjectedAdam, ProjectedLbfgs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import FineOptions, Init, Optimiser

LEARNING_RATES: Mapping[Optimiser, float] = {Optimiser.ADAM: 0.05, Optimiser.LBFGS: 1.0}


@dataclass(frozen=True)
class Step:
    """The costs of the best image that was seen when step `step` of `total` began: they never rise."""

    step: int
    total: int
    content_cost: float
    style_cost: float
    cost: float


@dataclass(frozen=True, eq=False)
class Stylised:
    """`image` is (1, 3, H, W) float32 RGB in [0, 1]; `first` and `last` are the costs at the start and end."""

    image: Tensor
    first: Step
    last: Step


@dataclass(frozen=True, eq=False)
class _Evaluation:
    """The costs at `pixels`, and their gradient where it was asked for."""

    pixels: Tensor
    content_cost: float
    style_cost: float
    cost: float
    gradient: Tensor

    @property
    def is_finite(self) -> bool:
        return isfinite(self.cost) and bool(self.gradient.isfinite().all())


class Optimisation:
    """One image being painted: iterate over its steps, stop whenever you like, then take `image`.

    Args:
        features: the frozen network, on the device to compute on.
        content: (1, 3, H, W) float32 RGB in [0, 1].
        style: (1, 3, h, w), of any size.

    Iterating raises NumericalError when the costs leave the numbers that float32 can hold.
    """

    def __init__(
        self, features: Vgg16Features, content: Tensor, style: Tensor, options: FineOptions | None = None
    ) -> None:
        self._features = features
        self._options = (options or FineOptions()).validated()
        self._device = features.mean.device
        self._dtype = _fastest_dtype(self._device)
        # contiguous: in channels_last memory the flat views of the descent would be copies
        self._content = content.to(self._device).contiguous()
        self._style = style.to(self._device)
        self._layers = [*self._options.content_layers, *self._options.style_layers]
        self._beta = self._options.beta * content.shape[2] * content.shape[3] / 256**2
        self._first: Step | None = None
        self._best: _Evaluation | None = None
        self._pixels = self._start()
        self._set_up()

    @property
    def image(self) -> Tensor:
        """(1, 3, H, W) float32 in [0, 1], on the CPU: the best picture so far."""
        return (self._best.pixels if self._best else self._pixels).cpu()

    def __iter__(self) -> Iterator[Step]:
        for number in range(1, self._options.steps + 1):
            here, best = self._visit()
            step = self._step(number, best)
            self._first = self._first or step
            self._pixels = self._descent.step(here.pixels, here.cost, here.gradient)
            yield step

    def result(self) -> Stylised:
        """The best picture so far, its costs and those of the first step.

        Raises:
            ValueError: no step was made.
        """
        if self._first is None:
            raise ValueError("nothing was optimised yet: iterate first")
        _, best = self._visit()  # the last step made pixels that nothing has judged yet
        return Stylised(self.image, self._first, self._step(self._options.steps, best))

    def _visit(self) -> tuple[_Evaluation, _Evaluation]:
        """The pixels as they are and the best so far; in float32, from the best ones on, if a number overflows."""
        here = self._evaluate(self._pixels)
        if not here.is_finite and self._dtype is not torch.float32:
            self._dtype = torch.float32
            self._set_up()
            here, self._best = self._evaluate(self._best.pixels if self._best else self._pixels), None
        if not here.is_finite:
            raise NumericalError("The optimisation left the range of float32: lower the weights or `learning_rate`.")
        if self._best is None or here.cost < self._best.cost:
            self._best = here
        return here, self._best

    def _set_up(self) -> None:
        """Everything of the cost that does not change, and a descent that remembers nothing."""
        options = self._options
        with torch.no_grad():
            self._targets = self._activations(self._content, list(options.content_layers))
            style = self._activations(self._style, list(options.style_layers))
            self._grams = {layer: costs.mean_gram_matrix(a) for layer, a in style.items()}
        self._descent = _descent(options)

    def _start(self) -> Tensor:
        match self._options.init:
            case Init.CONTENT:
                return self._content.clamp(0, 1)
            case Init.NOISE:
                # drawn on the CPU, so that a seed means the same picture on every device
                generator = torch.Generator().manual_seed(self._options.seed)
                return torch.rand(self._content.shape, generator=generator).to(self._device)
            case _:
                assert_never(self._options.init)

    def _evaluate(self, pixels: Tensor) -> _Evaluation:
        """The terms of equation 7 and dJ/dG."""
        options = self._options
        generated = pixels.detach().requires_grad_(True)
        seen = self._activations(generated, self._layers)
        content = torch.zeros((), device=self._device)
        for layer, weight in options.content_layers.items():
            content = content + weight * costs.content_cost(self._targets[layer], seen[layer])
        style = costs.style_cost(self._grams, seen, options.style_layers)
        cost = options.alpha * content + self._beta * style
        if options.tv_weight:
            cost = cost + options.tv_weight * costs.total_variation(generated)
        (gradient,) = torch.autograd.grad(cost, generated)
        return _Evaluation(pixels, content.item(), style.item(), cost.item(), gradient.contiguous())

    def _step(self, number: int, best: _Evaluation) -> Step:
        return Step(number, self._options.steps, best.content_cost, best.style_cost, best.cost)

    def _activations(self, pixels: Tensor, layers: list[str]) -> dict[str, Tensor]:
        half = self._dtype is not torch.float32
        with torch.autocast(self._device.type, self._dtype, enabled=half):
            channels_last = pixels.contiguous(memory_format=torch.channels_last)
            found: dict[str, Tensor] = self._features(channels_last, layers, pooling=self._options.pooling)
        return found


def _descent(options: FineOptions) -> Descent:
    rate = options.learning_rate or LEARNING_RATES[options.optimiser]
    match options.optimiser:
        case Optimiser.ADAM:
            return ProjectedAdam(rate)
        case Optimiser.LBFGS:
            return ProjectedLbfgs(rate)
        case _:
            assert_never(options.optimiser)


def _fastest_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it. Not float16: the gradients of the style cost exceed its range."""
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def optimise(
    features: Vgg16Features,
    content: Tensor,
    style: Tensor,
    options: FineOptions | None = None,
    *,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Stylised:
    """Run an optimisation to its end, telling `on_step` of each step; an exception it raises stops the run."""
    run = Optimisation(features, content, style, options)
    for step in run:
        on_step(step)
    return run.result()
