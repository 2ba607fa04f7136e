"""The offline commands about style transfer: what they write, say and exit with."""

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from workers.tools.__main__ import main

ROOT = Path(__file__).parents[4]
PORTRAIT = ROOT / "tests" / "data" / "faces" / "collins.png"
WAVE = ROOT / "shared" / "style_library" / "great-wave.jpg"

pytestmark = pytest.mark.usefixtures("weights_dir")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["tools", *map(str, arguments)])
    try:
        return main()
    except SystemExit as ended:
        return ended.code


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The content itself, and a copy painted over with grey; and a file that is no picture."""
    folder = tmp_path / "results"
    folder.mkdir()
    with Image.open(PORTRAIT) as portrait:
        small = portrait.convert("RGB").resize((64, 64))
    small.save(folder / "a-same.png")
    Image.blend(small, Image.new("RGB", small.size, "grey"), 0.8).save(folder / "b-grey.png")
    (folder / "c-[broken].jpg").write_bytes(b"no picture")
    return folder


def test_results_are_measured_and_what_cannot_be_is_named(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "deep" / "report"
    given = ("--content", results / "a-same.png", "--style", WAVE, "--size", 64, "--device", "cpu")
    assert run(monkeypatch, "evaluate-style", results, *given, "-o", output) == 0
    said = capsys.readouterr()
    assert "left out: c-[broken].jpg: The file is text, not a picture; " in said.err
    assert "a-same.png" in said.out
    report = json.loads((output / "report.json").read_text())
    same, grey = report["results"]
    assert (same["content_cost"], same["ssim"]) == (0, pytest.approx(1))
    assert grey["content_cost"] > 0
    assert grey["ssim"] < 0.9
    assert report["mean"]["ssim"] == pytest.approx((same["ssim"] + grey["ssim"]) / 2)
    assert report["problems"][0]["file"] == "c-[broken].jpg"
    markdown = (output / "report.md").read_text()
    assert "| Gram relu5_1 |" in markdown
    assert "- c-[broken].jpg: " in markdown
    with Image.open(output / "report.png") as sheet:
        assert (sheet.format, sheet.width > 700) == ("PNG", True)


def test_figures_are_printed_as_json_alone(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(monkeypatch, "evaluate-style", results, "--content", PORTRAIT, "--style", WAVE, "--size", 32, "--json") == 0
    )
    assert len(json.loads(capsys.readouterr().out)["results"]) == 2


def test_the_units_of_a_layer_are_drawn(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "deep" / "sheet.png"
    given = ("--images", results, "--layer", "conv2_1", "--units", "3,17,3", "-o", sheet, "--device", "cpu")
    assert run(monkeypatch, "visualise", *given) == 0
    said = capsys.readouterr()
    assert "Units 3, 17, of 2 pictures." in said.out
    assert "left out: c-[broken].jpg: " in said.err
    with Image.open(sheet) as drawn:
        assert drawn.format == "PNG"


def test_what_layers_keep_is_drawn(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = tmp_path / "sheet.png"
    given = ("--images", results / "a-same.png", "--reconstruct", "style", "--steps", 1, "--size", 32, "-o", sheet)
    assert run(monkeypatch, "visualise", *given) == 0
    with Image.open(sheet) as drawn:
        assert drawn.width > 6 * 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("visualise", "--images", WAVE), "Name one of --layer"),
        (("visualise", "--images", WAVE, "--layer", "conv9"), "the layers are: conv1_1"),
        (("visualise", "--images", WAVE, "--layer", "conv1_1", "--units", "3;4"), "numbers with commas between"),
        (("visualise", "--images", WAVE, "--layer", "conv1_1", "--units", "64"), "has the units 0 to 63, not 64"),
        (("visualise", "--images", "nowhere", "--layer", "conv1_1"), "There is no nowhere"),
        (("evaluate-style", "nowhere"), "nowhere is no directory"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], said: str
) -> None:
    assert run(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_nothing_that_can_be_measured_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1.jpg").write_bytes(b"no picture")
    assert run(monkeypatch, "evaluate-style", tmp_path, "--content", PORTRAIT, "--style", WAVE) == 1
    assert "None of the 1 results" in capsys.readouterr().err
