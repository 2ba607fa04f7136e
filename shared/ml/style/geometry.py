"""Where the positions of VGG-16's layers lie in a picture, and how a picture is cut into tiles.

Pure Python: the gateway imports it through memory.py, and must not load torch with it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil

from shared.ml.style.options import MODULES

ALIGNMENT = 16  # px: the stride of the deepest layers; tiles begin at its multiples, so that their poolings agree


def stride(layer: str) -> int:
    """Pixels from one position of a layer to the next: 1, 2, 4, 8 or 16 by its block."""
    block = int(layer.removeprefix("conv").removeprefix("relu").split("_")[0])
    return 1 << (block - 1)


def reach(layers: Collection[str]) -> int:
    """Pixels that the deepest of `layers` sees beyond its own stride x stride pixels, on each side."""
    seen, step, farthest = 0, 1, 0
    for name in MODULES:
        if name.startswith("conv"):
            seen += step  # 3 x 3: one position more on each side
        elif name.startswith("pool"):
            step *= 2
        if name in layers:
            farthest = seen
    return farthest


def halo(layers: Collection[str]) -> int:
    """What a tile needs around it so that its own positions are those of the whole picture: pixels, aligned."""
    return _aligned(reach(layers))


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels: [start, stop) is computed, [first, last) of it is the tile's own."""

    start: int
    stop: int
    first: int
    last: int

    @property
    def computed(self) -> slice:
        return slice(self.start, self.stop)

    def owned(self, stride: int) -> slice:
        """Its own positions of a layer, counted in the whole picture."""
        return slice(self.first // stride, self.last // stride)

    def inner(self, stride: int) -> slice:
        """The same positions, counted in what is computed."""
        return slice((self.first - self.start) // stride, (self.last - self.start) // stride)


@dataclass(frozen=True)
class Tile:
    rows: Span
    columns: Span


def tiles(height: int, width: int, side: int | None, halo: int) -> list[Tile]:
    """A picture in tiles of about `side` pixels, each with `halo` pixels around it; None: one, the whole picture.

    Each position of each layer belongs to exactly one tile.
    """
    return [
        Tile(rows, columns)
        for rows in _spans(height, side or height, halo)
        for columns in _spans(width, side or width, halo)
    ]


def largest_tile(height: int, width: int, side: int | None, halo: int) -> tuple[int, int]:
    """(height, width) of the largest part that is computed at once."""
    return (
        max(span.stop - span.start for span in _spans(height, side or height, halo)),
        max(span.stop - span.start for span in _spans(width, side or width, halo)),
    )


def _spans(length: int, side: int, halo: int) -> list[Span]:
    step = _aligned(ceil(length / ceil(length / side)))  # of even size: no sliver at the end
    if step >= length:
        return [Span(0, length, 0, length)]
    return [
        Span(max(0, first - halo), min(length, first + step + halo), first, min(length, first + step))
        for first in range(0, length, step)
    ]


def _aligned(pixels: int) -> int:
    return ceil(pixels / ALIGNMENT) * ALIGNMENT
