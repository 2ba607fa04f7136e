"""The examples of docs/faces.md run as they stand: the bash blocks in one shell, then the Python in one process."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.embedded.stack import Stack

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    text = (ROOT / "docs" / "faces.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_examples_of_the_guide_to_faces_run(running: Stack, tmp_path: Path) -> None:
    if shutil.which("curl") is None and "CI" not in os.environ:
        pytest.skip("curl is not installed")
    (tmp_path / ".likeness").symlink_to(running.home)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "LIKENESS_DEVICE": "cpu"}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    told = run("bash", "-c", "set -e\n" + "\necho\n".join(blocks("bash")))
    for expected in (
        '"landmarks"',
        '"lookalike"',
        "threshold",
        "Report: evaluation-door",
        "accurate",
        '"match"',
        "open",
    ):
        assert expected in told
    for report in ("evaluation", "evaluation-door"):
        assert (tmp_path / report / "report.png").read_bytes().startswith(b"\x89PNG")

    told = run(sys.executable, "-c", "\n".join(blocks("python")))
    assert "lookalike" in told
    assert "cannot be promised" in told
    assert "training needs" in told
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
