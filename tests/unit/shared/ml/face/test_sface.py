from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from shared.ml.face.alignment import align
from shared.ml.face.detector import FaceDetector
from shared.ml.face.sface import SFace, convert
from shared.ml.weights import SFACE, fetch, load

Read = Callable[[str], npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def network(weights_dir: Path) -> SFace:
    network = SFace().eval()
    network.load_state_dict(load(SFACE, weights_dir))
    return network


@pytest.fixture(scope="module")
def oracle(weights_dir: Path) -> onnxruntime.InferenceSession:
    """The published file itself, as onnxruntime runs it."""
    model = onnx.load(fetch(SFACE, weights_dir))
    # the file lists its weights as inputs too; `data` is the only real one
    data = [value for value in model.graph.input if value.name == "data"]
    del model.graph.input[:]
    model.graph.input.extend(data)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def worst_difference(network: SFace, oracle: onnxruntime.InferenceSession, pixels: npt.NDArray[np.float32]) -> float:
    with torch.inference_mode():
        ours = network(torch.from_numpy(pixels)).numpy()
    theirs = np.concatenate([oracle.run(None, {"data": one[None]})[0] for one in pixels])
    return float(np.abs(ours - theirs).max())


def test_the_network_gives_what_onnxruntime_gives_for_noise(
    network: SFace, oracle: onnxruntime.InferenceSession
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 3, 112, 112)).astype(np.float32)
    assert worst_difference(network, oracle, noise) < 1e-4


def test_the_network_gives_what_onnxruntime_gives_for_faces(
    network: SFace, oracle: onnxruntime.InferenceSession, detector: FaceDetector, portrait: Read
) -> None:
    images = [portrait(name) for name in ("obama-1.jpg", "ardern-2018.jpg", "collins.png")]
    crops = np.stack([align(image, detector.detect(image)[0].landmarks) for image in images])
    pixels = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), dtype=np.float32)
    assert worst_difference(network, oracle, pixels) < 1e-4


def test_memory_order_changes_nothing(network: SFace) -> None:
    pixels = torch.randint(0, 256, (2, 3, 112, 112), generator=torch.manual_seed(0), dtype=torch.uint8)
    with torch.inference_mode():
        plain = network(pixels)
        reordered = network(pixels.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, reordered, atol=1e-5, rtol=1e-4)


def test_the_converted_state_is_exactly_what_the_network_needs(weights_dir: Path) -> None:
    state = convert(fetch(SFACE, weights_dir))
    expected = {name: tuple(tensor.shape) for name, tensor in SFace().state_dict().items()}
    assert {name: array.shape for name, array in state.items()} == expected
