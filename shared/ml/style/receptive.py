"""Which pixels a unit of the network sees: exact arithmetic over kernels, strides and paddings.

Vincent Dumoulin, Francesco Visin: A guide to convolution arithmetic for deep learning (arXiv:1603.07285). For one
dimension, layer after layer, with j the distance in pixels of neighbouring positions:

    size  <- size + (kernel - 1) j
    start <- start - padding j
    j     <- stride j
"""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import nn

from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import MODULES, check_layers


@dataclass(frozen=True)
class Box:
    """Pixels [top, bottom) x [left, right)."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class ReceptiveField:
    """Position i of the layer sees the pixels [i stride + start, i stride + start + size) of each dimension."""

    size: int
    stride: int
    start: int

    def box(self, row: int, column: int) -> Box:
        """What position (row, column) sees; it may reach beyond the picture, where there is padding."""
        top, left = row * self.stride + self.start, column * self.stride + self.start
        return Box(top, left, top + self.size, left + self.size)

    def inside(self, length: int) -> range:
        """The positions along a side of `length` px whose fields lie wholly within it; empty if none does."""
        first = -(self.start // self.stride)  # the least i with i stride + start >= 0
        last = (length - self.size - self.start) // self.stride
        return range(first, max(first, last + 1))


def receptive_field(features: Vgg16Features, layer: str) -> ReceptiveField:
    """Of every unit of a layer. Raises InvalidField for an unknown one."""
    check_layers([layer])
    return of_modules(list(features.features)[: MODULES.index(layer) + 1])


def of_modules(modules: Iterable[nn.Module]) -> ReceptiveField:
    """Of the last of convolutions, poolings and pointwise functions with square kernels, one after another."""
    size, stride, start = 1, 1, 0
    for module in modules:
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, step, padding = (_one(value) for value in (module.kernel_size, module.stride, module.padding))
            size += (kernel - 1) * stride
            start -= padding * stride
            stride *= step
    return ReceptiveField(size, stride, start)


def _one(value: int | str | tuple[int, ...]) -> int:
    """PyTorch keeps a square's side as a number or twice in a tuple."""
    side = value[0] if isinstance(value, tuple) else value
    if not isinstance(side, int):
        raise TypeError(f"padding {side!r} is not understood")
    return side
