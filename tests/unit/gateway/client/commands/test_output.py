"""What the commands print: for scripts, and for people."""

import io
import json as jsonlib
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from gateway.client.commands import output
from shared.file_names import HIDDEN
from tests.unit.gateway.client.commands.conftest import Likeness, by_path, job
from tests.unit.gateway.client.conftest import Gateway, json

TITLE = "Study [/b] in [red] :heart:"
STYLE = {"id": "study", "title": TITLE, "artist": None, "year": None, "licence": "none", "modes": ["fine"], "shared": 0}
KEY = {
    "id": "k1",
    "tenant": "acme",
    "name": None,
    "scopes": ["enrol", "verify"],
    "created_at": "2026-11-22T00:56:31.2Z",
    "expires_at": None,
}
BATCH = {
    "warnings": 0,
    "skipped_count": 0,
    "skipped": [],
    "id": "b",
    "kind": "enrolment",
    "status": "succeeded",
    "counts": {"total": 2, "queued": 0, "running": 0, "done": 1, "failed": 1, "cancelled": 0},
    "created_at": "2026-11-22T00:56:31.2Z",
    "eta_seconds": None,
}


@pytest.mark.parametrize("words", [["show", "study"], ["list"]])
def test_words_of_others_are_printed_as_they_are(gateway: Gateway, likeness: Likeness, words: list[str]) -> None:
    gateway.answers = [
        by_path({"GET /v1/styles": {"styles": [STYLE], "next_cursor": None}, "GET /v1/styles/study": STYLE})
    ]
    done = likeness("styles", *words)
    assert done.status == 0
    assert TITLE in done.out


def test_a_table_for_scripts_is_lines_of_tab_separated_values(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json({"keys": [KEY, {**KEY, "id": "k2", "name": "a\tb\nc"}], "next_cursor": None})]
    assert likeness("keys", "list").out.splitlines() == [
        "k1\tacme\t\tenrol, verify\t2026-11-22 00:56\t",
        "k2\tacme\ta b c\tenrol, verify\t2026-11-22 00:56\t",
    ]


def test_a_table_for_people_has_a_heading(
    gateway: Gateway, likeness: Likeness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "out", Console(force_terminal=True, width=200, markup=False, no_color=True))
    gateway.answers = [json({"keys": [KEY], "next_cursor": None})]
    lines = likeness("keys", "list").out.splitlines()
    assert "tenant" in lines[0]
    assert "acme" in lines[1]


def test_an_id_is_never_broken(gateway: Gateway, likeness: Likeness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "out", Console(force_terminal=True, width=60, markup=False, no_color=True))
    long = {**KEY, "id": "k" * 32, "name": "a name of some length", "scopes": ["recognise"] * 9}
    gateway.answers = [json({"keys": [long], "next_cursor": None})]
    assert "k" * 32 in likeness("keys", "list").out


def test_json_is_what_the_gateway_said(gateway: Gateway, likeness: Likeness) -> None:
    further = {**KEY, "further": {"member": "ü"}}
    gateway.answers = [json({"keys": [further], "next_cursor": None})]
    assert jsonlib.loads(likeness("keys", "list", "--json").out) == [further]


LISTS = {
    ("galleries", "list"): {"galleries": [{"id": "staff", "model": {"name": "sface"}, "created_at": ""}]},
    ("persons", "list", "-g", "staff"): {"persons": [{"id": "ada"}], "next_cursor": None},
    ("jobs", "list"): {"jobs": [{"id": "j", "status": "failed", "error": {"code": "x"}}], "next_cursor": None},
    ("batches", "list"): {"batches": [BATCH], "next_cursor": None},
    ("webhooks", "list"): {"webhooks": [{"id": "w", "url": "https://x", "status": "enabled", "events": []}]},
    ("webhooks", "deliveries", "w"): {"deliveries": [{"id": "d", "attempts": [], "event": "e"}], "next_cursor": None},
    ("models", "list"): {
        "models": [{"name": "sface", "digest": "d", "dimensions": 128, "description": "x"}],
        "liveness": {"passive": {"available": False, "reason": "no weights"}, "active": {"available": True}},
    },
    ("styles", "list"): {"styles": [STYLE], "next_cursor": None},
    ("audit", "list"): {
        "entries": [{"sequence": 1, "at": "", "outcome": "match", "decision": None, "reason": None}],
        "next_cursor": None,
    },
}


@pytest.mark.parametrize("words", LISTS)
def test_every_list_can_be_read_by_people_and_by_scripts(
    gateway: Gateway, likeness: Likeness, words: tuple[str, ...]
) -> None:
    gateway.answers = [json(LISTS[words])]
    for_people = likeness(*words)
    assert (for_people.status, for_people.out.count("\n")) == (0, 1)
    found = jsonlib.loads(likeness(*words, "--json").out)
    listed, *_ = LISTS[words].values()  # type: ignore[attr-defined]
    assert found == listed


