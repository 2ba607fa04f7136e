"""The constants of an ONNX file as plain float32 arrays, quantised or not.

The file is only read, never run: the networks themselves are PyTorch modules in this package. Quantised
weights are brought back with `DequantizeLinear` as the ONNX operator specification (opset 21) defines it: y =
(x - x_zero_point) * x_scale, with one scale per tensor, per slice of an axis, or per block of an axis.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

_DEFAULT_AXIS = 1  # of DequantizeLinear, when the node names none


def initialisers(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Every floating-point constant of the graph by name: initialisers, `Constant` nodes, and what is
    computed from constants alone by `DequantizeLinear`, `Reshape` or `Identity`, under the name of that
    node's output.
    """
    graph = onnx.load(path).graph
    constants: dict[str, npt.NDArray[np.generic]] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:  # ONNX keeps nodes in topological order, so one pass is enough
        if node.op_type != "Constant" and not all(name in constants for name in node.input if name):
            continue
        value = _evaluate(node, constants)
        if value is not None:
            constants[node.output[0]] = value
    return {
        name: np.ascontiguousarray(value, dtype=np.float32)
        for name, value in constants.items()
        if np.issubdtype(value.dtype, np.floating)
    }


def dequantise(
    x: npt.NDArray[np.generic],
    scale: npt.NDArray[np.generic],
    zero_point: npt.NDArray[np.generic] | None = None,
    *,
    axis: int = _DEFAULT_AXIS,
    block_size: int = 0,
) -> npt.NDArray[np.float32]:
    """(x - zero_point) * scale in float32; `scale` is () or (1,) per tensor, (x.shape[axis],) per slice, or
    x's shape with `axis` divided by `block_size` (rounded up: the last block may be short).
    """
    factor = _spread(scale, x.shape, axis=axis, block_size=block_size)
    # int32 biases reach beyond float32's 24 bits: subtract in float64 and round once, at the end
    centred = x.astype(np.float64)
    if zero_point is not None:
        centred -= _spread(zero_point, x.shape, axis=axis, block_size=block_size)
    return (centred * factor).astype(np.float32)


def _spread(
    value: npt.NDArray[np.generic], shape: tuple[int, ...], *, axis: int, block_size: int
) -> npt.NDArray[np.float64]:
    """A scale or zero point in a shape that broadcasts against the tensor it belongs to."""
    number = value.astype(np.float64)
    if number.size == 1:
        return number.reshape(())
    if block_size:
        return np.repeat(number, block_size, axis=axis).take(range(shape[axis]), axis=axis)
    broadcast = [1] * len(shape)
    broadcast[axis] = shape[axis]
    return number.reshape(broadcast)


def _evaluate(node: onnx.NodeProto, constants: dict[str, npt.NDArray[np.generic]]) -> npt.NDArray[np.generic] | None:
    """The node's value where it is one of the few operators that only carry a weight, otherwise None."""
    inputs = [constants[name] if name else None for name in node.input]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    match node.op_type, inputs:
        case "Constant", []:
            tensor = attributes.get("value")
            return numpy_helper.to_array(tensor) if isinstance(tensor, onnx.TensorProto) else None
        case "Identity", [x]:
            return x
        case "Reshape", [x, shape] if x is not None and shape is not None:
            # a 0 in the new shape keeps the old dimension (ONNX's allowzero=0)
            return x.reshape([x.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)])
        case "DequantizeLinear", [x, scale, *rest] if x is not None and scale is not None:
            axis, block = attributes.get("axis", _DEFAULT_AXIS), attributes.get("block_size", 0)
            return dequantise(x, scale, rest[0] if rest else None, axis=axis, block_size=block)
        case _:
            return None
