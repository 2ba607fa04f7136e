"""Who was erased never matches again: on every worker, after a restart, after an older backup was put back."""

import os
import signal
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from shared.embedded.stack import Stack
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS

MANY = 24  # so that each of the two workers has some of them
WAIT = {"Prefer": "wait=30"}
PROBE = (PHOTOS / "obama-2.jpg").read_bytes()


def done(http: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The job when it has ended."""
    job: dict[str, Any] = answer.json()
    until = time.monotonic() + 60
    while job.get("status") in {"queued", "running"}:
        assert time.monotonic() < until, "not in time"
        time.sleep(0.2)
        job = http.get(f"/v1/jobs/{job['id']}").json()
    return job


def recognised(http: httpx.Client, gallery: str) -> set[str | None]:
    """Whom the workers find on a photo of Obama, asked many times at once; also among the candidates."""

    def ask(_: int) -> set[str | None]:
        sent = http.post(f"/v1/galleries/{gallery}/recognitions", files={"image": PROBE}, headers=WAIT)
        (face,) = done(http, sent)["result"]["faces"]
        candidates = {candidate["person"] for candidate in face["candidates"]}
        return {face["person"]} | ({"obama"} & candidates)

    with ThreadPoolExecutor(12) as pool:
        return set().union(*pool.map(ask, range(MANY)))


def verified(http: httpx.Client, gallery: str) -> set[str]:
    """What the workers say to the claim that the photo is Obama's: verdicts, or codes of errors."""

    def ask(_: int) -> str:
        sent = http.post(
            f"/v1/galleries/{gallery}/verifications", files={"image": PROBE}, data={"person": "obama"}, headers=WAIT
        )
        if sent.status_code >= 400:
            return str(sent.json()["code"])
        job = done(http, sent)
        return str(job["error"]["code"] if job["status"] == "failed" else job["result"]["verdict"])

    with ThreadPoolExecutor(4) as pool:
        return set(pool.map(ask, range(8)))


def kill(running: Stack, *names: str) -> None:
    """The supervisor starts them again."""
    before = {name: running.supervisor.pid(name) for name in names}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(running.supervisor.pid(name) != pid for name, pid in before.items()), 60)


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.2)


@pytest.fixture
def door(http: httpx.Client) -> str:
    """A gallery with two people."""
    name = f"door-{uuid.uuid4().hex[:8]}"
    assert http.post("/v1/galleries", json={"id": name}).status_code == 201
    for person, photo in (("obama", "obama-1.jpg"), ("biden", "biden.jpg")):
        photo_file = {"image": (PHOTOS / photo).read_bytes()}
        sent = http.post(f"/v1/galleries/{name}/persons/{person}/faces", files=photo_file, headers=WAIT)
        assert done(http, sent)["result"]["verdict"] == "enrolled"
    return name


def test_who_was_erased_never_matches_again(running: Stack, http: httpx.Client, s3: S3Store, door: str) -> None:
    folder = f"galleries/default/{door}/"
    assert recognised(http, door) == {"obama"}
    assert verified(http, door) == {"match"}
    backup = {key: s3.get(key) for key in s3.keys(folder)}

    def put_back() -> None:
        for key, data in backup.items():
            s3.put(key, data)

    def his_objects() -> list[str]:
        return [key for key in s3.keys(folder) if "obama" in key]

    report = http.delete(f"/v1/galleries/{door}/persons/obama").json()
    assert report["templates"] == 1
    assert report["jobs"] >= MANY
    assert his_objects() == []
    assert recognised(http, door) == {None}
    assert verified(http, door) == {"person_not_found"}

    # The objects come back; the log is still there: nobody has to do anything.
    put_back()
    kill(running, "face-1", "face-2", "housekeeping")
    assert recognised(http, door) == {None}
    assert verified(http, door) == {"person_not_found"}
    wait_for(lambda: his_objects() == [], 60)

    # All comes back, the log too is that of then: without it he is there again ...
    log = http.get("/v1/erasures").content
    assert report["uid"].encode() in log
    for key in s3.keys("erasures/default/"):
        if report["uid"] in key:
            s3.delete(key)
    put_back()
    kill(running, "face-1", "face-2")
    assert recognised(http, door) == {"obama"}
    # ... and with the one that was kept outside he goes, on every worker at once.
    replayed = http.post("/v1/erasures/replay", files={"log": log}).json()
    assert (replayed["added"], replayed["persons"]) == (1, 1)
    assert recognised(http, door) == {None}
    assert verified(http, door) == {"person_not_found"}
    assert his_objects() == []
    kill(running, "face-1", "face-2")
    assert recognised(http, door) == {None}


def test_who_has_expired_is_refused_at_once_and_then_erased(http: httpx.Client, s3: S3Store, door: str) -> None:
    soon = time.time() + 3
    expires_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(soon))
    person = f"/v1/galleries/{door}/persons/obama"
    assert http.put(person, json={"expires_at": expires_at}).status_code == 200
    wait_for(lambda: time.time() > soon, 10)
    assert recognised(http, door) == {None}
    assert verified(http, door) == {"person_not_found"}
    wait_for(lambda: not [key for key in s3.keys("galleries/default/") if door in key and "obama" in key], 30)
