"""The audit of the whole system: what was done shows within seconds, and what somebody does to the log is found."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS, key_of

SOON_S = 10.0

Entry = dict[str, Any]


@pytest.fixture
def api_key(s3: S3Store, tenant: str) -> str:
    """Of a tenant of its own, whose log a test may spoil."""
    return key_of(s3, tenant)


@pytest.fixture
def http(http: httpx.Client) -> httpx.Client:
    http.headers["Prefer"] = "wait=30"
    return http


def done(answer: httpx.Response) -> Entry:
    assert answer.status_code in {200, 201, 204}, answer.text
    return dict(answer.json()) if answer.content else {}


def send(http: httpx.Client, path: str, photo: str, **fields: str) -> Entry:
    files = {"image": (photo, (PHOTOS / photo).read_bytes(), "image/jpeg")}
    return done(http.post(f"/v1/galleries/staff/{path}", files=files, data=fields))


def until(check: Callable[[list[Entry]], bool], http: httpx.Client, query: str = "") -> list[Entry]:
    """The entries, oldest first, as soon as they satisfy the check."""
    over = time.monotonic() + SOON_S
    while True:
        entries: list[Entry] = done(http.get(f"/v1/audit?order=oldest&limit=200{query}"))["entries"]
        if check(entries):
            return entries
        assert time.monotonic() < over, entries
        time.sleep(0.2)


def actions(entries: list[Entry]) -> list[str]:
    return [entry["action"] for entry in entries]


def test_what_was_done_shows_within_seconds_and_tampering_is_found(
    http: httpx.Client, s3: S3Store, tenant: str
) -> None:
    done(http.post("/v1/galleries", json={"id": "staff"}))
    send(http, "persons/barack/faces", "obama-1.jpg", device="desk")
    uid = done(http.get("/v1/galleries/staff/persons/barack"))["uid"]
    verified = send(http, "verifications", "obama-2.jpg", person="barack", device="front-door")
    send(http, "recognitions", "obama-2.jpg", device="turnstile")
    made = done(http.post("/v1/keys", json={"role": "auditor"}))
    done(http.delete(f"/v1/keys/{made['id']}"))
    until(lambda entries: "recognition" in actions(entries), http)
    assert [entry["sequence"] for entry in until(bool, http, "&gallery=staff&person=barack&action=recognition")] == [4]
    done(http.delete("/v1/galleries/staff/persons/barack"))

    entries = until(lambda entries: "person.erased" in actions(entries), http)
    assert actions(entries) == [
        "gallery.created", "enrolment", "verification", "recognition", "key.created", "key.revoked", "person.erased",
    ]  # fmt: skip
    assert [entry["sequence"] for entry in entries] == list(range(1, 8))
    by_action = {entry["action"]: entry for entry in entries}
    told = {name: (one["device"], one["outcome"], one["person"]) for name, one in by_action.items() if one["job"]}
    assert told == {
        "enrolment": ("desk", "enrolled", uid),
        "verification": ("front-door", "match", uid),
        "recognition": ("turnstile", "recognised", uid),
    }
    assert by_action["verification"]["decision"] == "granted"
    assert by_action["verification"]["job"] == verified["id"]
    assert by_action["person.erased"]["person"] == uid
    assert by_action["key.created"]["details"]["key"] == made["id"]
    assert "barack" not in http.get("/v1/audit/export").text

    whole = done(http.get("/v1/audit/verification"))
    assert (whole["valid"], whole["entries"], whole["problems"]) == (True, 7, [])

    # The segment with the verification, wherever a round ended.
    keys = [key for key in s3.keys(f"audit/{tenant}/") if b'"action":"verification"' in s3.get(key)]
    assert len(keys) == 1
    s3.put(keys[0], s3.get(keys[0]).replace(b'"outcome":"match"', b'"outcome":"no_match"'))
    spoilt = done(http.get("/v1/audit/verification"))
    assert spoilt["valid"] is False
    assert [problem["sequence"] for problem in spoilt["problems"]] == [by_action["verification"]["sequence"]]
