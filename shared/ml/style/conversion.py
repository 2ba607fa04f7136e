"""From the published ONNX files to the state dicts of this package's modules, as float32 arrays.

Only names change and no convolution is transposed: ONNX and torch both keep one as (out, in / groups, kh, kw).
A file whose constants are not the expected ones raises WeightsCorrupt, so a wrong file is never half loaded.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.errors import WeightsCorrupt
from shared.ml.onnx_weights import initialisers

Arrays = dict[str, npt.NDArray[np.float32]]

# torchvision's index of each convolution in `vgg16().features`, block by block (arXiv:1409.1556, table 1, column D)
_VGG16_CONVOLUTIONS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
_MOBILENET_BLOCKS = 17
_RESIDUAL_BLOCKS = 5
_MULTISTYLE_RESIDUAL_BLOCKS = 6


def vgg16(path: Path) -> Arrays:
    """Oxford's 13 convolutions under torchvision's names: "features.0.weight" (64, 3, 3, 3), input order B, G, R."""
    names = {
        f"features.{index}": (
            f"functional_1/block{block}_conv{position}_1/convolution/ReadVariableOp:0",
            f"functional_1/block{block}_conv{position}_1/Squeeze:0",
        )
        for block, indices in enumerate(_VGG16_CONVOLUTIONS, start=1)
        for position, index in enumerate(indices, start=1)
    }
    return _convolutions(initialisers(path), names)


def magenta_predict(path: Path) -> Arrays:
    """The style prediction network (magenta.StylePredictor): MobileNetV2 with its batch norms folded."""
    source = "MobilenetV2"
    names = {
        "stem": _dequantised(f"{source}/Conv"),
        "head": _dequantised(f"{source}/Conv_1"),
        "vector": _dequantised("mobilenet_conv/Conv"),
    }
    for i in range(_MOBILENET_BLOCKS):
        block = f"{source}/expanded_conv_{i}" if i else f"{source}/expanded_conv"
        if i:  # the first block has no expansion
            names[f"blocks.{i}.expand"] = _dequantised(f"{block}/expand")
        names[f"blocks.{i}.depthwise"] = (
            f"{block}/depthwise/depthwise_weights_dequant",
            f"{block}/depthwise/depthwise_bias_dequant",
        )
        names[f"blocks.{i}.project"] = _dequantised(f"{block}/project")
    return _convolutions(initialisers(path), names)


def magenta_transform(path: Path) -> Arrays:
    """The style transfer network (transformer.StyleTransformer), its normalisations' projections included."""
    names: dict[str, tuple[str, ...]] = {
        f"contract.{i}": _dequantised(f"transformer/contract/conv{i + 1}") for i in range(3)
    }
    normalised = {f"expand.{i}": f"transformer/expand/conv{i + 1}/conv" for i in range(3)}
    normalised |= {
        f"residual.{i}.{j}": f"transformer/residual/residual{i + 1}/conv{j + 1}"
        for i in range(_RESIDUAL_BLOCKS)
        for j in range(2)
    }
    for ours, theirs in normalised.items():
        # no bias: the mean is subtracted right after these convolutions (the file's biases are zeros)
        names[f"{ours}.convolution"] = (f"{theirs}/weights_dequant",)
        names[f"{ours}.scale"] = _dequantised(f"style_params/{theirs}/StyleNorm/Conv_1")  # gamma
        names[f"{ours}.offset"] = _dequantised(f"style_params/{theirs}/StyleNorm/Conv")  # beta
    return _convolutions(initialisers(path), names)


def multistyle(path: Path) -> Arrays:
    """The network of 26 looks (transformer.StyleTransformer): a look is one of 26 dimensions of its style vectors."""
    layers = {f"contract.{i}": f"contract.{i}" for i in range(3)} | {f"expand.{i}": f"expand.{i}" for i in range(3)}
    layers |= {f"residual.{i}.{j}": f"res.{i}.{j}" for i in range(_MULTISTYLE_RESIDUAL_BLOCKS) for j in range(2)}
    constants = initialisers(path)
    parts = {"convolution": "w", "scale": "norm.gamma", "offset": "norm.beta"}
    names = {f"{ours}.{part}": (f"{theirs}.{name}",) for ours, theirs in layers.items() for part, name in parts.items()}
    arrays = _convolutions(constants, names)
    # the file's tables are (26, C), a row per look; as a projection of style vectors they are (C, 26)
    return {
        name: array if name.endswith("convolution.weight") else np.ascontiguousarray(array.T)
        for name, array in arrays.items()
    }


def _dequantised(prefix: str) -> tuple[str, str]:
    return f"{prefix}/weights_dequant", f"{prefix}/Conv2D_bias_dequant"


def _convolutions(constants: Arrays, names: Mapping[str, tuple[str, ...]]) -> Arrays:
    """`constants` renamed: module name -> (its weight's name, its bias's name if it has one)."""
    _require(constants, (name for pair in names.values() for name in pair))
    return {
        f"{module}.{parameter}": constants[name]
        for module, pair in names.items()
        for parameter, name in zip(("weight", "bias"), pair, strict=False)
    }


def _require(constants: Arrays, names: Iterable[str]) -> None:
    missing = [name for name in names if name not in constants]
    if missing:
        raise WeightsCorrupt(f"the file lacks {len(missing)} of the expected constants, the first is {missing[0]!r}")
