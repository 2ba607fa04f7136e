"""dlib's face recognition network, and its weights out of the file that dlib publishes.

King: "High Quality Face Recognition with Deep Metric Learning", 2017 (blog.dlib.net), a residual network with
29 convolutions after He et al., arXiv:1512.03385 with half the filters, trained with a metric loss on about 3
million photos of 7,485 people. The layers are those of dlib's example dnn_face_recognition_ex.cpp.

Where this differs from the file: every `affine` layer (a batch normalisation after training) follows a
convolution, so `convert` folds it into that one. The values are the same to float32 rounding.

dlib adds what differs in size as if the smaller one were filled up with zeros, in space and in channels: a
residual level that halves the map and doubles the channels has no weights of its own on its short cut.
"""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from shared.ml.face import dlib_file
from shared.ml.face.dlib_file import Array
from shared.ml.face.geometry import Landmarks
from shared.ml.weight_registry import DLIB_RESNET

INPUT_SIZE = 150  # pixels, both ways
EMBEDDING_SIZE = 128

# x, y of the five landmarks in the crop: where YuNet sees them, on average, in the 674 chips that dlib's own
# detector and alignment (padding 0.25) cut out of every third photo of LFW's development part
TEMPLATE: Landmarks = np.array(
    [[46.700, 48.234], [106.006, 48.443], [76.390, 80.068], [50.113, 105.892], [101.213, 106.352]],
    dtype=np.float32,
)

# Residual blocks after the first convolution: (output channels, whether the map is halved)
_BLOCKS = (
    *((32, False),) * 3,
    (64, True),
    *((64, False),) * 3,
    (128, True),
    *((128, False),) * 2,
    (256, True),
    *((256, False),) * 2,
    (256, True),
)
_FIRST_CHANNELS = 32


class DlibResNet(nn.Module):
    """(N, 3, 150, 150) RGB in [0, 255], any dtype -> (N, 128) embeddings, not normalised."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        channels = _FIRST_CHANNELS
        self.first = nn.Conv2d(3, channels, 7, stride=2)
        blocks = []
        for out, halves in _BLOCKS:
            blocks.append(_Block(channels, out, halves=halves))
            channels = out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, EMBEDDING_SIZE, bias=False)
        mean = torch.tensor(DLIB_RESNET.preprocessing.mean).reshape(3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        dtype = self.head.weight.dtype
        # in float32: the mean has fractions that half precision would round away
        x = (pixels.float() - self.mean.float()) * DLIB_RESNET.preprocessing.scale  # about [-0.5, 0.6]
        x = functional.relu(self.first(x.to(dtype)))  # (N, 32, 72, 72)
        x = self.blocks(functional.max_pool2d(x, 3, stride=2))  # (N, 256, 4, 4)
        return cast(torch.Tensor, self.head(x.mean(dim=(2, 3))))


class _Block(nn.Module):
    """relu(x + conv(relu(conv(x)))), both 3 x 3; where it halves, x becomes its average over 2 x 2."""

    def __init__(self, channels: int, out: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        # dlib pads a convolution only where its stride is 1
        self.one = (
            nn.Conv2d(channels, out, 3, stride=2, padding=0) if halves else nn.Conv2d(channels, out, 3, padding=1)
        )
        self.two = nn.Conv2d(out, out, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.two(functional.relu(self.one(x)))
        if self.halves:
            x, y = _same_size(functional.avg_pool2d(x, 2), y)
        return functional.relu(x + y)


def _same_size(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Both (N, C, H, W), filled up with zeros at the end of each dimension to the larger extent of the two."""

    def filled(tensor: torch.Tensor) -> torch.Tensor:
        missing = [max(a, b) - c for a, b, c in zip(x.shape, y.shape, tensor.shape, strict=True)]
        return functional.pad(tensor, (0, missing[3], 0, missing[2], 0, missing[1]))

    return filled(x), filled(y)


def convert(path: Path) -> dict[str, Array]:
    """`DlibResNet`'s state dict out of dlib's file, with every affine layer folded into its convolution."""
    with_parameters = [layer for layer in dlib_file.read(path) if layer.parameters]
    *body, head = with_parameters
    names = ["first"] + [f"blocks.{block}.{part}" for block in range(len(_BLOCKS)) for part in ("one", "two")]
    kinds = [layer.kind for layer in with_parameters]
    if kinds != [*("con_4", "affine_") * len(names), "fc_2"]:
        raise ValueError(f"{path.name} has other layers than dlib's face recognition network")
    state = {}
    for name, convolution, affine in zip(names, body[::2], body[1::2], strict=True):
        filters, biases = convolution.parameters
        factors, offsets = (parameter.reshape(-1) for parameter in affine.parameters)
        state[f"{name}.weight"] = filters * factors[:, None, None, None]
        state[f"{name}.bias"] = biases.reshape(-1) * factors + offsets
    (weights,) = head.parameters  # (256, 128, 1, 1)
    state["head.weight"] = np.ascontiguousarray(weights[:, :, 0, 0].T)
    return state
