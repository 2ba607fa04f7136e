"""The cost of a picture and its gradient, computed at once or in tiles.

    J(G) = alpha J_content(C, G) + beta J_style(S, G) + tv_weight TV(G)          (arXiv:1508.06576, equation 7)

The content cost is a sum over positions, and the style cost a function of the Gram matrices, which are sums over
positions too. So a picture in tiles takes two passes: the first adds up the Gram sums of the tiles, the second goes
back through each tile's content cost and <dJ_style/dG, G(tile)>, whose gradients add up to that of the whole. A tile's
halo covers what its own positions see, so the result is the same but for rounding. One tile takes one pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from shared.ml.style import costs
from shared.ml.style.features import Vgg16Features
from shared.ml.style.geometry import Tile, halo, stride, tiles
from shared.ml.style.options import FineOptions
from shared.ml.style.scene import Scene

_REFERENCE = 256**2  # pixels: where `beta` and `tv_weight` are what they say

_FEWEST = 1e-6  # positions of a region that a layer is too coarse to see

Sums = Mapping[str, Tensor]  # layer -> (R, n_C, n_C): the Gram sums of R regions
Shares = Mapping[str, Tensor | None]  # layer -> (R, n_H, n_W): how much of each position is whose; None: all of it


@dataclass(frozen=True)
class Costs:
    content: float
    style: float
    total: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The costs at `pixels` (1, 3, H, W), and the gradient of their total."""

    pixels: Tensor
    costs: Costs
    gradient: Tensor

    @property
    def is_finite(self) -> bool:
        return isfinite(self.costs.total) and bool(self.gradient.isfinite().all())


