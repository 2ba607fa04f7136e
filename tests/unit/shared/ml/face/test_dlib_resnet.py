from pathlib import Path

import dlib
import numpy as np
import numpy.typing as npt
import pytest
import torch

from shared.ml.face.dlib_resnet import DlibResNet, _same_size, convert
from shared.ml.weights import DLIB_RESNET, fetch, load

Chips = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def network(weights_dir: Path) -> DlibResNet:
    network = DlibResNet().eval()
    network.load_state_dict(load(DLIB_RESNET, weights_dir))
    return network


def ours(network: DlibResNet, chips: Chips) -> npt.NDArray[np.float32]:
    """(N, 150, 150, 3) uint8 RGB -> (N, 128)."""
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(chips).permute(0, 3, 1, 2)).numpy())


@pytest.fixture(scope="module")
def chips() -> Chips:
    noise = np.random.default_rng(0).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    grey = np.full((1, 150, 150, 3), 90, dtype=np.uint8)
    ramp = np.indices((150, 150)).sum(axis=0).astype(np.uint8)
    coloured = np.stack([ramp, 255 - ramp, ramp // 2], axis=-1)[None]
    return np.concatenate([noise, grey, coloured])


def test_the_network_gives_what_dlib_gives(network: DlibResNet, chips: Chips, weights_dir: Path) -> None:
    oracle = dlib.face_recognition_model_v1(str(fetch(DLIB_RESNET, weights_dir)))
    theirs = np.array([oracle.compute_face_descriptor(np.ascontiguousarray(chip)) for chip in chips])
    assert np.abs(ours(network, chips) - theirs).max() < 1e-5


def test_colours_are_not_exchangeable(network: DlibResNet, chips: Chips) -> None:
    coloured = chips[-1:]
    assert np.abs(ours(network, coloured) - ours(network, np.ascontiguousarray(coloured[..., ::-1]))).max() > 0.01


def test_the_converted_state_is_exactly_what_the_network_needs(weights_dir: Path) -> None:
    state = convert(fetch(DLIB_RESNET, weights_dir))
    expected = {name: tuple(tensor.shape) for name, tensor in DlibResNet().state_dict().items()}
    assert {name: array.shape for name, array in state.items()} == expected


def test_what_differs_in_size_is_filled_up_with_zeros_at_the_end() -> None:
    x, y = _same_size(torch.ones(1, 2, 3, 3), torch.ones(1, 3, 2, 3))
    assert x.shape == y.shape == (1, 3, 3, 3)
    assert x.sum().item() == y.sum().item() == 18
    assert x[0, 2].abs().sum() == 0
    assert y[0, :, 2].abs().sum() == 0
