"""Which style goes where: guided Gram matrices.

Leon A. Gatys et al.: Controlling perceptual factors in neural style transfer (arXiv:1611.07865), section 4. Each
region r has a guidance map; its Gram matrix sums over the map, G_r = sum_ij w_rij a_ij a_ij^T / sum_ij w_rij, where w
is the square of their T. Styles that have no mask share one region: the cost of their Gram matrices' weighted mean
and the weighted mean of their costs differ by a constant only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.errors import InvalidField

_EMPTY = 1e-6  # of the picture: a region that is not there


@dataclass(frozen=True, eq=False)
class Region:
    """A part of the picture and its style.

    `styles` gives the proportions of the styles by their index, and sums to 1. `share` (1, 1, H, W) in [0, 1] says how
    much of each pixel belongs to the region; None means all of every pixel.
    """

    styles: Mapping[int, float]
    share: Tensor | None = None

    @property
    def area(self) -> float:
        """Of the picture, 0..1."""
        return 1.0 if self.share is None else float(self.share.mean())

    def resized(self, height: int, width: int) -> "Region":
        """Resampled by area."""
        if self.share is None or self.share.shape[2:] == (height, width):
            return self
        return Region(self.styles, F.interpolate(self.share, (height, width), mode="area"))


def divide(masks: Sequence[Tensor | None], weights: Sequence[float], keep: Tensor | None = None) -> list[Region]:
    """The regions of styles with these masks ((1, 1, H, W) in [0, 1], or None) and weights.

    Where masks overlap, the styles share in proportion to weight times mask. A style without a mask goes where no
    mask is. `keep` takes its part from all of them. Nothing is painted where no style goes.

    Raises:
        InvalidField: a weight is negative or not finite, or all are zero.
    """
    if not weights:
        raise InvalidField("At least one style is needed.")
    if not all(isfinite(weight) and weight >= 0 for weight in weights) or sum(weights) == 0:
        raise InvalidField("The styles' weights must be finite, at least 0 and not all 0.")
    used = [index for index, weight in enumerate(weights) if weight > 0]
    everywhere = [index for index in used if masks[index] is None]
    masked = {index: mask for index in used if (mask := masks[index]) is not None}
    regions = []
    painted = None if keep is None else 1 - keep
    rest = painted
    if masked:
        together = torch.stack([weights[index] * mask for index, mask in masked.items()]).sum(0)
        covered = torch.stack(list(masked.values())).sum(0).clamp(max=1)
        for index, mask in masked.items():
            share = covered * weights[index] * mask / together.clamp(min=torch.finfo(together.dtype).tiny)
            regions.append(Region({index: 1.0}, _times(share, painted)))
        rest = _times(1 - covered, painted)
    if everywhere:
        total = sum(weights[index] for index in everywhere)
        regions.append(Region({index: weights[index] / total for index in everywhere}, rest))
    return [region for region in regions if region.area > _EMPTY]


def _times(share: Tensor, painted: Tensor | None) -> Tensor:
    return share if painted is None else share * painted
