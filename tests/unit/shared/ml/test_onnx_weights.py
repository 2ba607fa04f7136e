from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from shared.ml.onnx_weights import dequantise, initialisers
from shared.ml.weights import REGISTRY, Weights

Constants = dict[str, npt.NDArray[Any]]


def saved(path: Path, nodes: list[onnx.NodeProto], constants: Constants, output: str) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        inputs=[],
        outputs=[helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    onnx.save(model, path)
    return model


QUANTISED = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)


@pytest.mark.parametrize(
    ("scale", "zero", "attributes"),
    [
        (np.array(0.5, np.float32), np.array(3, np.int8), {}),
        (np.array([0.1, 0.2, 0.3, 0.4], np.float32), np.array([0, 1, -2, 3], np.int8), {"axis": 0}),
        (np.arange(1, 7, dtype=np.float32), np.zeros(6, np.int8), {}),  # axis 1 when none is named
        (
            np.arange(1, 9, dtype=np.float32).reshape(4, 2) / 7,
            np.arange(8, dtype=np.int8).reshape(4, 2),
            {"axis": 1, "block_size": 3},
        ),
        (np.ones((2, 6), np.float32) / 3, np.ones((2, 6), np.int8), {"axis": 0, "block_size": 2}),
    ],
    ids=["tensor", "axis 0", "default axis", "blocks of 3", "blocks on axis 0"],
)
def test_dequantised_constants_equal_the_reference_evaluator(
    tmp_path: Path, scale: npt.NDArray[np.float32], zero: npt.NDArray[np.int8], attributes: dict[str, Any]
) -> None:
    node = helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["y"], **attributes)
    constants: Constants = {"x": QUANTISED, "scale": scale, "zero": zero}
    model = saved(tmp_path / "m.onnx", [node], constants, "y")
    results = list(ReferenceEvaluator(model).run(None, {}))
    expected = np.asarray(results[0], dtype=np.float64)
    found = initialisers(tmp_path / "m.onnx")["y"].astype(np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_constants_keep_their_name_through_reshape_and_constant_nodes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "scale"], ["y"]),
        helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([0, 3, 2]))),
        helper.make_node("Reshape", ["y", "shape"], ["z"]),
        helper.make_node("Identity", ["z"], ["same"]),
        helper.make_node("Constant", [], ["number"], value=numpy_helper.from_array(np.array(7, np.float32))),
    ]
    saved(tmp_path / "m.onnx", nodes, {"x": QUANTISED, "scale": np.array(2, np.float32)}, "same")
    found = initialisers(tmp_path / "m.onnx")
    assert found.keys() == {"scale", "y", "z", "same", "number"}, "integers are shapes or quantised weights"
    np.testing.assert_array_equal(found["same"], 2.0 * QUANTISED.reshape(4, 3, 2))
    assert found["number"] == 7
    assert all(value.dtype == np.float32 for value in found.values())


@given(columns=st.integers(1, 20), block=st.integers(1, 20), seed=st.integers(0, 2**16))
def test_each_block_has_its_own_scale_and_the_last_may_be_short(columns: int, block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-128, 128, (3, columns)).astype(np.int8)
    blocks = -(-columns // block)
    scale = rng.uniform(0.1, 1, (3, blocks)).astype(np.float32)
    zero = rng.integers(-128, 128, (3, blocks)).astype(np.int8)
    expected = [
        [(int(x[i, j]) - int(zero[i, j // block])) * scale[i, j // block] for j in range(columns)] for i in range(3)
    ]
    np.testing.assert_allclose(dequantise(x, scale, zero, axis=1, block_size=block), expected, rtol=1e-6)


def test_a_large_int32_bias_is_rounded_once() -> None:
    x = np.array([2**24 + 1], dtype=np.int32)  # float32 cannot hold it
    assert dequantise(x, np.array(2, np.float32), np.array(1, np.int32)) == np.float32(2**25)


ONNX_FILES = [weights for weights in REGISTRY if weights.file_name.endswith(".onnx")]


@pytest.mark.parametrize("weights", ONNX_FILES, ids=lambda weights: weights.name)
def test_every_registered_onnx_file_gives_finite_arrays(weights_dir: Path, weights: Weights) -> None:
    found = initialisers(weights_dir / weights.digest / weights.file_name)
    assert sum(value.size for value in found.values()) > 50_000
    assert all(np.isfinite(value).all() for value in found.values())