class Objective:
    """The cost of one scene at one size. What concerns the content and the styles is computed once, here."""

    def __init__(
        self,
        features: Vgg16Features,
        scene: Scene,
        options: FineOptions,
        *,
        dtype: torch.dtype,
        tile: int | None = None,
    ) -> None:
        self._features, self._scene, self._options, self._dtype, self._side = features, scene, options, dtype, tile
        self._content_layers = {name: weight for name, weight in options.content_layers.items() if weight}
        self._style_layers = {name: weight for name, weight in options.style_layers.items() if weight and scene.regions}
        self._halo = halo([*self._content_layers, *self._style_layers])
        height, width = scene.content.shape[2:]
        self._tiles = tiles(height, width, tile, self._halo)
        self._scale = height * width / _REFERENCE
        self._areas = torch.tensor([region.area for region in scene.regions], device=scene.content.device)
        self._shares: Shares = {layer: scene.shares(stride(layer)) for layer in self._style_layers}
        self._counts = {layer: self._count(layer) for layer in self._style_layers}
        self._content = [self._content_activations(tile) for tile in self._tiles]
        self._grams = self._targets()

    def evaluate(self, pixels: Tensor) -> Evaluation:
        """The terms of J and dJ/dG."""
        picture = self._scene.composed(pixels)
        whole = len(self._tiles) == 1
        content, style, gradient = self._at_once(picture) if whole else self._in_tiles(picture)
        options = self._options
        cost = options.alpha * content + options.beta * self._scale * style
        if options.tv_weight:
            leaf = picture.detach().requires_grad_(True)
            variation = options.tv_weight * costs.total_variation(leaf * 255)
            gradient += torch.autograd.grad(variation, leaf)[0]
            cost += variation.item()
        if self._scene.keep is not None:
            gradient *= 1 - self._scene.keep
        return Evaluation(pixels, Costs(content, style, cost), gradient)

    def _at_once(self, picture: Tensor) -> tuple[float, float, Tensor]:
        leaf = picture.detach().requires_grad_(True)
        content, sums = self._terms(leaf, 0)
        style = self._style_cost(sums)
        cost = self._options.alpha * content + self._options.beta * self._scale * style
        return content.item(), style.item(), torch.autograd.grad(cost, leaf)[0].contiguous()

    def _in_tiles(self, picture: Tensor) -> tuple[float, float, Tensor]:
        totals = self._gram_sums(picture, self._tiles, self._shares)
        for total in totals.values():
            total.requires_grad_(True)
        style = self._style_cost(totals)
        slopes = (
            dict(
                zip(
                    totals,
                    torch.autograd.grad(self._options.beta * self._scale * style, [*totals.values()]),
                    strict=True,
                )
            )
            if totals
            else {}
        )
        gradient, content_cost = torch.zeros_like(picture), 0.0
        for number, tile in enumerate(self._tiles):
            part = (..., tile.rows.computed, tile.columns.computed)
            leaf = picture[part].detach().requires_grad_(True)
            content, sums = self._terms(leaf, number)
            cost = self._options.alpha * content + sum((slopes[layer] * sums[layer]).sum() for layer in sums)
            gradient[part] += torch.autograd.grad(cost, leaf)[0]
            content_cost += content.item()
        return content_cost, style.item(), gradient

    def _content_activations(self, tile: Tile) -> dict[str, Tensor]:
        if not self._content_layers:
            return {}
        part = self._scene.content[..., tile.rows.computed, tile.columns.computed]
        with torch.no_grad():
            own = self._own(part, tile, self._content_layers)
        return {layer: a.contiguous(memory_format=torch.channels_last) for layer, a in own.items()}

    def _count(self, layer: str) -> Tensor:
        """The positions of each region, by weight: (R, 1, 1)."""
        shares = self._shares[layer]
        if shares is None:
            return torch.full((1, 1, 1), float(_positions(*self._scene.size, layer)), device=self._areas.device)
        return shares.sum((1, 2))[:, None, None].clamp(min=_FEWEST)

    def _terms(self, part: Tensor, number: int) -> tuple[Tensor, Sums]:
        """Content cost and Gram sums of tile `number`, whose pixels, halo included, are `part`."""
        tile = self._tiles[number]
        seen = self._own(part, tile, {**self._content_layers, **self._style_layers})
        content = torch.zeros((), device=part.device)
        for layer, weight in self._content_layers.items():
            content = content + weight * costs.content_cost(self._content[number][layer], seen[layer])
        sums = {
            layer: costs.gram_sums(seen[layer], _cut(self._shares[layer], layer, tile)) for layer in self._style_layers
        }
        return content, sums

    def _style_cost(self, sums: Sums) -> Tensor:
        """Equation 5 in each region, weighted by its part of the picture."""
        cost = torch.zeros((), device=self._areas.device)
        for layer, weight in self._style_layers.items():
            distances = costs.gram_distance(self._grams[layer], sums[layer] / self._counts[layer])
            cost = cost + weight * (self._areas * distances).sum()
        return cost

    def _gram_sums(self, picture: Tensor, parts: Sequence[Tile], shares: Shares) -> dict[str, Tensor]:
        totals: dict[str, Tensor] = {}
        with torch.no_grad():
            for tile in parts:
                own = self._own(picture[..., tile.rows.computed, tile.columns.computed], tile, self._style_layers)
                for layer, a in own.items():
                    sums = costs.gram_sums(a, _cut(shares[layer], layer, tile))
                    totals[layer] = totals[layer].add_(sums) if layer in totals else sums
        return totals

    def _targets(self) -> dict[str, Tensor]:
        """The mean Gram matrices that the regions shall have: layer -> (R, n_C, n_C)."""
        scene, layers = self._scene, self._style_layers
        used = {index for region in scene.regions for index in region.styles}
        styles = {index: self._mean_grams(scene.styles[index]) for index in used}
        targets = {
            layer: torch.cat(
                [
                    torch.stack([share * styles[index][layer] for index, share in region.styles.items()]).sum(0)
                    for region in scene.regions
                ]
            )
            for layer in layers
        }
        if self._options.strength < 1:
            own = self._gram_sums(scene.content, self._tiles, self._shares)
            for layer, target in targets.items():
                targets[layer] = torch.lerp(own[layer] / self._counts[layer], target, self._options.strength)
        return targets

    def _mean_grams(self, style: Tensor) -> dict[str, Tensor]:
        height, width = style.shape[2:]
        parts = tiles(height, width, self._side, self._halo)
        sums = self._gram_sums(style, parts, dict.fromkeys(self._style_layers))
        return {layer: total / _positions(height, width, layer) for layer, total in sums.items()}

    def _own(self, part: Tensor, tile: Tile, layers: Iterable[str]) -> dict[str, Tensor]:
        """A tile's own activations, from its pixels with their halo."""
        found = self._features(part, list(layers), pooling=self._options.pooling, dtype=self._dtype)
        return {
            layer: a[..., tile.rows.inner(stride(layer)), tile.columns.inner(stride(layer))]
            for layer, a in found.items()
        }


def _cut(shares: Tensor | None, layer: str, tile: Tile) -> Tensor | None:
    """(R, n_H, n_W) -> the tile's part."""
    return None if shares is None else shares[:, tile.rows.owned(stride(layer)), tile.columns.owned(stride(layer))]


def _positions(height: int, width: int, layer: str) -> int:
    return (height // stride(layer)) * (width // stride(layer))
