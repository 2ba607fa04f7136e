"""MiniFASNet: a small network that tells a live face from a photo, a screen or a mask by its texture.

minivision-ai, "Silent-Face-Anti-Spoofing" (2020, Apache-2.0). MobileFaceNet (arXiv:1804.07573) cut down by
pruning, so that every block has a width of its own; V1SE ends each stage in a squeeze-and-excitation block
(arXiv:1709.01507). The two differ in those tables only. Dropout, which is nothing at inference, is left out.
Names of modules are those of the authors' files.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

SIDE = 80  # pixels of the input, both ways
CLASSES = 3  # 1 is live; 0 and 2 are two kinds of attack, which the authors do not name
LIVE = 1
_EMBEDDING = 128


class Widths(NamedTuple):
    """Channels inside the blocks of each residual stage, and whether its last block weighs its channels."""

    conv_3: tuple[int, ...]
    conv_4: tuple[int, ...]
    conv_5: tuple[int, ...]
    squeeze: bool


V2 = Widths((13, 13, 13, 13), (231, 52, 26, 77, 26, 26), (26, 26), squeeze=False)
V1SE = Widths((13, 26, 13, 52), (154, 52, 26, 52, 26, 26), (26, 26), squeeze=True)


class MiniFASNet(nn.Module):
    """(N, 3, 80, 80) float32 BGR in [0, 255] -> (N, 3) logits."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.conv1 = _Conv(3, 32, kernel=3, stride=2)
        self.conv2_dw = _Conv(32, 32, kernel=3, groups=32)
        self.conv_23 = _Block(32, 103, 64, stride=2)
        self.conv_3 = _Stage(64, widths.conv_3, squeeze=widths.squeeze)
        self.conv_34 = _Block(64, 231, 128, stride=2)
        self.conv_4 = _Stage(128, widths.conv_4, squeeze=widths.squeeze)
        self.conv_45 = _Block(128, 308, 128, stride=2)
        self.conv_5 = _Stage(128, widths.conv_5, squeeze=widths.squeeze)
        self.conv_6_sep = _Conv(128, 512)
        self.conv_6_dw = _Linear(512, 512, kernel=5, padding=0, groups=512)  # (N, 512, 5, 5) -> (N, 512, 1, 1)
        self.linear = nn.Linear(512, _EMBEDDING, bias=False)
        self.bn = nn.BatchNorm1d(_EMBEDDING)
        self.prob = nn.Linear(_EMBEDDING, CLASSES, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.conv2_dw(self.conv1(pixels))
        x = self.conv_3(self.conv_23(x))
        x = self.conv_4(self.conv_34(x))
        x = self.conv_5(self.conv_45(x))
        x = self.conv_6_dw(self.conv_6_sep(x)).flatten(1)
        logits: Tensor = self.prob(self.bn(self.linear(x)))
        return logits


class _Linear(nn.Module):
    """Convolution and batch normalisation, no activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel: int = 1,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        around = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, around, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.bn(self.conv(x))
        return normalised


class _Conv(_Linear):
    """The same with PReLU behind it."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel=kernel, stride=stride, groups=groups)
        self.prelu = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        activated: Tensor = self.prelu(super().forward(x))
        return activated


class _Block(nn.Module):
    """Widen, filter each channel, project: 1x1, depthwise 3x3, 1x1 without activation."""

    def __init__(self, inputs: int, inner: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv = _Conv(inputs, inner)
        self.conv_dw = _Conv(inner, inner, kernel=3, stride=stride, groups=inner)
        self.project = _Linear(inner, outputs)

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.project(self.conv_dw(self.conv(x)))
        return projected


class _Residual(_Block):
    """A block whose result is added to its input, weighed per channel first when `squeeze`."""

    def __init__(self, channels: int, inner: int, *, squeeze: bool) -> None:
        super().__init__(channels, inner, channels)
        if squeeze:
            self.se_module = _Squeeze(channels)
        self._squeeze = squeeze

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return x + (self.se_module(y) if self._squeeze else y)


class _Squeeze(nn.Module):
    """Squeeze and excitation: each channel times a weight in (0, 1) that follows from all channels' means."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // reduction)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3), keepdim=True)
        weights = torch.sigmoid(self.bn2(self.fc2(torch.relu(self.bn1(self.fc1(means))))))
        return x * weights


class _Stage(nn.Module):
    def __init__(self, channels: int, widths: tuple[int, ...], *, squeeze: bool) -> None:
        super().__init__()
        last = len(widths) - 1
        blocks = (_Residual(channels, width, squeeze=squeeze and i == last) for i, width in enumerate(widths))
        self.model = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


def convert(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of one of the authors' .pth files: `module.` of their DataParallel is dropped, and so are
    training's counters.
    """
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return {
        name.removeprefix("module."): np.asarray(tensor.numpy(), dtype=np.float32)
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
