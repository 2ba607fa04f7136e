"""The README's commands do what it says: each bash block is run as it stands."""

import re
from pathlib import Path

from shared.embedded.stack import Stack
from tests.e2e.guide import Guide

ROOT = Path(__file__).parents[2]


def test_the_curl_examples_run_as_printed(running: Stack, tmp_path: Path) -> None:
    told = Guide("README.md", running, tmp_path).shell()
    for expected in ('"enrolled"', '"no_match"', '"not_recognised"', '"match"'):
        assert expected in told
    assert (tmp_path / "wave.jpg").read_bytes().startswith(b"\xff\xd8")


def test_there_are_at_least_five_examples() -> None:
    examples = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert sum("curl " in block for block in examples) >= 5


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {name for pair in named for name in pair if name} <= targets


def test_every_file_it_links_to_exists() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name} links to {link}"
