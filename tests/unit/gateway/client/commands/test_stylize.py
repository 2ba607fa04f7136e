"""`likeness stylize` and what it says, against a system whose answers are the test's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from gateway.client.cli import app
from shared.errors import InvalidField

JOB = "0" * 32
LOST = httpx.Response(404, json={"code": "style_not_found", "detail": "There is no style [/b]."})
FAILED = {"code": "corrupt_image", "detail": "damaged"}

Stylize = Callable[..., Result]


class System:
    """Paints at once; `refusal` answers new jobs in its place, `error` is what its jobs end with."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal: httpx.Response | None = None
        self.error: dict[str, str] | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        status = "failed" if self.error else "succeeded"
        found: dict[str, Any] = {"id": JOB, "status": status, "progress": None, "links": {}, "result": {"image": {}}}
        if request.method == "POST":
            return self.refusal or httpx.Response(202, json={**found, "status": "queued"})
        if request.url.path.endswith("/image"):
            return httpx.Response(200, content=b"painted")
        if request.url.path.endswith("/events"):
            return httpx.Response(204)
        return httpx.Response(200, json={**found, "error": self.error} if self.error else found)


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def stylize(system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stylize:
    """Runs the command in a folder with a photo."""

    monkeypatch.setenv("LIKENESS_URL", "http://test")
    monkeypatch.setenv("LIKENESS_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.jpg").write_bytes(b"photo")
    transport = httpx.MockTransport(system)
    return lambda *words: CliRunner().invoke(app, ["stylize", *words], obj=transport)


def test_a_photo_gets_its_picture_once(stylize: Stylize, system: System) -> None:
    assert stylize("1.jpg", "-s", "poppies", "-o", "out").exit_code == 0
    assert Path("out/1.jpeg").read_bytes() == b"painted"
    assert stylize("1.jpg", "-s", "poppies", "-o", "out").exit_code == 0
    assert system.asked.count("POST /v1/stylizations") == 1


def test_a_photo_of_the_same_name_gets_a_picture_of_its_own(stylize: Stylize, system: System) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "1.jpg").write_bytes(folder.encode())
    for photo in ("a/1.jpg", "b/1.jpg", "a/1.jpg", "b/1.jpg"):
        assert stylize(photo, "-s", "poppies", "-o", "out").exit_code == 0
    assert {path.name for path in Path("out").glob("*.jpeg")} == {"1.jpeg", "1-2.jpeg"}
    assert system.asked.count("POST /v1/stylizations") == 2


def test_a_photo_that_was_moved_is_still_the_same(stylize: Stylize, system: System) -> None:
    assert stylize("1.jpg", "-s", "poppies", "-o", "out").exit_code == 0
    Path("elsewhere").mkdir()
    Path("1.jpg").rename("elsewhere/1.jpg")
    assert stylize("elsewhere/1.jpg", "-s", "poppies", "-o", "out").exit_code == 0
    assert system.asked.count("POST /v1/stylizations") == 1


def test_a_picture_of_another_style_is_not_taken_for_this_one(stylize: Stylize) -> None:
    assert stylize("1.jpg", "-s", "poppies", "-o", "out").exit_code == 0
    again = stylize("1.jpg", "-s", "great-wave", "-o", "out")
    assert isinstance(again.exception, InvalidField)
    assert "poppies" in str(again.exception)


def test_a_photo_that_is_refused_leaves_the_folder_to_any_style(stylize: Stylize, system: System) -> None:
    system.refusal = LOST
    assert stylize("1.jpg", "-s", "popies", "-o", "out").exit_code == 1
    system.refusal = None
    assert stylize("1.jpg", "-s", "poppies", "-o", "out").exit_code == 0


def test_why_a_photo_was_refused_is_said_as_it_is(stylize: Stylize, system: System) -> None:
    system.refusal = LOST
    assert "style_not_found: There is no style [/b]." in stylize("1.jpg", "-s", "popies", "-o", "out").stdout


@pytest.mark.parametrize("late", [False, True])
def test_a_photo_that_fails_is_in_the_document(stylize: Stylize, system: System, *, late: bool) -> None:
    system.refusal = None if late else httpx.Response(422, json=FAILED)
    system.error = FAILED
    done = stylize("1.jpg", "-s", "poppies", "-o", "out", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["pictures"] == []
    assert told["failures"] == [{"photo": str(Path("1.jpg").resolve()), **FAILED}]


def test_nothing_is_painted_for_a_folder_that_cannot_be_made(stylize: Stylize, system: System) -> None:
    assert isinstance(stylize("1.jpg", "-s", "poppies", "-o", "1.jpg").exception, InvalidField)
    assert system.asked == []


def test_a_folder_named_as_the_picture_is_no_picture(stylize: Stylize, system: System) -> None:
    Path("out/1.jpeg").mkdir(parents=True)
    assert isinstance(stylize("1.jpg", "-s", "poppies", "-o", "out").exception, InvalidField)
    assert system.asked == []


@pytest.mark.parametrize("style", ["missing.png", "missing.JPG", "./missing", "paintings/missing"])
def test_a_style_that_looks_like_a_file_is_looked_for_here_only(stylize: Stylize, system: System, style: str) -> None:
    done = stylize("1.jpg", "-s", style, "-o", "out")
    assert isinstance(done.exception, InvalidField)
    assert "There is no such file" in str(done.exception)
    assert system.asked == []


def test_a_style_too_long_for_any_name_is_one_short_line(stylize: Stylize) -> None:
    done = stylize("1.jpg", "-s", "s" * 5000, "-o", "out")
    assert isinstance(done.exception, InvalidField)
    assert len(str(done.exception)) < 100
