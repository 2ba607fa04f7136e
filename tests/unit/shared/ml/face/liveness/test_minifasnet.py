"""The two networks: their tables, their arithmetic, and the authors' weights in them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from shared.ml.face.liveness.minifasnet import SIDE, V1SE, V2, MiniFASNet, Widths, convert
from shared.ml.weights import MINIFASNET_V1SE, MINIFASNET_V2, Supply, Weights, load

BOTH = [(V2, MINIFASNET_V2), (V1SE, MINIFASNET_V1SE)]


@pytest.mark.parametrize("widths", [V2, V1SE])
def test_a_face_becomes_three_logits(widths: Widths) -> None:
    network = MiniFASNet(widths).eval()
    assert network(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, 3)


def test_only_v1se_weighs_its_channels_once_a_stage() -> None:
    names = [name for name, _ in MiniFASNet(V1SE).named_modules() if name.endswith("se_module")]
    assert names == ["conv_3.model.3.se_module", "conv_4.model.5.se_module", "conv_5.model.1.se_module"]
    assert not [name for name, _ in MiniFASNet(V2).named_modules() if name.endswith("se_module")]


def test_a_residual_block_of_zeros_is_the_identity() -> None:
    network = MiniFASNet(V1SE).eval()
    for stage, channels in ((network.conv_3, 64), (network.conv_4, 128), (network.conv_5, 128)):
        for name, parameter in stage.named_parameters():
            if ".project.bn." in name:
                nn.init.zeros_(parameter)
        x = torch.randn(1, channels, 5, 5)
        torch.testing.assert_close(stage(x), x)


def test_the_converter_drops_the_wrapper_and_the_counters(tmp_path: Path) -> None:
    state = {"module.bn.weight": torch.ones(3), "module.bn.num_batches_tracked": torch.tensor(7)}
    torch.save(state, tmp_path / "net.pth")
    (converted,) = convert(tmp_path / "net.pth").items()
    assert converted[0] == "bn.weight"
    np.testing.assert_array_equal(converted[1], np.ones(3, np.float32))


@pytest.mark.parametrize(("widths", "weights"), BOTH)
def test_the_authors_weights_fit_exactly(
    widths: Widths, weights: Weights, minifasnet_supply: Supply, tmp_path: Path
) -> None:
    matched = MiniFASNet(widths).load_state_dict(load(weights, tmp_path, supply=minifasnet_supply))
    assert not matched.missing_keys
    assert not matched.unexpected_keys
