"""The README's commands do what it says: each bash block is run as it stands."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.embedded.stack import Stack

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    """The README's bash blocks; `make up` put stack.json where the first one looks for it."""
    return re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)


def test_the_curl_examples_run_as_printed(running: Stack, tmp_path: Path) -> None:
    if shutil.which("curl") is None and "CI" not in os.environ:
        pytest.skip("curl is not installed")
    (tmp_path / ".likeness").symlink_to(running.home)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    script = "set -e\n" + "\necho\n".join(blocks())
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in ('"enrolled"', '"no_match"', '"not_recognised"', '"match"'):
        assert expected in done.stdout
    assert (tmp_path / "wave.jpg").read_bytes().startswith(b"\xff\xd8")


def test_there_are_at_least_five_examples() -> None:
    assert sum("curl " in block for block in blocks()) >= 5


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {name for pair in named for name in pair if name} <= targets


def test_every_file_it_links_to_exists() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"
