"""A bad file among good ones: it is named, the others go on, and the exit status is 1."""

import io
import json as jsonlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from gateway.client.commands.marking import labels
from tests.unit.gateway.client.commands.conftest import Likeness, job
from tests.unit.gateway.client.conftest import Gateway, json, problem

BOX = {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}
FACE = {"box": BOX, "quality": {"score": 0.9, "issues": []}, "advice": None, "yaw": 1.0}
KNOWN = {**FACE, "verdict": "recognised", "person": "ada", "reason": None}
RESULTS: dict[str, Any] = {
    "detect": {"faces": [FACE]},
    "recognise": {"verdict": "recognised", "reason": None, "faces": [KNOWN]},
    "enrol": {"verdict": "enrolled", "reason": None, "warnings": []},
}
WORDS = {"detect": (), "recognise": ("-g", "staff"), "enrol": ("-g", "staff", "ada")}
NO_PICTURE = b"no picture"


@pytest.fixture
def mixed(tmp_path: Path) -> tuple[str, ...]:
    """Good, bad, missing, a folder, good."""
    (tmp_path / "bad.jpg").write_bytes(NO_PICTURE)
    (tmp_path / "folder").mkdir()
    (tmp_path / "bob.jpg").write_bytes(b"photo")
    return "ada.jpg", "bad.jpg", "missing.jpg", "folder", "bob.jpg"


def answers(command: str) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if NO_PICTURE in request.read():
            return problem(415, "unsupported_image")
        return json(job(RESULTS[command]))

    return answer


@pytest.mark.parametrize("command", RESULTS)
def test_the_others_go_on_and_the_status_is_1(
    gateway: Gateway, likeness: Likeness, mixed: tuple[str, ...], command: str
) -> None:
    gateway.answers = [answers(command)]
    done = likeness(command, *WORDS[command], *mixed)
    assert done.status == 1
    assert "ada.jpg" in done.out
    assert "bob.jpg" in done.out
    told = done.err.splitlines()
    assert [line.split(":")[1].strip() for line in told] == ["bad.jpg", "missing.jpg", "folder"]
    assert "unsupported_image: unsupported_image it is" in told[0]
    assert "cannot be read: No such file" in told[1]
    assert all(line.startswith("likeness: ") for line in told)


@pytest.mark.parametrize("command", RESULTS)
def test_scripts_get_the_error_in_the_photos_place(
    gateway: Gateway, likeness: Likeness, mixed: tuple[str, ...], command: str
) -> None:
    gateway.answers = [answers(command)]
    done = likeness(command, *WORDS[command], *mixed, "--json")
    documents = jsonlib.loads(done.out)
    assert done.status == 1
    assert [document["photo"] for document in documents] == list(mixed)
    codes = [document.get("error", {}).get("code") for document in documents]
    assert codes == [None, "unsupported_image", "cannot_read", "cannot_read", None]


def test_a_job_that_failed_is_its_photos_matter(gateway: Gateway, likeness: Likeness, tmp_path: Path) -> None:
    """Damage that the gateway did not see, such as within a HEIC."""
    (tmp_path / "bob.jpg").write_bytes(b"photo")
    damaged = job(None, "failed", error={"code": "corrupt_image", "detail": "It is damaged."})
    gateway.answers = [json(damaged), json(job(RESULTS["recognise"]))]
    done = likeness("recognise", "-g", "staff", "ada.jpg", "bob.jpg")
    assert (done.status, done.out) == (1, "bob.jpg: recognised, ada\n")
    assert done.err == "likeness: ada.jpg: corrupt_image: It is damaged.\n"


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (problem(404, "gallery_not_found"), 1),
        (problem(422, "unknown_policy"), 1),
        (problem(403, "forbidden"), 1),
        (problem(429, "too_many_enrolments", **{"Retry-After": "9000"}), 4),
    ],
)
def test_what_would_meet_every_photo_is_said_once(
    gateway: Gateway, likeness: Likeness, tmp_path: Path, refusal: httpx.Response, status: int
) -> None:
    (tmp_path / "bob.jpg").write_bytes(b"photo")
    gateway.answers = [refusal]
    done = likeness("enrol", "-g", "staff", "ada", "ada.jpg", "bob.jpg")
    assert (done.status, len(gateway.asked)) == (status, 1)
    assert done.err.count("\n") == 1


def test_a_bad_file_weighs_more_than_a_no(gateway: Gateway, likeness: Likeness) -> None:
    stranger = {**FACE, "verdict": "not_recognised", "person": None, "reason": None}
    gateway.answers = [json(job({**RESULTS["recognise"], "faces": [stranger]}))]
    assert likeness("recognise", "-g", "staff", "ada.jpg").status == 3
    assert likeness("recognise", "-g", "staff", "ada.jpg", "missing.jpg").status == 1


# --- which face is which ---


def at(x: float) -> dict[str, float]:
    return {**BOX, "x": x}


def test_a_face_among_several_has_a_number_and_a_place() -> None:
    assert labels([at(50), at(10), at(90)]) == [
        "face 0 (2nd of 3 from the left, 30 x 40 at 50, 20)",
        "face 1 (1st of 3 from the left, 30 x 40 at 10, 20)",
        "face 2 (3rd of 3 from the left, 30 x 40 at 90, 20)",
    ]


def test_each_line_of_a_group_photo_says_which_face_it_is_of(gateway: Gateway, likeness: Likeness) -> None:
    stranger = {**FACE, "box": at(90), "verdict": "not_recognised", "person": None, "reason": None}
    gateway.answers = [json(job({**RESULTS["recognise"], "faces": [KNOWN, stranger]}))]
    assert likeness("recognise", "-g", "staff", "ada.jpg").out.splitlines() == [
        "ada.jpg: face 0 (1st of 2 from the left, 30 x 40 at 10, 20): recognised, ada",
        "ada.jpg: face 1 (2nd of 2 from the left, 30 x 40 at 90, 20): not_recognised",
    ]


@pytest.mark.parametrize("command", ["detect", "recognise"])
def test_a_copy_with_its_faces_framed_is_drawn(
    gateway: Gateway, likeness: Likeness, tmp_path: Path, command: str
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 100), "gray").save(buffer, "PNG")
    (tmp_path / "group.png").write_bytes(buffer.getvalue())
    gateway.answers = [json(job(RESULTS[command]))]
    done = likeness(command, *WORDS[command], "group.png", "--draw", "drawn")
    assert done.status == 0, done.err
    with Image.open(tmp_path / "drawn" / "group.png.marked.jpg") as copy:
        assert copy.size == (200, 100)
        red, _, blue = copy.convert("RGB").getpixel((25, 20))  # type: ignore[misc] # of an RGB picture
        assert red - blue > 80


def test_a_picture_that_cannot_be_drawn_into_is_an_error(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json(job(RESULTS["detect"]))]
    done = likeness("detect", "ada.jpg", "--draw", "drawn")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "cannot be drawn into" in done.err
