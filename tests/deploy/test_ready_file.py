"""The probe of the workers: their ready file exists and was touched within the last 15 seconds.

It runs here as it runs in the containers; both have GNU find and grep.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(params=["workers/Dockerfile", "k8s"])
def check(
    request: pytest.FixtureRequest,
    root: Path,
    rendered: Mapping[str, Sequence[dict[str, Any]]],
    tmp_path: Path,
) -> Sequence[str]:
    """The probe's command, looking at `ready` in `tmp_path`."""
    if request.param == "k8s":
        workload = next(d for d in rendered["base"] if d["metadata"]["name"] == "style-worker")
        container = workload["spec"]["template"]["spec"]["containers"][0]
        command = [str(word) for word in container["livenessProbe"]["exec"]["command"]]
        named = next(e["value"] for e in container["env"] if e["name"] == "LIKENESS_WORKERS__READY_FILE")
        assert named in command[-1]
        return [word.replace(named, str(tmp_path / "ready")) for word in command]
    text = (root / str(request.param)).read_text()
    line = next(line for line in text.splitlines() if line.strip().startswith("CMD") and "find" in line)
    return [str(word) for word in json.loads(line.strip().removeprefix("CMD "))]


def passes(command: Sequence[str], folder: Path) -> bool:
    environment = {**os.environ, "LIKENESS_WORKERS__READY_FILE": str(folder / "ready")}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=10)
    return done.returncode == 0


def test_a_file_just_touched_passes(check: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "ready").touch()
    assert passes(check, tmp_path)


def test_a_file_older_than_15_seconds_fails(check: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "ready").touch()
    old = time.time() - 16
    os.utime(tmp_path / "ready", (old, old))
    assert not passes(check, tmp_path)


def test_no_file_fails(check: Sequence[str], tmp_path: Path) -> None:
    assert not passes(check, tmp_path)
