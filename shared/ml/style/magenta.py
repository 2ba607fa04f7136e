"""The published networks of arbitrary one-pass stylisation.

Golnaz Ghiasi, Honglak Lee, Manjunath Kudlur, Vincent Dumoulin, Jonathon Shlens: Exploring the structure of a real-time,
arbitrary neural artistic stylization network (arXiv:1705.06830). The style prediction network P maps a style image to
an embedding S = P(s) of 100 numbers; the style transfer network T(c, S) paints the content image with it
(transformer.py).

These are the mobile variants that Magenta published (P on MobileNetV2, T with a quarter of the paper's channels).
Differences from the published files: they are int8 with rounded activations and fixed at 256 px (P) and 384 px (T);
here the size is free and the activations are floating point: float32 in P.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

STYLE_DIMENSIONS = 100

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


def _pad_same(x: Tensor, stride: int) -> Tensor:
    """TensorFlow's "SAME" border for a 3x3 kernel, which is lopsided where a stride of 2 meets an even size."""
    if stride == 1:
        return F.pad(x, (1, 1, 1, 1))
    height, width = x.shape[2:]
    return F.pad(x, (width % 2, 1, height % 2, 1))
