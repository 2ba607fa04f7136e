"""`train`, as a user calls it: what it writes, what it says, what it refuses."""

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from shared.errors import InvalidCheckpoint, InvalidDataset, InvalidField, LikenessError
from workers.tools.__main__ import app

PORTRAITS = Path(__file__).parents[3] / "data" / "faces"
PEOPLE = ("ardern-2018.jpg", "biden.jpg", "collins.png", "hopper.jpg", "macron-2014.jpg", "sunak.jpg")


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people with two photos each, the second mirrored, and a file that is no photo."""
    folder = tmp_path_factory.mktemp("people")
    for name in PEOPLE:
        picture = cv2.imread(str(PORTRAITS / name))
        assert picture is not None
        (folder / name[:4]).mkdir()
        for number, version in enumerate((picture, np.ascontiguousarray(picture[:, ::-1]))):
            cv2.imwrite(str(folder / name[:4] / f"{number}.png"), version)
    (folder / "bide" / "notes.txt").write_text("not a photo")
    return folder


@pytest.mark.usefixtures("weights_dir")
def test_it_writes_a_report_and_curves_and_goes_on_from_its_checkpoint(folder: Path, tmp_path: Path) -> None:
    first = train(folder, "-o", tmp_path, "--epochs", "1", "--people", "2", "--photos", "2", "--patience", "9")
    assert first.exit_code == 0, first.output
    assert "left out: bide/notes.txt" in first.stderr
    assert "6 people, 12 photos" in first.stdout
    assert "before and after" in (tmp_path / "report.md").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["people"] == 2
    again = train(
        folder, "-o", tmp_path, "--epochs", "2", "--people", "2", "--photos", "2", "--patience", "9", "--resume"
    )
    assert again.exit_code == 0, again.output
    with (tmp_path / "curves.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    assert "epoch 1" not in again.stderr


@pytest.mark.usefixtures("weights_dir")
def test_portraits_that_the_original_knows_already_leave_nothing_to_learn(folder: Path, tmp_path: Path) -> None:
    result = train(folder, "-o", tmp_path, "--loss", "logistic")
    assert result.exit_code == 0, result.output
    assert "no model was written" in result.stdout
    assert not (tmp_path / "model.safetensors").exists()


def refused(result: Result, error: type[LikenessError]) -> str:
    assert isinstance(result.exception, error), result.output
    return str(result.exception)


@pytest.mark.usefixtures("weights_dir")
def test_a_folder_of_one_person_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "in" / "Only").mkdir(parents=True)
    (tmp_path / "in" / "Only" / "1.jpg").write_bytes((PORTRAITS / "biden.jpg").read_bytes())
    message = refused(train(tmp_path / "in", "-o", tmp_path / "out"), InvalidDataset)
    assert "0 of 1 people" in message
    assert "\n" not in message


def test_a_checkpoint_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"hours of work")
    assert "--resume" in refused(train(tmp_path, "-o", tmp_path), InvalidCheckpoint)
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"hours of work"


def test_a_bad_name_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    refused(train(tmp_path, "-o", tmp_path / "out", "--name", "../up"), InvalidField)


@pytest.mark.parametrize(
    "wrong", [("--margin", "0"), ("--people", "1"), ("--mining", "easy"), ("--epochs", "none")], ids=lambda w: w[0]
)
def test_wrong_options_are_a_wrong_usage(tmp_path: Path, wrong: tuple[str, str]) -> None:
    assert train(tmp_path, "-o", tmp_path / "out", *wrong).exit_code == 2


def test_the_documented_options_have_the_documented_defaults() -> None:
    """Rows of docs/training.md: | `--epochs`, `--patience` | 10, 3 | ..."""
    text = (Path(__file__).parents[4] / "docs" / "training.md").read_text()
    rows = re.findall(r"^\| (`--[^|]+) \| ([^|]+) \|", text, re.MULTILINE)
    documented = {
        option: default
        for options, defaults in rows
        for option, default in zip(
            re.findall(r"--[a-z-]+", options), defaults.replace("`", "").split(", "), strict=True
        )
    }
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]  # a group, as it has several
    actual = {option: parameter.default for parameter in command.params for option in parameter.opts}
    assert len(documented) > 8
    for option, default in documented.items():
        assert type(actual[option])(default) == actual[option], option
