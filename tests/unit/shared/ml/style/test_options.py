"""What a fine stylisation accepts: each refusal names the option."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import InvalidField
from shared.ml.style.options import LAYERS, MAX_LEVELS, MODULES, PRESETS, FineOptions, Preset, check_layers


def test_the_defaults_are_valid() -> None:
    assert FineOptions().validated() == FineOptions()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"steps": 0}, "`steps`"),
        ({"steps": -3}, "`steps`"),
        ({"alpha": -1.0}, "`alpha`"),
        ({"alpha": float("nan")}, "`alpha`"),
        ({"beta": float("inf")}, "`beta`"),
        ({"beta": -0.1}, "`beta`"),
        ({"tv_weight": -1.0}, "`tv_weight`"),
        ({"content_layers": {"relu4_2": -1.0}}, "`content_layers.relu4_2`"),
        ({"style_layers": {"relu1_1": float("nan")}}, "`style_layers.relu1_1`"),
        ({"levels": 0}, "`levels`"),
        ({"levels": MAX_LEVELS + 1}, "`levels`"),
        ({"strength": -0.1}, "`strength`"),
        ({"strength": 1.1}, "`strength`"),
        ({"strength": float("nan")}, "`strength`"),
        ({"learning_rate": 0.0}, "`learning_rate`"),
        ({"learning_rate": -1.0}, "`learning_rate`"),
        ({"learning_rate": float("inf")}, "`learning_rate`"),
        ({"content_layers": {"relu9_9": 1.0}}, "'relu9_9'"),
        ({"style_layers": {"pool1": 1.0}}, "'pool1'"),
        pytest.param({"content_layers": {}}, "`content_layers`"),
        pytest.param({"style_layers": {}}, "`style_layers`"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_by_name(given: Mapping[str, Any], named: str) -> None:
    with pytest.raises(InvalidField) as caught:
        FineOptions(**given).validated()
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"alpha": 0.0, "beta": 0.0},
        {"content_layers": {"relu4_2": 0.0}, "beta": 0.0},
        {"alpha": 0.0, "style_layers": {"relu1_1": 0.0}},
        {"alpha": 0.0, "beta": 0.0, "tv_weight": 1.0},
    ],
    ids=str,
)
def test_nothing_to_optimise_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidField, match="Every weight is zero"):
        FineOptions(**given).validated()


@pytest.mark.parametrize("preset", list(Preset))
def test_each_preset_is_valid(preset: Preset) -> None:
    assert FineOptions.of(preset).validated() == FineOptions.of(preset)


def test_there_is_a_preset_of_every_name() -> None:
    assert set(PRESETS) == set(Preset)


def test_the_defaults_are_the_balanced_preset() -> None:
    assert FineOptions.of(Preset.BALANCED) == FineOptions()


def test_what_is_said_overrides_a_preset() -> None:
    rich = FineOptions.of(Preset.RICH)
    assert FineOptions.of(Preset.RICH, steps=7) == replace(rich, steps=7)
    assert rich.steps != 7


@pytest.mark.parametrize("given", [{"alpha": 0.0}, {"beta": 0.0}], ids=str)
def test_one_of_content_and_style_is_enough(given: Mapping[str, Any]) -> None:
    FineOptions(**given).validated()


def test_an_unknown_layer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidField) as caught:
        check_layers(["relu1_1", "relu6_1"])
    assert all(name in str(caught.value) for name in LAYERS)


def test_there_are_two_names_for_each_of_the_thirteen_convolutions() -> None:
    assert len(LAYERS) == 26
    assert LAYERS[:3] == ("conv1_1", "relu1_1", "conv1_2")
    assert LAYERS[-1] == "relu5_3"


def test_the_poolings_are_modules_but_no_layers() -> None:
    assert [name for name in MODULES if name not in LAYERS] == [f"pool{block}" for block in range(1, 6)]