def test_a_new_keys_token_is_all_there_is_on_standard_output(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json({**KEY, "token": "lk_k1_secret"}, 201)]
    done = likeness("keys", "create", "--tenant", "acme", "--scopes", "enrol, verify", "--expires", "90d")
    assert done.out == "lk_k1_secret\n"
    assert "not shown again" in done.err
    sent = jsonlib.loads(gateway.asked[0].content)
    assert sent == {"tenant": "acme", "scopes": ["enrol", "verify"], "expires_in_days": 90}


@pytest.mark.parametrize("expires", ["90", "1h", "0d", "d", "-1d", "36h", "90d "])
def test_an_expiry_that_is_none_is_refused(gateway: Gateway, likeness: Likeness, expires: str) -> None:
    done = likeness("keys", "create", "--role", "door", "--expires", expires)
    assert done.status == 1
    assert "90d" in done.err
    assert gateway.asked == []


def test_a_rotations_grace_is_sent_in_seconds(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json({**KEY, "token": "lk_k1_new"})]
    assert likeness("keys", "rotate", "k1", "--grace", "2h").out == "lk_k1_new\n"
    assert jsonlib.loads(gateway.asked[0].content) == {"grace_seconds": 7200}


def test_what_is_set_of_a_person_is_sent_and_nothing_else(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json({"id": "ada"})]
    words = "--name Ada --groups staff,press --attribute floor=3 --expires-at 2027-12-31 --consent c-1 --clear tags"
    assert likeness("persons", "set", "-g", "staff", "ada", *words.split()).status == 0
    assert jsonlib.loads(gateway.asked[0].content) == {
        "name": "Ada",
        "groups": ["staff", "press"],
        "attributes": {"floor": 3},
        "expires_at": "2027-12-31T00:00:00Z",
        "consent": {"reference": "c-1"},
        "tags": None,
    }


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("007", "007"), ("1.5", 1.5), ("NaN", "NaN"), ("1e999", "1e999"), ("", "")]
)
def test_an_attribute_is_what_it_looks_like(gateway: Gateway, likeness: Likeness, text: str, value: object) -> None:
    gateway.answers = [json({"id": "ada"})]
    assert likeness("persons", "set", "-g", "staff", "ada", "--attribute", f"badge={text}").status == 0
    assert jsonlib.loads(gateway.asked[0].content) == {"attributes": {"badge": value}}


