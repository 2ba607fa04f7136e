"""The two networks of one-pass stylisation, in float32 and for any size.

Golnaz Ghiasi, Honglak Lee, Manjunath Kudlur, Vincent Dumoulin, Jonathon Shlens: Exploring the structure of a real-time,
arbitrary neural artistic stylization network (arXiv:1705.06830). The style prediction network P maps a style image to
an embedding S = P(s) of 100 numbers; the style transfer network T(c, S) paints the content image with it. S enters T
only through the conditional instance normalisation of every layer after the contraction (their equation 5),
z' = gamma_S (z - mu) / sigma + beta_S, where gamma_S and beta_S are linear in S.

These are the mobile variants that Magenta published (P on MobileNetV2, T with a quarter of the paper's channels).
Differences from the published files: they are int8 with rounded activations and fixed at 256 px (P) and 384 px (T);
here the activations are float32 and the size is free.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

STYLE_DIMENSIONS = 100
SIZE_MULTIPLE = 4  # T halves the image twice and doubles it twice

_EPSILON = 1e-5  # of the instance normalisation, as in the published graph

# expansion, output channels, repeats, stride of the first: MobileNetV2, arXiv:1801.04381, table 2
_MOBILENET = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class _InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1; the input is added when the shape stays (arXiv:1801.04381, figure 4b)."""

    def __init__(self, channels: int, out: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.expand = nn.Conv2d(channels, hidden, 1) if expansion > 1 else None
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride=stride, groups=hidden)
        self.project = nn.Conv2d(hidden, out, 1)
        self.adds_input = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(_pad_same(y, self.depthwise.stride[0]))))
        return x + y if self.adds_input else cast(Tensor, y)


class StylePredictor(nn.Module):
    """P: (N, 3, h, w) RGB in [0, 1] -> style vectors (N, 100). Made for 256 px; the mean at its end takes any size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2)
        blocks: list[nn.Module] = []
        channels = 32
        for expansion, out, repeats, stride in _MOBILENET:
            for i in range(repeats):
                blocks.append(_InvertedResidual(channels, out, expansion, stride if i == 0 else 1))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(channels, 1280, 1)
        self.vector = nn.Conv2d(1280, STYLE_DIMENSIONS, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu6(self.stem(_pad_same(images, 2)))
        x = F.relu6(self.head(self.blocks(x)))
        return cast(Tensor, self.vector(x.mean(dim=(2, 3), keepdim=True))).flatten(1)


class _StyledConvolution(nn.Module):
    """A convolution and its conditional instance normalisation (arXiv:1705.06830, equation 5)."""

    def __init__(self, channels: int, out: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out, kernel, bias=False)
        self.scale = nn.Conv2d(STYLE_DIMENSIONS, out, 1)
        self.offset = nn.Conv2d(STYLE_DIMENSIONS, out, 1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """`style` is (N, 100, 1, 1)."""
        z = F.instance_norm(self.convolution(_mirror(x, self.convolution)), eps=_EPSILON)
        return torch.addcmul(self.offset(style), z, self.scale(style))


class StyleTransformer(nn.Module):
    """T: contents (N, 3, H, W) RGB in [0, 1], sides multiples of 4, and style vectors (N, 100) -> (N, 3, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.contract = nn.ModuleList(
            [nn.Conv2d(3, 8, 9), nn.Conv2d(8, 16, 3, stride=2), nn.Conv2d(16, 32, 3, stride=2)]
        )
        self.residual = nn.ModuleList(
            nn.ModuleList([_StyledConvolution(32, 32, 3), _StyledConvolution(32, 32, 3)]) for _ in range(5)
        )
        self.expand = nn.ModuleList(
            [_StyledConvolution(32, 16, 3), _StyledConvolution(16, 8, 3), _StyledConvolution(8, 3, 9)]
        )

    def forward(self, contents: Tensor, vectors: Tensor) -> Tensor:
        style = vectors[:, :, None, None]
        x = contents
        for convolution in self.contract:
            x = F.relu(convolution(_mirror(x, cast(nn.Conv2d, convolution))))
        for block in self.residual:
            first, second = cast(nn.ModuleList, block)
            x = x + second(F.relu(first(x, style)), style)
        wide, narrow, last = self.expand
        x = F.relu(wide(_double(x), style))
        x = F.relu(narrow(_double(x), style))
        return torch.sigmoid(last(x, style))


def _mirror(x: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Reflect the border by half a kernel: (N, C, H, W) -> (N, C, H + k - 1, W + k - 1)."""
    half = convolution.kernel_size[0] // 2
    return F.pad(x, (half, half, half, half), mode="reflect")


def _double(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W), nearest neighbour."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def _pad_same(x: Tensor, stride: int) -> Tensor:
    """TensorFlow's "SAME" border for a 3x3 kernel, which is lopsided where a stride of 2 meets an even size."""
    if stride == 1:
        return F.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    return F.pad(x, (width % 2, 1, height % 2, 1))
