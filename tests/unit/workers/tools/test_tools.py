"""The offline commands on the sample portraits: what they write, say and exit with."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from workers.tools.__main__ import main

PORTRAITS = Path(__file__).parents[3] / "data" / "faces"
PEOPLE = {
    "Barack Obama": "obama-*.jpg",
    "Emmanuel Macron": "macron-*.jpg",
    "Jacinda Ardern": "ardern-*.jpg",
    "Joe [red]": "biden.jpg",
}

pytestmark = pytest.mark.usefixtures("weights_dir")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "people"
    for person, pattern in PEOPLE.items():
        (root / person).mkdir(parents=True)
        for path in PORTRAITS.glob(pattern):
            shutil.copy(path, root / person)
    (root / "Joe [red]" / "broken.jpg").write_bytes(b"no picture")
    return root


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["tools", *map(str, arguments)])
    try:
        return main()
    except SystemExit as ended:
        return ended.code


def test_evaluate_writes_three_files_and_lists_what_it_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("Barack Obama\t1\t2\n")
    assert run(monkeypatch, "evaluate", folder, "-o", tmp_path / "out", "--device", "cpu") == 0
    said = capsys.readouterr()
    assert "left out: Joe [red]/broken.jpg: unsupported_image: " in said.err
    assert "9 usable faces in 10 files, of 4 people" in said.out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["data"]["name"] == "people"
    assert report["verification"]["impostor_pairs"] > 0
    assert (tmp_path / "out" / "report.png").read_bytes().startswith(b"\x89PNG")
    assert "# Face evaluation: people" in (tmp_path / "out" / "report.md").read_text()


def test_evaluate_prints_json_alone_where_it_is_asked_for(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "evaluate", folder, "-o", tmp_path / "out", "--json", "--seed", 3) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 3


def test_calibrate_stores_a_threshold_with_what_it_rests_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "deep" / "calibration.json"
    assert run(monkeypatch, "calibrate", folder, "--target-fmr", 0.5, "-o", file) == 0
    stored = json.loads(file.read_text())
    assert f"threshold {stored['threshold']:.4f} for FMR 0.5" in capsys.readouterr().out
    assert stored["measured"]["high"] <= 0.5
    assert (stored["people"], stored["faces"], stored["kind"]) == (4, 9, "FMR")
    assert stored["model"]["digest"]
    assert stored["left_out"][0]["file"] == "Joe [red]/broken.jpg"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("evaluate", "{folder}/Barack Obama"), "usable faces of 0 people"),
        (("evaluate", "{folder}/nowhere"), "cannot be read"),
        (("evaluate", "{folder}", "--model", "nobody's"), "There is no face model"),
        (("evaluate", "{folder}", "--pairs", "{folder}/none.txt"), "No such file"),
        (("evaluate", "{folder}", "--pairs", "{folder}/Barack Obama/obama-1.jpg"), "no UTF-8 text"),
        (("calibrate", "{folder}"), "Name one of --target-fmr"),
        (("calibrate", "{folder}", "--target-fmr", "0"), "between 0 and 1"),
        (("calibrate", "{folder}", "--target-fpir", "1e-3"), "cannot be promised with 9 comparisons"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(
    arguments: tuple[str, ...],
    said: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *(argument.format(folder=folder) for argument in arguments)) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]


def test_a_wrong_usage_exits_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "evaluate") == 2
