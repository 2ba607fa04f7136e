"""What the exit status of a command says, and that errors are one line on standard error."""

import json as jsonlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.gateway.client.commands.conftest import Likeness, job
from tests.unit.gateway.client.conftest import Gateway, json, problem

FACE = {"box": {"x": 1, "y": 2, "width": 30, "height": 40}, "quality": {"score": 0.9, "issues": []}}


def verification(verdict: str, **members: Any) -> dict[str, Any]:
    return job({"verdict": verdict, "person": "ada", "reason": None, **members})


def recognition(*faces: dict[str, Any]) -> dict[str, Any]:
    seen = [{"reason": None, "person": None, **FACE, **face} for face in faces]
    return job({"verdict": "no_face", "reason": None, "faces": seen})


GRANTED, DENIED = {"decision": "granted"}, {"decision": "denied", "denial": "outside_opening_hours"}
KNOWN, STRANGER = {"verdict": "recognised", "person": "ada"}, {"verdict": "not_recognised"}
VERIFY = ("verify", "-g", "staff", "ada", "ada.jpg")
RECOGNISE = ("recognise", "-g", "staff", "ada.jpg")
HERE = "http://127.0.0.1:1"
ENROLLED: dict[str, Any] = {"reason": None, "warnings": []}


@pytest.mark.parametrize(
    ("words", "answer", "status"),
    [
        (VERIFY, verification("match"), 0),
        (VERIFY, verification("match", **GRANTED), 0),
        (VERIFY, verification("match", **DENIED), 3),
        (VERIFY, verification("no_match"), 3),
        (VERIFY, verification("no_face"), 3),
        (RECOGNISE, recognition(KNOWN), 0),
        (RECOGNISE, recognition(STRANGER, KNOWN), 0),
        (RECOGNISE, recognition(STRANGER), 3),
        (RECOGNISE, recognition({**KNOWN, **DENIED}), 3),
        (RECOGNISE, recognition(), 3),
        (("compare", "ada.jpg", "ada.jpg"), job({"verdict": "match", "reason": None}), 0),
        (("compare", "ada.jpg", "ada.jpg"), job({"verdict": "no_match", "reason": None}), 3),
        (("enrol", "-g", "staff", "ada", "ada.jpg"), job({"verdict": "enrolled", **ENROLLED}), 0),
        (("enrol", "-g", "staff", "ada", "ada.jpg"), job({"verdict": "already_enrolled", **ENROLLED}), 0),
        (("enrol", "-g", "staff", "ada", "ada.jpg"), job({"verdict": "no_face", **ENROLLED}), 3),
        (("enrol", "-g", "staff", "ada", "ada.jpg"), job({"verdict": "identity_conflict", **ENROLLED}), 3),
        (("liveness", "answer", "s", "ada.jpg"), job({"verdict": "live", "reason": None}), 0),
        (("liveness", "answer", "s", "ada.jpg"), job({"verdict": "spoof_suspected", "reason": "jump"}), 3),
        (VERIFY, job(None, "failed", error={"code": "worker_lost", "detail": "Gone."}), 1),
        (("audit", "verify"), {"valid": True, "entries": 3, "head": "h", "problems": []}, 0),
        (("audit", "verify"), {"valid": False, "entries": 3, "head": "h", "problems": []}, 1),
        (("jobs", "wait", "j"), job({}, "cancelled"), 1),
    ],
)
@pytest.mark.parametrize("flag", [(), ("--json",)])
def test_the_status_is_the_answer(
    gateway: Gateway, likeness: Likeness, words: tuple[str, ...], answer: Any, status: int, flag: tuple[str, ...]
) -> None:
    gateway.answers = [json(answer)]
    done = likeness(*words, *flag)
    assert done.status == status, done
    if flag and "worker_lost" not in done.err:
        jsonlib.loads(done.out)


