"""What the commands for photos of people send, and what they say of several faces and frames."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.client.commands.conftest import Likeness, job
from tests.unit.gateway.client.conftest import Gateway, json
from tests.unit.gateway.client.test_jobs import fields

BOX = {"x": 12.4, "y": 20, "width": 100, "height": 130}
SEEN = {"box": BOX, "quality": {"score": 0.87, "issues": []}}
VERIFY = ("verify", "-g", "staff", "ada", "ada.jpg")
ENROL = ("enrol", "-g", "staff", "ada", "ada.jpg")
SEVERAL = {"verdict": "multiple_faces", "reason": "Two faces.", "person": "ada", "faces": [SEEN, SEEN]}


@pytest.fixture(autouse=True)
def more(likeness: Likeness, tmp_path: Path) -> None:
    del likeness  # which makes the folder the current one
    (tmp_path / "bob.jpg").write_bytes(b"another")


def sent(gateway: Gateway) -> list[tuple[str, str]]:
    return fields(gateway.asked[-1].content.decode())


def answer(**result: Any) -> Any:
    return json(job({"reason": None, "person": "ada", **result}))


def test_several_photos_of_a_claim_are_frames_and_each_is_told(gateway: Gateway, likeness: Likeness) -> None:
    frames = [{"verdict": "match"}, {"verdict": "low_quality", "reason": "Hold still."}]
    gateway.answers = [answer(verdict="match", frames=frames)]
    done = likeness("verify", "-g", "staff", "ada", "ada.jpg", "bob.jpg")
    assert sent(gateway) == [("person", "ada"), ("images", "photo"), ("images", "another")]
    assert done.out.splitlines() == [
        "ada.jpg, bob.jpg: match, ada",
        "  ada.jpg: match",
        "  bob.jpg: low_quality, Hold still.",
    ]


def test_a_person_is_claimed_by_their_external_id(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [answer(verdict="match")]
    assert likeness("verify", "-g", "staff", "--external-id", "46", "ada.jpg").status == 0
    assert sent(gateway) == [("external_id", "46"), ("image", "photo")]


def test_a_claim_needs_a_photo(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("verify", "-g", "staff", "ada")
    assert (done.status, gateway.asked) == (2, [])
    assert "one photo or up to five" in done.err


@pytest.mark.parametrize("words", [VERIFY, ENROL])
def test_the_faces_to_choose_from_are_listed_as_the_option_takes_them(
    gateway: Gateway, likeness: Likeness, words: tuple[str, ...]
) -> None:
    gateway.answers = [answer(**SEVERAL, warnings=[])]
    done = likeness(*words)
    assert "  --face 1: 100 x 130 at 12, 20, quality 0.87" in done.out.splitlines()
    assert done.status == 3


@pytest.mark.parametrize("words", [VERIFY, ENROL])
def test_a_face_is_chosen_by_its_number_or_its_place(
    gateway: Gateway, likeness: Likeness, words: tuple[str, ...]
) -> None:
    gateway.answers = [answer(verdict="match", warnings=[]), answer(verdict="match", warnings=[])]
    likeness(*words, "--face", "0")
    assert ("face", "0") in sent(gateway)
    likeness(*words, "--box", "1,2,30,40")
    assert ("box", "1,2,30,40") in sent(gateway)


def test_each_photo_of_a_comparison_has_its_own_choice(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [answer(verdict="multiple_faces", faces_b=[SEEN])]
    done = likeness("compare", "ada.jpg", "bob.jpg", "--face-a", "1", "--box-b", "1,2,3,4")
    assert {("face_a", "1"), ("box_b", "1,2,3,4")} <= set(sent(gateway))
    assert "  --face-b 0: 100 x 130" in done.out


def test_a_photo_with_more_faces_than_are_answered_says_so(gateway: Gateway, likeness: Likeness) -> None:
    face = {"verdict": "recognised", "person": "ada", "name": "Ada King", **SEEN}
    gateway.answers = [answer(verdict="recognised", faces=[face], faces_found=40)]
    done = likeness("recognise", "-g", "staff", "--max-faces", "1", "ada.jpg")
    assert ("max_faces", "1") in sent(gateway)
    assert done.out == "ada.jpg: recognised, ada (Ada King)\n"
    assert "1 of 40 faces" in done.err


def test_the_frames_of_a_recognition_are_one_question(gateway: Gateway, likeness: Likeness) -> None:
    frames = [{"verdict": "recognised", "person": "ada"}, {"verdict": "no_face"}]
    gateway.answers = [answer(verdict="recognised", faces=[{"verdict": "recognised", "person": "ada"}], frames=frames)]
    done = likeness("recognise", "-g", "staff", "--frames", "ada.jpg", "bob.jpg")
    assert [name for name, _ in sent(gateway)].count("images") == 2
    assert done.out.splitlines() == [
        "ada.jpg, bob.jpg: recognised, ada",
        "  ada.jpg: recognised, ada",
        "  bob.jpg: no_face",
    ]
    assert done.status == 0
