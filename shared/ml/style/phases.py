"""Convolutions rewritten to work on phases: the four pixels of a 2x2 square as four channels at half the size.

Phases are laid out as torch's pixel_unshuffle leaves them: channel c of the picture becomes channels 4 c + 2 p_y + p_x,
and pixel 2 i + p of an axis becomes position i of phase p. The kernels' names below are for one axis; a kernel is
rewritten along both. What comes out is what the picture's own convolution gives, up to rounding.
"""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  torch's own name for it


def keeping_size(weight: Tensor) -> Tensor:
    """A kernel (O, C, 9, 9) at full size as (4 O, 4 C, 5, 5) from phases to phases.

    Pixel 2 i + p of the output is sum_t w_t x_(2 i + p + t - 4); position i + j - 2 of phase q holds t = 2 j + q - p.
    """
    out, channels = weight.shape[:2]
    spread = weight.new_zeros(2, 2, 5, 9)  # (p, q, j, t)
    for p in range(2):
        for q in range(2):
            for j in range(5):
                if 0 <= (t := 2 * j + q - p) < 9:
                    spread[p, q, j, t] = 1
    return torch.einsum("ocuv,pqju,rskv->oprcqsjk", weight, spread, spread).reshape(4 * out, 4 * channels, 5, 5)


def halving(weight: Tensor) -> Tensor:
    """A kernel (O, C, 3, 3) of stride 2 as (O, 4 C, 2, 2) from phases to pixels.

    Output i is sum_t w_t x_(2 i + t - 1): phase 1 of position i - 1, then phases 0 and 1 of position i.
    """
    out, channels = weight.shape[:2]
    spread = weight.new_zeros(2, 2, 3)  # (q, j, t)
    spread[1, 0, 0] = spread[0, 1, 1] = spread[1, 1, 2] = 1
    return torch.einsum("ocuv,qju,skv->ocqsjk", weight, spread, spread).reshape(out, 4 * channels, 2, 2)


def doubling(weight: Tensor) -> Tensor:
    """A kernel (O, C, 3, 3) after a nearest-neighbour doubling as (4 O, C, 3, 3) before it, from pixels to phases.

    Pixel 2 i + p of the output is sum_t w_t x_floor((2 i + p + t - 1) / 2).
    """
    out, channels = weight.shape[:2]
    spread = weight.new_zeros(2, 3, 3)  # (p, j, t)
    for p in range(2):
        for t in range(3):
            spread[p, (p + t - 1) // 2 + 1, t] = 1
    return torch.einsum("ocuv,pju,rkv->oprcjk", weight, spread, spread).reshape(4 * out, channels, 3, 3)


def mirrored(x: Tensor, before: int, after: int, *, dim: int) -> Tensor:
    """Phases (N, 4 C, h, w) with those of the picture mirrored at its first and last row (`dim` 2) or column (3).

    Pixel 0 is phase 0 and is not repeated; but pixel -1, which is phase 1, shows pixel 1, and that is phase 1 of
    position 0. At the other end it is the other way around.
    """
    padded = F.pad(x, (0, 0, before, after) if dim == 2 else (before, after, 0, 0), mode="reflect")
    axis, size = dim + 1, x.shape[dim]  # of what `phase` gives

    def phase(t: Tensor, p: int) -> Tensor:
        n, channels, height, width = t.shape
        return t.view(n, channels // 4, 2, 2, height, width).select(dim, p)  # (N, C, 2, h, w)

    if before:
        phase(padded, 1).narrow(axis, 0, before).copy_(phase(x, 1).narrow(axis, 0, before).flip(axis))
    if after:
        last = phase(x, 0).narrow(axis, size - after, after).flip(axis)
        phase(padded, 0).narrow(axis, before + size, after).copy_(last)
    return padded
