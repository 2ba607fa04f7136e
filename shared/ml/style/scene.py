"""What a fine stylisation starts from: the content, the styles, where each goes and what is left alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from shared.errors import InvalidImage
from shared.ml.style.features import MIN_SIDE
from shared.ml.style.pixels import resize
from shared.ml.style.regions import Region, divide


@dataclass(frozen=True, eq=False)
class StyleImage:
    """A style: `pixels` (1, 3, h, w) RGB in [0, 1] of any size, and where it goes.

    `weight` counts relative to the styles it shares a place with. `mask` (1, 1, H, W) in [0, 1], of the content's size,
    is 1 where the style goes; None: wherever no other style's mask is.
    """

    pixels: Tensor
    weight: float = 1.0
    mask: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Scene:
    """All that the cost depends on, at one size. `keep` (1, 1, H, W) is 1 where the content stays as it is."""

    content: Tensor
    styles: tuple[Tensor, ...]
    regions: tuple[Region, ...]
    keep: Tensor | None

    @classmethod
    def of(cls, content: Tensor, styles: Sequence[StyleImage], keep: Tensor | None, *, device: torch.device) -> "Scene":
        """On `device`.

        Raises:
            InvalidField: no style has a weight.
            InvalidImage: a mask is of another size than the content, or all of it is kept.
        """
        masks = [
            None if style.mask is None else checked(style.mask, content, f"the mask of style {number}").to(device)
            for number, style in enumerate(styles, start=1)
        ]
        if keep is not None:
            keep = checked(keep, content, "the mask of what to keep").to(device)
        regions = divide(masks, [style.weight for style in styles], keep)
        if not regions:
            raise InvalidImage("nothing is left to paint: the masks leave no place for a style")
        # contiguous: in channels_last memory the flat views of the descent would be copies
        return cls(content.to(device).contiguous(), tuple(s.pixels.to(device) for s in styles), tuple(regions), keep)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.content.shape[2], self.content.shape[3]

    def resized(self, height: int, width: int) -> "Scene":
        """Everything smaller by the same factor: the styles' strokes stay as large beside the content."""
        if (height, width) == self.size:
            return self
        factor = max(height, width) / max(self.size)
        keep = None if self.keep is None else F.interpolate(self.keep, (height, width), mode="area")
        return Scene(
            resize(self.content, height, width),
            tuple(_scaled(style, factor) for style in self.styles),
            tuple(region.resized(height, width) for region in self.regions),
            keep,
        )

    def composed(self, pixels: Tensor) -> Tensor:
        """The picture: the content where it is kept, `pixels` elsewhere."""
        return pixels if self.keep is None else self.keep * self.content + (1 - self.keep) * pixels

    def shares(self, stride: int) -> Tensor | None:
        """How much of each position of a layer belongs to which region: (R, n_H, n_W), or None for all to one."""
        maps = [region.share for region in self.regions if region.share is not None]
        if not maps:
            return None
        together = torch.cat(maps, dim=1)
        # blocks as large as the stride are exactly the pixels of a position, so a tile's map is part of the whole's
        return (F.avg_pool2d(together, stride) if stride > 1 else together)[0]


def checked(given: Tensor, content: Tensor, name: str) -> Tensor:
    """`given`, if it has the size of the content.

    Raises:
        InvalidImage: it has another.
    """
    if given.shape[2:] != content.shape[2:]:
        theirs, ours = (f"{t.shape[3]} x {t.shape[2]} px" for t in (given, content))
        raise InvalidImage(f"{name} is {theirs}, the content {ours}; both must be of one size")
    return given


def _scaled(style: Tensor, factor: float) -> Tensor:
    """Smaller, but not so small that the network cannot see it."""
    height, width = style.shape[2:]
    factor = min(1.0, max(factor, MIN_SIDE / min(height, width)))
    return resize(style, max(round(height * factor), 1), max(round(width * factor), 1))
