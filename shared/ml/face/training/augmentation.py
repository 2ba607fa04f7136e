"""What may differ between two photos of one person, made by chance: mirrored, brighter, a little turned.

A whole batch at a time, on the device. The draws come from a CPU generator, so that a seed gives the same
batches on every device.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Jitter:
    """Half-widths of even draws around "unchanged"; the crops are aligned, so the geometry moves little."""

    mirrored: float = 0.5  # probability
    brightness: float = 0.15  # of the value range
    contrast: float = 0.2  # a factor of 1 ± this
    colour: float = 0.05  # a factor for each channel
    scale: float = 0.04  # a factor
    angle: float = 0.07  # radians: 4°
    shift: float = 0.02  # of the side


def augment(pixels: torch.Tensor, jitter: Jitter, *, rng: torch.Generator) -> torch.Tensor:
    """(N, C, H, W) in [0, 255], any dtype -> float32 of the same shape and range."""
    return _relit(_moved(pixels.float(), jitter, rng), jitter, rng)


def _moved(pixels: torch.Tensor, jitter: Jitter, rng: torch.Generator) -> torch.Tensor:
    count = len(pixels)
    angle, scale = jitter.angle * _even(count, rng=rng), 1 + jitter.scale * _even(count, rng=rng)
    mirror = 1 - 2 * (torch.rand(count, generator=rng) < jitter.mirrored).float()  # 1 or -1
    cos, sin = scale * angle.cos(), scale * angle.sin()
    shift = 2 * jitter.shift * _even(count, 2, rng=rng)  # affine_grid's coordinates run from -1 to 1
    rows = torch.stack([torch.stack([cos * mirror, -sin], 1), torch.stack([sin * mirror, cos], 1)], 1)
    matrices = torch.cat([rows, shift[:, :, None]], dim=2).to(pixels.device)  # (N, 2, 3)
    grid = functional.affine_grid(matrices, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _relit(pixels: torch.Tensor, jitter: Jitter, rng: torch.Generator) -> torch.Tensor:
    count, channels = pixels.shape[:2]
    gain = (1 + jitter.contrast * _even(count, 1, rng=rng)) * (1 + jitter.colour * _even(count, channels, rng=rng))
    offset = 255 * jitter.brightness * _even(count, 1, rng=rng)
    gain, offset = gain[:, :, None, None].to(pixels.device), offset[:, :, None, None].to(pixels.device)
    return ((pixels - 127.5) * gain + 127.5 + offset).clamp(0, 255)


def _even(*shape: int, rng: torch.Generator) -> torch.Tensor:
    """Draws in [-1, 1)."""
    return 2 * torch.rand(*shape, generator=rng) - 1
