"""Fine stylisation: gradient descent on the pixels (Gatys, Ecker, Bethge, arXiv:1508.06576).

    G* = argmin_G alpha J_content(C, G) + beta J_style(S, G)          (equation 7)

The network stays fixed; the image G is what is optimised, from the content or from noise. The costs are those of
shared/ml/style/costs.py. What concerns the style image and the content's activations is computed once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from shared.errors import NumericalError
from shared.ml.device import inference_dtype
from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import FineOptions, Init, Optimiser

LEARNING_RATES: Mapping[Optimiser, float] = {Optimiser.ADAM: 0.05, Optimiser.LBFGS: 1.0}
HISTORY = 10  # pairs that L-BFGS remembers; more gains nothing within a hundred steps


@dataclass(frozen=True)
class Step:
    """The costs of the image that one step began with."""

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
        self._dtype = inference_dtype(self._device)
        self._content = content.to(self._device)
        self._style = style.to(self._device)
        self._layers = [*self._options.content_layers, *self._options.style_layers]
        self._beta = self._options.beta * content.shape[2] * content.shape[3] / 256**2
        self._first: Step | None = None
        self._set_up()

    @property
    def image(self) -> Tensor:
        """(1, 3, H, W) float32 in [0, 1], on the CPU: the picture as it is now."""
        return self._pixels.detach().float().clamp(0, 1).cpu()

    def __iter__(self) -> Iterator[Step]:
        number = 0
        while number < self._options.steps:
            step = self._advance(number + 1)
            if not isfinite(step.cost):
                self._retreat()
                number = 0
                continue
            number += 1
            self._first = self._first or step
            yield step

    def result(self) -> Stylised:
        """The picture as it is now, its costs and those of the first step.

        Raises:
            ValueError: no step was made.
        """
        if self._first is None:
            raise ValueError("nothing was optimised yet: iterate first")
        with torch.no_grad():
            last = self._step(self._options.steps, *self._terms(self._pixels.clamp(0, 1)))
        return Stylised(self.image, self._first, last)

    def _set_up(self) -> None:
        """Everything of the cost that does not change, and the pixels to begin with."""
        options = self._options
        with torch.no_grad():
            self._targets = self._activations(self._content, list(options.content_layers))
            style = self._activations(self._style, list(options.style_layers))
            self._grams = {layer: costs.mean_gram_matrix(a) for layer, a in style.items()}
        match options.init:
            case Init.CONTENT:
                start = self._content.clone(memory_format=torch.contiguous_format)  # torch's L-BFGS flattens it
            case Init.NOISE:
                generator = torch.Generator().manual_seed(options.seed)
                start = torch.rand(self._content.shape, generator=generator).to(self._device)
        self._first = None
        self._pixels = start.requires_grad_(True)
        rate = options.learning_rate or LEARNING_RATES[options.optimiser]
        match options.optimiser:
            case Optimiser.ADAM:
                self._optimiser: torch.optim.Optimizer = torch.optim.Adam([self._pixels], lr=rate)
            case Optimiser.LBFGS:
                self._optimiser = torch.optim.LBFGS(
                    [self._pixels],
                    lr=rate,
                    max_iter=1,  # one evaluation a step, as Adam makes
                    history_size=HISTORY,
                    tolerance_grad=0,
                    tolerance_change=0,
                )

    def _advance(self, number: int) -> Step:
        """One evaluation of the cost, one change of the pixels."""
        seen: list[Step] = []

        def closure() -> float:
            self._optimiser.zero_grad()
            content, style, cost = self._terms(self._pixels)
            cost.backward()  # type: ignore[no-untyped-call]
            seen.append(self._step(number, content, style, cost))
            return seen[-1].cost

        self._optimiser.step(closure)
        return seen[0]

    def _retreat(self) -> None:
        """Begin again in float32; when that was it already, give up."""
        if self._dtype is torch.float32:
            raise NumericalError("The optimisation left the range of float32: lower the weights or `learning_rate`.")
        self._dtype = torch.float32
        self._set_up()

    def _terms(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Content cost, style cost and their weighted sum."""
        options = self._options
        generated = self._activations(pixels, self._layers)
        weighted = [
            weight * costs.content_cost(self._targets[layer], generated[layer])
            for layer, weight in options.content_layers.items()
        ]
        content = torch.stack(weighted).sum()
        style = costs.style_cost(self._grams, generated, options.style_layers)
        cost = options.alpha * content + self._beta * style
        if options.tv_weight:
            cost = cost + options.tv_weight * costs.total_variation(pixels)
        return content, style, cost

    def _step(self, number: int, content: Tensor, style: Tensor, cost: Tensor) -> Step:
        return Step(number, self._options.steps, content.item(), style.item(), cost.item())

    def _activations(self, pixels: Tensor, layers: list[str]) -> dict[str, Tensor]:
        half = self._dtype is not torch.float32
        with torch.autocast(self._device.type, self._dtype, enabled=half):
            channels_last = pixels.contiguous(memory_format=torch.channels_last)
            found: dict[str, Tensor] = self._features(channels_last, layers, pooling=self._options.pooling)
        return found


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
