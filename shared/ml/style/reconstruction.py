"""What a layer keeps of a picture: pictures made from noise that agree with it there.

Aravindh Mahendran, Andrea Vedaldi: Understanding deep image representations by inverting them (arXiv:1412.0035), and
figure 1 of Gatys et al. (arXiv:1508.06576): the content by the activations of one layer, the style by the Gram matrices
of all layers up to one. The costs are divided by what they are for a picture without any activation,
||a[l](C)||^2 / 2 and ||G[l](S)||_F^2 / (2 n_C)^2 (Mahendran's equation 4), so that one weight of the total variation
suits every layer, and what is left of a cost can be told in per cent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import torch
from torch import Tensor

from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation, Step, StyleImage
from shared.ml.style.options import FineOptions, Init

STEPS = 100


class Kept(StrEnum):
    CONTENT = "content"
    STYLE = "style"


# What each panel of a sheet agrees with: one layer, or all up to one
PANELS: Mapping[Kept, tuple[tuple[str, ...], ...]] = {
    Kept.CONTENT: (("relu1_2",), ("relu2_2",), ("relu3_3",), ("relu4_3",), ("relu5_3",)),
    Kept.STYLE: tuple(tuple(f"relu{block}_1" for block in range(1, last + 1)) for last in range(1, 6)),
}

# Weight of the mean square of neighbouring pixels' differences (0..255), beside costs that begin at about 1: chosen by
# looking. Without it the deep layers, which leave the pixels free, are answered with coloured noise.
_VARIATION = 2e-5


@dataclass(frozen=True, eq=False)
class Panel:
    """`image` (1, 3, H, W) agrees with the picture in `layers`, but for the part `left` of the cost."""

    layers: tuple[str, ...]
    image: Tensor
    left: float


class Reconstruction:
    """One picture of noise on its way: iterate over its steps, then take the panel."""

    def __init__(
        self,
        features: Vgg16Features,
        picture: Tensor,
        kept: Kept,
        layers: tuple[str, ...],
        *,
        steps: int = STEPS,
        seed: int = 0,
    ) -> None:
        """`picture` is (1, 3, H, W) in [0, 1].

        Raises:
            InvalidField: a layer is unknown, or there are no steps to make.
            InvalidImage: the picture is too small.
        """
        self._kept, self._layers = kept, layers
        with torch.inference_mode():
            seen = features(picture.to(features.mean.device), layers)
            scales = {layer: 1 / (len(layers) * _cost_of_nothing(kept, a)) for layer, a in seen.items()}
        content = kept is Kept.CONTENT
        nothing = {layers[0]: 0.0}
        pixels = picture.shape[2] * picture.shape[3]
        options = FineOptions(
            alpha=1.0 if content else 0.0,
            beta=0.0 if content else 256**2 / pixels,  # it grows with the pixels
            content_layers=scales if content else nothing,
            style_layers=nothing if content else scales,
            steps=steps,
            tv_weight=_VARIATION / pixels,
            init=Init.NOISE,
            levels=1,  # a coarse level would tell the fine one what the layer does not
            seed=seed,
        )
        self._run = Optimisation(features, picture, [StyleImage(picture)], options)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._run)

    def panel(self) -> Panel:
        """After the last step."""
        done = self._run.result()
        left = done.last.content_cost if self._kept is Kept.CONTENT else done.last.style_cost
        return Panel(self._layers, done.image, left)


def _cost_of_nothing(kept: Kept, activations: Tensor) -> float:
    nothing = torch.zeros_like(activations)
    match kept:
        case Kept.CONTENT:
            return max(costs.content_cost(activations, nothing).item(), 1e-12)
        case Kept.STYLE:
            return max(costs.layer_style_cost(costs.mean_gram_matrix(activations), nothing).item(), 1e-12)
        case _:
            assert_never(kept)
