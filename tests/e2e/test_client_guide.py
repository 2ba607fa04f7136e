"""The examples of docs/client.md and docs/cli.md run as they stand."""

import shutil
from pathlib import Path

import pytest

from shared.embedded.stack import Stack
from tests.e2e.conftest import PHOTOS
from tests.e2e.guide import Guide


@pytest.fixture(autouse=True)
def _named(running: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running.info is not None
    monkeypatch.setenv("LIKENESS_URL", running.info.url)
    monkeypatch.setenv("LIKENESS_API_KEY", running.info.api_key)


def test_the_examples_of_the_guide_to_the_client_run(running: Stack, tmp_path: Path) -> None:
    told = Guide("docs/client.md", running, tmp_path).python()
    for expected in (
        "no_match denied",
        "grace-hopper 4711",
        "succeeded",
        "1 templates are gone",
        "20 of 20",
        "256",
        "['grace-hopper', 'a stranger']",
        "person_not_found",
    ):
        assert expected in told, told
    assert (tmp_path / "wave.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_examples_of_the_guide_to_the_command_line_run(running: Stack, tmp_path: Path) -> None:
    for photo in ("ardern-2018.jpg", "sunak.jpg"):
        folder = tmp_path / "people" / photo.partition("-")[0].removesuffix(".jpg")
        folder.mkdir(parents=True)
        shutil.copy(PHOTOS / photo, folder)
    told = Guide("docs/cli.md", running, tmp_path).shell()
    verdicts = ("hopper.jpg: match, hopper", "2 done", "status 3")
    for expected in ("Nothing is broken", "recognise, verify", "whole: ", *verdicts):
        assert expected in told, told
    assert (tmp_path / "door.key").read_text().startswith("lk_")
    assert len((tmp_path / "erasures.ndjson").read_text().splitlines()) >= 1
    assert (tmp_path / "painted" / "collins.jpeg").exists()