def test_rules_of_access_may_be_in_a_file(gateway: Gateway, likeness: Likeness, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text('{"groups": ["staff"]}')
    gateway.answers = [json({"id": "staff"})]
    assert likeness("galleries", "set", "staff", "--access", "@rules.json").status == 0
    assert jsonlib.loads(gateway.asked[0].content) == {"access": {"groups": ["staff"]}}
    for text in ("{", '{"groups": NaN}'):
        assert "no JSON" in likeness("galleries", "set", "staff", "--access", text).err


def test_a_folder_of_people_is_enrolled_as_a_batch_and_who_was_not_taken_is_named(
    gateway: Gateway, likeness: Likeness, tmp_path: Path
) -> None:
    for person in ("ada", "bob"):
        (tmp_path / "people" / person).mkdir(parents=True)
        (tmp_path / "people" / person / "1.jpg").write_bytes(b"photo")
    refused = {
        "custom_id": "bob",
        "name": "bob/1.jpg",
        "enrolment": {"verdict": "no_face"},
        "error": {"code": "no_face", "detail": "No face is in it."},
    }
    items = {"items": [refused], "next_cursor": None}
    gateway.answers = [
        by_path(
            {
                "POST /v1/galleries/staff/enrolment-batches": json({**BATCH, "status": "queued"}, 202),
                "GET /v1/batches/b/events": json({}, 204),
                "GET /v1/batches/b": BATCH,
                "GET /v1/batches/b/items": items,
            }
        )
    ]
    done = likeness("enrol", "-g", "staff", "people")
    assert b"PK\x03\x04" in gateway.asked[0].content
    assert (done.status, done.err) == (3, "")
    assert "bob/1.jpg: no_face: No face is in it." in done.out


def test_what_a_batch_skipped_and_warns_of_is_told(gateway: Gateway, likeness: Likeness) -> None:
    skipped = [{"name": "notes.txt", "reason": "is no photo by its name"}, {"name": ".x", "reason": HIDDEN}]
    item = {"custom_id": "x", "name": None, "warnings": [{"code": "lookalike", "detail": "It resembles another."}]}
    batch = {**BATCH, "warnings": 1, "skipped": skipped, "skipped_count": 205}

    def items(request: httpx.Request) -> dict[str, Any]:
        return {"items": [] if "status" in request.url.params else [item], "next_cursor": None}

    gateway.answers = [by_path({"GET /v1/batches/b": batch, "GET /v1/batches/b/items": items})]
    done = likeness("batches", "show", "b")
    assert "1 with warnings, 205 skipped" in done.out
    assert "x: warning: lookalike: It resembles another." in done.out
    assert done.err.splitlines() == [
        "left out: notes.txt is no photo by its name",
        "left out: 1 hidden",
        "left out: 203 more",
    ]


def enrolling(*skipped: dict[str, str]) -> Any:
    batch = {**BATCH, "skipped": list(skipped), "skipped_count": len(skipped)}
    return by_path(
        {
            "POST /v1/galleries/staff/enrolment-batches": json({**batch, "status": "queued"}, 202),
            "GET /v1/batches/b/events": json({}, 204),
            "GET /v1/batches/b": batch,
            "GET /v1/batches/b/items": {"items": [], "next_cursor": None},
        }
    )


def test_a_folder_is_sent_with_all_its_pictures_and_the_rest_is_named(
    gateway: Gateway, likeness: Likeness, tmp_path: Path
) -> None:
    for name in ("ada/photos/1.jpg", "ada/2.tiff", "ada/notes.txt", "ada/.DS_Store", "ada/film.mov"):
        (tmp_path / "people" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "people" / name).write_bytes(b"photo")
    gateway.answers = [enrolling()]
    done = likeness("enrol", "-g", "staff", "people", "--json")
    sent = gateway.asked[0].content
    with zipfile.ZipFile(io.BytesIO(sent[sent.index(b"PK\x03\x04") :])) as archive:
        assert archive.namelist() == ["ada/2.tiff", "ada/photos/1.jpg"]
    told = jsonlib.loads(done.out)
    assert [file["name"] for file in told["skipped"]] == ["ada/film.mov", "ada/notes.txt", "ada/.DS_Store"]
    assert (done.status, told["skipped_count"]) == (0, 3)


@pytest.mark.parametrize("name", ["ada/1.jpg", "ada/2.tiff"])
def test_a_picture_that_was_skipped_is_an_error(
    gateway: Gateway, likeness: Likeness, tmp_path: Path, name: str
) -> None:
    (tmp_path / "people.zip").write_bytes(b"PK")
    gateway.answers = [enrolling({"name": name, "reason": "is a link: put the file itself there"})]
    done = likeness("enrol", "-g", "staff", "people.zip")
    assert (done.status, done.err) == (1, f"left out: {name} is a link: put the file itself there\n")


def test_photos_for_a_migration_are_of_the_people_that_enrolment_takes_them_for(
    gateway: Gateway, likeness: Likeness, tmp_path: Path
) -> None:
    for name in ("ada/photos/1.jpg", "sales/bob/1.jpg"):
        (tmp_path / "people" / name).parent.mkdir(parents=True)
        (tmp_path / "people" / name).write_bytes(b"photo")
    found = {"id": "m", "state": "running", "migrated": 1, "persons": 2, "missing": []}
    models = {"source": {"name": "a"}, "target": {"name": "b"}}
    path = "/v1/galleries/staff/migrations/m"
    gateway.answers = [
        by_path(
            {
                f"POST {path}/faces": json(job({"verdict": "enrolled"}), 202),
                f"GET {path}": {**found, **models},
            }
        )
    ]
    done = likeness("migration", "photos", "staff", "m", "people")
    assert done.status == 1
    assert "left out: sales/bob/1.jpg lies in `sales/bob`" in done.err


def test_a_file_of_a_folder_that_cannot_be_read_is_named_and_the_others_are_sent(
    gateway: Gateway, likeness: Likeness, tmp_path: Path
) -> None:
    (tmp_path / "people" / "ada").mkdir(parents=True)
    (tmp_path / "people" / "ada" / "1.jpg").write_bytes(b"photo")
    (tmp_path / "people" / "ada" / "2.jpg").write_bytes(b"")
    gateway.answers = [enrolling()]
    done = likeness("enrol", "-g", "staff", "people")
    assert (done.status, done.err) == (1, "left out: ada/2.jpg cannot be read (The file is empty.)\n")


def test_events_are_lines_of_json(gateway: Gateway, likeness: Likeness) -> None:
    progress = 'id: 1-0\nevent: progress\ndata: {"done": 1, "total": 2, "stage": "paint"}\n\n'
    stream = f"{progress}id: 2-0\nevent: succeeded\ndata: {{}}\n\n"
    events = httpx.Response(200, text=stream, headers={"Content-Type": "text/event-stream"})
    gateway.answers = [by_path({"GET /v1/jobs/j": job({}), "GET /v1/jobs/j/events": events})]
    done = likeness("jobs", "follow", "j", "--json")
    assert [jsonlib.loads(line)["event"] for line in done.out.splitlines()] == ["progress", "succeeded"]


def test_a_day_is_a_time_to_the_audit(gateway: Gateway, likeness: Likeness) -> None:
    gateway.answers = [json({"entries": [], "next_cursor": None})]
    assert likeness("audit", "list", "--since", "2026-11-22", "--until", "2026-11-22T08:00:00Z").status == 0
    assert dict(gateway.asked[0].url.params) == {"since": "2026-11-22T00:00:00Z", "until": "2026-11-22T08:00:00Z"}
