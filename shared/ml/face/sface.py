"""The SFace embedding network, and its weights out of the file that OpenCV Zoo publishes.

Zhong, Deng, Hu, Zhao, Li, Wen: "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition",
IEEE TIP 2021, doi:10.1109/TIP.2020.3048632. The published file is a MobileNet v1 (arXiv:1704.04861) with
PReLU and a 128-d embedding f(x) over the last 7 x 7 feature map; the loss shaped the weights and is not
needed to use them.

Where this differs from the file: every batch normalisation is an affine map once training is over, so
`convert` folds it into the convolution or the linear layer beside it. The values are the same to float32
rounding, and the network needs a third fewer passes over its feature maps.
"""

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from shared.ml.onnx_weights import initialisers
from shared.ml.weight_registry import SFACE

INPUT_SIZE = 112  # pixels, both ways
EMBEDDING_SIZE = 128

# Depthwise-separable blocks after the first 3x3 convolution: (output channels, stride of the depthwise part)
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
_FIRST_CHANNELS = 32
_LAST_MAP = 7  # 112 / 2^4
_CONV_EPSILON = 1e-3  # of the batch normalisations after a convolution
_HEAD_EPSILON = 2e-5  # of the two around the linear layer

# 127.5 and 1/128, for all three colours
_MEAN, _SCALE = SFACE.preprocessing.mean[0], SFACE.preprocessing.scale

Arrays = dict[str, npt.NDArray[np.float32]]
_Float64 = npt.NDArray[np.float64]


class SFace(nn.Module):
    """(N, 3, 112, 112) RGB in [0, 255], any dtype -> (N, 128) embeddings, not normalised."""

    def __init__(self) -> None:
        super().__init__()
        layers = [_convolution(3, _FIRST_CHANNELS)]
        channels = _FIRST_CHANNELS
        for out, stride in _BLOCKS:
            layers += [
                _convolution(channels, channels, stride=stride, groups=channels),
                _convolution(channels, out, kernel=1),
            ]
            channels = out
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * _LAST_MAP * _LAST_MAP, EMBEDDING_SIZE)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.embedded(self.features(self.scaled(pixels)))

    def scaled(self, pixels: torch.Tensor) -> torch.Tensor:
        """[0, 255] -> [-1, 1], in the network's type."""
        # exact in bfloat16 too: every (p - 127.5) for an integer p has at most 8 significant bits
        return (pixels.to(self.head.weight.dtype) - _MEAN) * _SCALE

    def embedded(self, last: torch.Tensor) -> torch.Tensor:
        """(N, 1024, 7, 7) -> (N, 128)."""
        # channels_last keeps its memory order through the network; the head was trained on (C, H, W) order
        return cast(torch.Tensor, self.head(last.flatten(1)))


def convert(path: Path) -> Arrays:
    """`SFace`'s state dict out of the ONNX file, with every batch normalisation folded in (in float64)."""
    raw = initialisers(path)
    state: Arrays = {}
    names = ["conv_1"] + [f"conv_{i}{part}" for i in range(2, len(_BLOCKS) + 2) for part in ("_dw", "")]
    for index, name in enumerate(names):
        factor, offset = _affine(raw, f"{name}_batchnorm", _CONV_EPSILON)
        weight = raw[f"{name}_conv2d_weight_reshaped"] * factor[:, None, None, None]
        state[f"features.{index}.0.weight"] = weight.astype(np.float32)
        state[f"features.{index}.0.bias"] = offset.astype(np.float32)
        state[f"features.{index}.1.weight"] = raw[f"{name}_relu_gamma"].reshape(-1)
    return state | _head(raw)


def _head(raw: Arrays) -> Arrays:
    """BN(W · flatten(BN(x)) + b), where the inner normalisation is per channel, as one linear layer."""
    inner_factor, inner_offset = _affine(raw, "bn1", _HEAD_EPSILON)
    outer_factor, outer_offset = _affine(raw, "fc1", _HEAD_EPSILON)
    weight = raw["pre_fc1_weight_dequantized"].astype(np.float64)
    pixels = _LAST_MAP * _LAST_MAP
    bias = raw["pre_fc1_bias_dequantized"] + weight @ np.repeat(inner_offset, pixels)
    weight = weight * np.repeat(inner_factor, pixels) * outer_factor[:, None]
    return {
        "head.weight": weight.astype(np.float32),
        "head.bias": (bias * outer_factor + outer_offset).astype(np.float32),
    }


def _affine(raw: Arrays, name: str, epsilon: float) -> tuple[_Float64, _Float64]:
    """(factor, offset) with BN(x) = factor * x + offset."""
    gamma, beta, mean, variance = (
        raw[f"{name}_{part}"].astype(np.float64) for part in ("gamma", "beta", "moving_mean", "moving_var")
    )
    factor = gamma / np.sqrt(variance + epsilon)
    return factor, beta - mean * factor


def _convolution(channels: int, out: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, groups=groups),
        nn.PReLU(out),
    )
