"""Pictures to tensors and back; resizing with torchvision's transforms."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from shared.ml.torchvision_guard import transforms


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB picture -> (1, 3, H, W) float32 in [0, 1]."""
    pixels = torch.from_numpy(np.array(image.convert("RGB")))  # (H, W, 3) uint8
    return pixels.permute(2, 0, 1)[None].float() / 255


def to_image(pixels: Tensor) -> Image.Image:
    """(1, 3, H, W) in [0, 1], clamped -> an RGB picture."""
    rounded = (pixels[0].detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(rounded.permute(1, 2, 0).cpu().numpy())


def resize(pixels: Tensor, height: int, width: int) -> Tensor:
    """(N, C, H, W) -> (N, C, height, width), bicubic and antialiased, in [0, 1]."""
    bicubic = transforms.InterpolationMode.BICUBIC
    resized: Tensor = transforms.functional.resize(pixels, [height, width], antialias=True, interpolation=bicubic)
    return resized.clamp(0, 1)  # bicubic overshoots at edges


def fit(width: int, height: int, long_side: int) -> tuple[int, int]:
    """(height, width) of the same aspect ratio whose longer one is `long_side`; neither is below 1."""
    scale = long_side / max(width, height)
    return max(1, round(height * scale)), max(1, round(width * scale))