@pytest.mark.parametrize(
    ("words", "wrong", "command"),
    [
        (("verify",), "Missing argument '[PERSON] PHOTO...'", "likeness verify"),
        (("keys", "rotate"), "Missing argument 'KEY'", "likeness keys rotate"),
        (("nothing",), "No such command 'nothing'", "likeness"),
        (("keys", "list", "--no-such-option"), "--no-such-option", "likeness keys list"),
        (("jobs", "list", "--limit", "x"), "'--limit': Input should be a valid integer", "likeness jobs list"),
    ],
)
def test_a_wrong_usage_is_2_in_one_line(likeness: Likeness, words: tuple[str, ...], wrong: str, command: str) -> None:
    done = likeness(*words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("likeness: ")
    assert wrong in done.err
    assert done.err.endswith(f". See {command} --help.\n")
    assert done.err.count("\n") == 1


def test_who_names_no_command_is_shown_them(likeness: Likeness) -> None:
    done = likeness("keys")
    assert (done.status, done.err) == (2, "")
    assert "rotate" in done.out


def test_a_status_that_no_job_has_is_refused(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("jobs", "list", "--status", "faild")
    assert (done.status, gateway.asked) == (1, [])
    assert "failed" in done.err


def test_a_photo_in_the_place_of_a_person_is_nobody(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("enrol", "-g", "staff", "ada.jpg", "ada.jpg")
    assert (done.status, gateway.asked) == (1, [])
    assert "name the person before it" in done.err


def test_what_is_said_of_a_photo_is_sent_with_it(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json(job({"verdict": "enrolled", **ENROLLED}))]
    said = ("--label", "passport", "--override", "identity_conflict")
    assert likeness("enrol", "-g", "staff", "ada", "ada.jpg", *said).status == 0
    body = gateway.asked[0].content
    for name, value in (("label", b"passport"), ("override", b"identity_conflict")):
        assert f'name="{name}"'.encode() in body
        assert value in body


def test_nothing_is_overridden_for_many_people_at_once(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("enrol", "-g", "staff", "people.zip", "--override", "identity_conflict")
    assert (done.status, gateway.asked) == (1, [])
    assert "for one person" in done.err


def test_an_enrolment_is_taken_back(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [httpx.Response(204), httpx.Response(204)]
    assert likeness("persons", "forget", "-g", "staff", "ada", "f1", "--undo").status == 0
    assert likeness("persons", "forget", "-g", "staff", "ada", "f1").status == 0
    first, second = (request.url for request in gateway.asked)
    assert first.path == second.path == "/v1/galleries/staff/persons/ada/faces/f1"
    assert (first.query, second.query) == (b"undo=true", b"")


def test_a_folder_of_people_that_is_not_there_is_named(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("enrol", "-g", "staff", "peple/")
    assert (done.status, gateway.asked) == (1, [])
    assert "There is no peple" in done.err


def test_a_photo_that_is_not_there_is_a_wrong_usage(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("verify", "-g", "staff", "ada", "missing.jpg")
    assert done.status == 2
    assert "missing.jpg" in done.err
    assert gateway.asked == []


def test_what_is_refused_is_1_in_one_line(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [problem(404, "gallery_not_found")]
    done = likeness("galleries", "show", "staff")
    assert (done.status, done.out) == (1, "")
    assert done.err == "likeness: 404 gallery_not_found: gallery_not_found it is\n"


def test_a_detail_of_several_lines_is_one(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json({"code": "invalid_field", "detail": "Not so.\n  Rather so."}, 422)]
    assert likeness("galleries", "list").err == "likeness: 422 invalid_field: Not so. Rather so.\n"


def test_a_system_that_does_not_answer_is_4(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [httpx.UnsupportedProtocol("no such scheme")]
    done = likeness("galleries", "list")
    assert done.status == 4
    assert done.err.startswith("likeness: http://gateway.test does not answer (no such scheme)")


@pytest.mark.parametrize(
    "refusal", [problem(429, "verification_under_way", **{"Retry-After": "900"}), httpx.Response(200, text="<html>")]
)
def test_no_answer_for_now_is_4_and_never_what_tampering_is(
    gateway: Gateway, likeness: Likeness, refusal: httpx.Response
) -> None:
    gateway.answers = [refusal]
    assert likeness("audit", "verify").status == 4


@pytest.mark.parametrize(("variable", "value"), [("LIKENESS_URL", "http://[::"), ("LIKENESS_API_KEY", "lk_ü")])
def test_a_url_or_a_key_that_cannot_be_right_is_4(
    likeness: Likeness, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    done = likeness("galleries", "list")
    assert done.status == 4, done
    assert "cannot be right" in done.err


def test_without_a_system_it_is_4_and_says_how_to_get_one(likeness: Likeness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIKENESS_URL")
    done = likeness("galleries", "list")
    assert done.status == 4
    assert "likeness up" in done.err
    assert "LIKENESS_URL" in done.err


def test_a_system_that_is_still_starting_is_named_as_such(
    likeness: Likeness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LIKENESS_URL")
    monkeypatch.delenv("LIKENESS_API_KEY")
    (tmp_path / ".likeness").mkdir()
    (tmp_path / ".likeness" / "processes.json").write_text('[{"pid": 1, "created": 0}]')
    done = likeness("galleries", "list")
    assert done.status == 4
    assert "still starting" in done.err


def test_the_key_of_the_system_that_runs_here_goes_to_no_other(
    gateway: Gateway, likeness: Likeness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LIKENESS_API_KEY")
    a_system_runs(tmp_path, key="lk_here")
    gateway.answers = [json({"galleries": []})]
    done = likeness("galleries", "list")  # LIKENESS_URL is another one
    assert (done.status, gateway.asked) == (4, [])
    assert "Set LIKENESS_API_KEY to a key of http://gateway.test" in done.err
    assert likeness("galleries", "list", "--url", f"{HERE}/").status == 0
    assert gateway.asked[0].headers["Authorization"] == "Bearer lk_here"


def a_system_runs(folder: Path, key: str) -> None:
    s3 = {"endpoint": "127.0.0.1:2", "access_key": "a", "secret_key": "b", "bucket": "c"}
    info = {"url": HERE, "api_key": key, "s3": s3, "redis": "redis://127.0.0.1:3/0"}
    (folder / ".likeness").mkdir()
    (folder / ".likeness" / "stack.json").write_text(jsonlib.dumps(info))


def test_the_configuration_of_the_system_that_runs_here_is_printed_without_its_secrets(
    likeness: Likeness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("REDIS__URL", "S3__ENDPOINT", "S3__ACCESS_KEY", "S3__SECRET_KEY"):
        monkeypatch.delenv(f"LIKENESS_{name}", raising=False)
    assert "See .env.example" in likeness("config").err
    a_system_runs(tmp_path, key="lk_here")
    told = jsonlib.loads(likeness("config").out)
    assert told["s3"]["endpoint"] == "127.0.0.1:2"
    assert set(told["redis"]["url"]) == set(told["s3"]["secret_key"]) == {"*"}


def test_a_key_may_be_in_a_file(gateway: Gateway, likeness: Likeness, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("lk_of_the_file\n")
    gateway.answers = [json({"galleries": []})]
    assert likeness("galleries", "list", "--key", "@key").status == 0
    assert gateway.asked[0].headers["Authorization"] == "Bearer lk_of_the_file"
    assert likeness("galleries", "list", "--key", "@nowhere").status == 1


def test_nobody_is_erased_by_a_script_that_did_not_say_so(gateway: Gateway, likeness: Likeness) -> None:
    done = likeness("persons", "erase", "-g", "staff", "ada")
    assert done.status == 1
    assert "--yes" in done.err
    assert gateway.asked == []
