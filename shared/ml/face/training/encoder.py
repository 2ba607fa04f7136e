"""A small convolutional encoder for signals of one, two or three dimensions, to be trained from scratch.

The same operations make an embedding of a sound or a text (1D), a picture (2D) or a volume such as a CT scan
(3D): only what a convolution slides along differs. Valid convolutions (no padding) lose a border of one on each
side: 32×32×32 voxels with 16 channels and 32 filters of 3×3×3 give 30×30×30 with 32 channels.

Group normalisation (Wu and He, arXiv:1803.08494) instead of batch normalisation: it treats a photo the same in
training and in use, whatever else is in the batch, and knows no number of dimensions.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from shared.ml.face.training.losses import unit

KERNEL = 3
_GROUPS = 8

_CONVOLUTIONS: tuple[type[nn.Conv1d] | type[nn.Conv2d] | type[nn.Conv3d], ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_POOLS: tuple[type[nn.MaxPool1d] | type[nn.MaxPool2d] | type[nn.MaxPool3d], ...] = (
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.MaxPool3d,
)


class ConvEncoder(nn.Module):
    """(N, channels, *size) floats -> (N, embedding) of unit length, for a size of one to three sides.

    One block of convolution, normalisation, ReLU and pooling by 2 for each entry of `widths`; then a linear layer
    over all that is left of the map.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: Sequence[int],
        widths: Sequence[int] = (32, 64, 64),
        embedding: int = 64,
    ) -> None:
        super().__init__()
        if not 1 <= len(size) <= len(_CONVOLUTIONS):
            raise ValueError(f"an encoder takes inputs of 1, 2 or 3 dimensions, not {len(size)}")
        convolution, pool = _CONVOLUTIONS[len(size) - 1], _POOLS[len(size) - 1]
        blocks = []
        for before, width in zip((channels, *widths), widths, strict=False):
            blocks.append(
                nn.Sequential(convolution(before, width, KERNEL), nn.GroupNorm(_GROUPS, width), nn.ReLU(), pool(2))
            )
            size = [(side - KERNEL + 1) // 2 for side in size]
        if min(size) < 1:
            raise ValueError(f"{len(widths)} blocks leave nothing of an input that small: use fewer")
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(widths[-1] * int(torch.tensor(size).prod()), embedding)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return unit(cast(torch.Tensor, self.head(self.blocks(x).flatten(1))))
