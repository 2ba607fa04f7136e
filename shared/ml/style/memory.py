"""How much memory a stylisation takes, before it starts. Pure Python: the gateway asks, too.

The constants are of measured peaks (VmHWM of fresh processes, torch on the CPU, glibc's allocator); the result lies
above every one of them, by less than half. They are those of float32, which a run can fall back to: where
the CPU computes in bfloat16 there is some room left.
"""

from collections.abc import Callable, Iterable

from shared.ml.style.geometry import halo, largest_tile, stride
from shared.ml.style.options import FineOptions, Optimiser

MIB = 1 << 20

TILE = 768  # px: the side of a tile where none is named; with its halo a third more is computed than shown
RESIDENT = 600 * MIB  # a process that holds the interpreter, torch and the networks, and has run them once
LARGEST = 32768  # px: no side is looked for beyond this

_IMAGE = 12  # bytes per pixel: three channels of float32
_IMAGES = 14  # of the picture's size: content, pixels, best, gradient and what the descent compares
_LBFGS_IMAGES = 20  # its ten pairs
_BACKWARD = 2300  # bytes per pixel computed at once: the activations that the way back needs, and a gradient
_FORWARD = 600  # the same without a way back
_GUIDED = 300  # with masks, the weighted copy of the largest activation
_MASK = 12  # bytes per pixel: the mask, its share, and the shares at each stride
_FAST = 350  # bytes per pixel of a picture in one pass, whole or in strips; a look in float32 needs most


def fine_bytes(
    width: int,
    height: int,
    *,
    tile: int | None = None,
    options: FineOptions | None = None,
    styles: Iterable[tuple[int, int]] = (),
    masks: int = 0,
) -> int:
    """The peak of a fine stylisation of width x height px, with what is resident.

    `styles` are their (width, height) where they are larger than the content, `masks` how many there are, that of
    what to keep included. Add twice the size of a checkpoint that is taken on the way.
    """
    options = options or FineOptions()
    around = halo([*options.content_layers, *options.style_layers])
    computed = _largest(width, height, tile, around) * (_BACKWARD + (_GUIDED if masks else 0))
    references = [_largest(*style, tile, around) * _FORWARD + style[0] * style[1] * _IMAGE for style in styles]
    images = _IMAGES + (_LBFGS_IMAGES if options.optimiser is Optimiser.LBFGS else 2)
    kept = images * _IMAGE + masks * _MASK + sum(_activation(layer) for layer in options.content_layers)
    return RESIDENT + max([computed, *references]) + width * height * kept


def fast_bytes(width: int, height: int) -> int:
    """The peak of a one-pass stylisation of width x height px, with what is resident."""
    return RESIDENT + width * height * _FAST


def largest_side(width: int, height: int, budget: int, cost: Callable[[int, int], int]) -> int:
    """The longest side in px of a picture of this aspect ratio with cost(width, height) <= budget; 0 if none has."""
    low, high = 0, LARGEST
    while low < high:
        side = (low + high + 1) // 2
        scale = side / max(width, height)
        if cost(max(1, round(width * scale)), max(1, round(height * scale))) <= budget:
            low = side
        else:
            high = side - 1
    return low


def _largest(width: int, height: int, tile: int | None, around: int) -> int:
    """Pixels that are computed at once."""
    rows, columns = largest_tile(height, width, tile, around)
    return rows * columns


def _activation(layer: str) -> int:
    """Bytes per pixel of the content's activations, float32."""
    channels = min(512, 64 * stride(layer))
    return 4 * channels // stride(layer) ** 2
