"""The memory of a whole stylisation job: what it needs, what there is, what would fit. Pure Python, for the gateway."""

from dataclasses import dataclass, replace

from shared.errors import NeedsTooMuchMemory
from shared.ml.style import memory
from shared.ml.style.options import FineOptions
from shared.schemas import StyleMode

CHECKPOINT_BYTES = 256 * 2**20  # a larger state leaves the oldest of what the optimiser remembers out
# A style picture may have so many times the pixels of the output: its way through the network, without a way back,
# then needs no more memory than the output's own.
STYLE_AREA = 3

_IMAGE = 12  # bytes per pixel: three channels of float32
_STATE_IMAGES = (6, 26)  # of a checkpoint: those never left out, those there can be
_PACKED_TWICE = 2  # the tensors, then the file made of them


@dataclass(frozen=True)
class Work:
    """What is asked for; `styles` and `masks` are how many there are, that of what to keep included."""

    mode: StyleMode
    tiled: bool = False
    options: FineOptions | None = None
    styles: int = 1
    masks: int = 0

    def memory_bytes(self, width: int, height: int) -> int:
        """The peak for an output of width x height px."""
        match self.mode:
            case StyleMode.FAST:
                return memory.fast_bytes(width, height)
            case StyleMode.FINE:
                tile = memory.TILE if self.tiled else None
                pixels = width * height
                painting = memory.fine_bytes(width, height, tile=tile, options=self.options, masks=self.masks)
                styles = self.styles * STYLE_AREA * pixels * _IMAGE
                return painting + styles + _PACKED_TWICE * _checkpoint_bytes(pixels)


def largest_side(work: Work, shape: tuple[int, int], budget: int, *, most: int) -> int:
    """The longest side, px, at most `most`, of a picture of this shape (width, height) that fits; 0: none does."""
    return min(most, memory.largest_side(*shape, budget, work.memory_bytes))


def admit(work: Work, size: tuple[int, int], budget: int, *, most: int) -> int:
    """The bytes that a picture of this (width, height) needs.

    Raises:
        NeedsTooMuchMemory: more than `budget`; with the largest size that fits, as it is and in tiles.
    """
    needed = work.memory_bytes(*size)
    if needed <= budget:
        return needed
    largest = largest_side(work, size, budget, most=most)
    advice = f"At most size={largest:,} fits."
    if work.mode is StyleMode.FINE and not work.tiled:
        in_tiles = largest_side(replace(work, tiled=True), size, budget, most=most)
        advice += f" With tiled=true up to size={in_tiles:,} fits; it takes longer."
    raise NeedsTooMuchMemory(
        f"At {size[0]:,} × {size[1]:,} px this needs about {needed:,} bytes of memory, "
        f"and one stylisation may use {budget:,}. {advice}"
    )


def _checkpoint_bytes(pixels: int) -> int:
    least, most = (_IMAGE * pixels * images for images in _STATE_IMAGES)
    return max(least, min(most, CHECKPOINT_BYTES))
