"""`make demo`'s own checks: the script's files exist, and its report says what happened."""

import io
import json
from dataclasses import replace
from pathlib import Path

from PIL import Image
from rich.console import Console

from gateway.client.demo.run import run_demo
from gateway.client.demo.script import DEMO
from shared.embedded.info import StackInfo
from tests.e2e.conftest import PHOTOS

PAINTINGS = Path(__file__).parents[2] / "shared" / "style_library"


def test_the_demo_gets_every_answer_it_expects_and_shows_it(stack: StackInfo, tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    assert run_demo(stack, DEMO, photos=PHOTOS, paintings=PAINTINGS, output=tmp_path, console=console)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"]
    steps = (DEMO.enrolments, DEMO.verifications, DEMO.recognitions, DEMO.stylizations)
    assert len(report["requests"]) == 1 + sum(map(len, steps))
    for request in report["requests"]:
        assert request.keys() == {"endpoint", "input", "expected", "verdict", "milliseconds", "ok"}
        assert request["verdict"] == request["expected"]
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.width > 1000
    assert len(list(tmp_path.glob("collins-*"))) == len(DEMO.stylizations)


def test_a_wrong_answer_fails_the_demo(stack: StackInfo, tmp_path: Path) -> None:
    """The same photos under other names: a stranger's photo takes the place of Obama's."""
    swapped = tmp_path / "photos"
    swapped.mkdir()
    for photo in PHOTOS.iterdir():
        (swapped / photo.name).write_bytes(photo.read_bytes())
    (swapped / "obama-2.jpg").write_bytes((PHOTOS / "sunak.jpg").read_bytes())
    output = tmp_path / "output"
    console = Console(file=io.StringIO())
    script = replace(DEMO, gallery="swapped", stylizations=())
    assert not run_demo(stack, script, photos=swapped, paintings=PAINTINGS, output=output, console=console)
    wrong = [request for request in json.loads((output / "report.json").read_text())["requests"] if not request["ok"]]
    assert [(request["input"], request["verdict"]) for request in wrong] == [("obama-2.jpg", "no_match")]
