"""Verifying a copy of a log on a disk, as a command."""

import subprocess
import sys
from pathlib import Path

import pytest

from shared.audit.chain import line
from tests.unit.shared.audit.test_chain import TENANT, entries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = entries(5)
    for first, last in ((1, 2), (3, 5)):
        data = b"".join(map(line, made[first - 1 : last]))
        (tmp_path / f"{first:012d}.jsonl").write_bytes(data)
    return tmp_path


def run(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "shared.audit.check", str(folder), "--tenant", TENANT, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_whole_copy_is_told_as_whole_with_its_head(folder: Path) -> None:
    head = entries(5)[-1].hash
    assert run(folder, "--head", head) == (0, f"whole: 5 entries, head {head}\n")


def test_what_is_wrong_is_told_and_the_exit_status_says_so(folder: Path) -> None:
    path = folder / "000000000003.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"id":"4-0"', b'"id":"9-0"'))
    (folder / "notes.txt").write_text("mine")
    status, told = run(folder, "--head", "a" * 64)
    assert status == 1
    assert "entry 4: altered" in told
    assert "an object that is none: notes.txt" in told
    assert "entry 6: no entry has the noted hash" in told
    assert "NOT whole: 5 entries" in told


@pytest.mark.parametrize("options", [("--head", "x"), ("--head", "A" * 64), ("--head",)])
def test_a_head_that_is_none_is_refused(options: tuple[str, ...], folder: Path) -> None:
    assert run(folder, *options)[0] == 2


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    status, told = run(tmp_path / "none")
    assert status == 2
    assert "is no folder" in told


def test_a_folder_without_entries_is_no_log(tmp_path: Path) -> None:
    assert run(tmp_path) == (1, "there is no entry: is this the folder?\n")


def test_a_folder_among_the_segments_is_a_stranger(folder: Path) -> None:
    (folder / "000000000006.jsonl").mkdir()
    status, told = run(folder)
    assert (status, "an object that is none: 000000000006.jsonl" in told) == (1, True)


def test_no_more_than_a_hundred_problems_are_named(folder: Path) -> None:
    for number in range(150):
        (folder / f"{number}.txt").touch()
    status, told = run(folder)
    assert (status, told.count("\n")) == (1, 101)
