"""What `likeness doctor` asks of a process that has torch."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.ml.weights import OPTIONAL, REGISTRY, YUNET
from workers.tools.__main__ import app
from workers.tools.machine import list_weights


def test_it_tells_the_processors_the_precision_and_the_weights(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["machine", "--device", "cpu", "--weights-cache", str(tmp_path)])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["cores"] >= 1
    assert told["cpu_precision"] in {"bfloat16", "float32"}
    assert told["device"] == "cpu"
    assert {one["state"] for one in told["weights"]} == {"missing"}
    assert len(told["weights"]) == len(REGISTRY) + len(OPTIONAL)


@pytest.mark.parametrize(("content", "state"), [(b"another file", "damaged"), (None, "missing")])
def test_a_file_that_is_not_the_models_is_damaged(tmp_path: Path, content: bytes | None, state: str) -> None:
    if content is not None:
        path = tmp_path / YUNET.digest / YUNET.file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    found = {one["name"]: one["state"] for one in list_weights(tmp_path)}
    assert found[YUNET.name] == state


def test_optional_weights_are_named_as_such(tmp_path: Path) -> None:
    optional = {one["name"] for one in list_weights(tmp_path) if one["optional"]}
    assert optional == {weights.name for weights in OPTIONAL}
