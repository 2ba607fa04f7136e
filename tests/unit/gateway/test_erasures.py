"""Erasing people: what goes, what is reported, and that nobody comes back."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.auth import Scope
from gateway.context import Services
from shared.erasures.log import Erasure
from shared.errors import StorageUnavailable
from shared.galleries.feedback import Feedback, FeedbackKind
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.verification import Verdict
from shared.outbox import Reader
from shared.schemas import EnrolmentResult, FaceWarning, PolicyKind
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import MATCH, MODEL, PHOTO, RECOGNISED, Api, FakeWorker, MakeApi

STAFF = "/v1/galleries/staff"
ADA = f"{STAFF}/persons/ada"
FILE = "application/x-ndjson"

pytestmark = pytest.mark.usefixtures("staff")


def enrolled(galleries: GalleryStore, person: str, face: str, gallery: str = "staff") -> Template:
    uid = galleries.ensure_person("default", gallery, person).uid
    made = Template(
        person=person,
        face=face,
        embedding=(1.0, 0.0),
        model_digest=DEFAULT_MODEL.digest,
        quality=0.5,
        created_at=datetime.now(UTC),
        person_uid=uid,
    )
    galleries.put_template("default", gallery, made)
    return made


def backup(store: MemoryStore, prefix: str = "galleries/") -> dict[str, bytes]:
    return {key: store.get(key) for key in store.keys(prefix)}


def put_back(store: MemoryStore, objects: dict[str, bytes]) -> None:
    for key, data in objects.items():
        store.put(key, data)


def log_of(api: Api) -> bytes:
    answer = api.get("/v1/erasures")
    assert (answer.status_code, answer.mimetype) == (200, FILE)
    return bytes(answer.data)


def settle(services: Services) -> None:
    """As housekeeping does when the last job has ended."""
    services.eraser._settle = timedelta(0)
    services.eraser.settle()


def redis_texts(services: Services) -> str:
    redis = services.outbox._redis
    found: list[Any] = []
    for key in redis.scan_iter("*"):
        if "outbox" in key:
            continue  # gone when all have read it
        match redis.type(key):
            case "hash":
                found.append(redis.hgetall(key))
            case "zset":
                found.append(redis.zrange(key, 0, -1))
            case "stream":
                found.append(redis.xrange(key))
            case "string":
                found.append(redis.get(key))
            case "list":
                found.append(redis.lrange(key, 0, -1))
        found.append(key)
    return repr(found)


def test_the_report_says_what_was_erased(api: Api, galleries: GalleryStore, worker: FakeWorker) -> None:
    enrolled(galleries, "ada", "f2")
    uid = api.get(ADA).get_json()["uid"]
    api.upload(f"{STAFF}/verifications", {"person": "ada"}, image=PHOTO)
    worker.succeed(MATCH)
    answer = api.delete(ADA)
    report = answer.get_json()
    assert answer.status_code == 200
    assert report.pop("erased_at")
    assert report == {
        "person": "ada", "uid": uid, "reason": "requested", "galleries": ["staff"],
        "templates": 2, "jobs": 1, "events": 3, "uploads": 1,
        "others": {"feedback": 0, "attempts": 0, "batch_items": 0},
    }  # fmt: skip


def test_nothing_names_him_any_more(
    api: Api, services: Services, worker: FakeWorker, store: MemoryStore, galleries: GalleryStore
) -> None:
    api.put(ADA, json={"name": "Ada Lovelace", "external_id": "hr-4711", "expires_at": "2050-01-01T00:00:00Z"})
    api.upload(f"{STAFF}/verifications", {"person": "ada"}, image=PHOTO)
    worker.succeed(MATCH)
    api.upload(f"{STAFF}/recognitions", image=PHOTO)
    worker.succeed(RECOGNISED)  # he is the answer
    api.put(f"{STAFF}/persons/eve")
    api.upload(f"{STAFF}/persons/eve/faces", image=PHOTO)
    warning = FaceWarning(code="lookalike", detail="resembles", person="ada", score=0.9)
    worker.succeed(EnrolmentResult(verdict=Verdict.ENROLLED, person="eve", face="f9", warnings=[warning]))
    waiting = api.upload(f"{ADA}/faces", image=PHOTO).get_json()["id"]
    assert store.get(f"uploads/default/{waiting}/image")
    report = api.delete(ADA).get_json()
    assert report["jobs"] == 4
    assert api.get(f"/v1/jobs/{waiting}").status_code == 404
    assert services.jobs.claim(waiting) is None, "a worker finds it gone"
    settle(services)
    his = re.compile(r"\b(ada|lovelace|hr-4711)\b", re.IGNORECASE)
    objects = {key: store.get(key).decode(errors="replace") for key in store.keys("") if not key.startswith("styles/")}
    assert [key for key, data in objects.items() if his.search(key) or his.search(data)] == []
    assert not his.search(redis_texts(services))
    assert galleries.get_person("default", "staff", "eve")


def test_jobs_about_others_stay(api: Api, worker: FakeWorker) -> None:
    api.put(f"{STAFF}/persons/bob")
    kept = api.upload(f"{STAFF}/verifications", {"person": "bob"}, image=PHOTO).get_json()["id"]
    worker.succeed(MATCH.model_copy(update={"person": "bob"}))
    api.delete(ADA)
    assert api.get(f"/v1/jobs/{kept}").status_code == 200


def test_an_answer_under_way_is_looked_after_when_it_is_there(api: Api, services: Services, worker: FakeWorker) -> None:
    """A recognition that began before he was erased names him afterwards."""
    job = api.upload(f"{STAFF}/recognitions", image=PHOTO).get_json()["id"]
    claimed = worker.claim()
    api.delete(ADA)
    assert services.jobs.succeed(claimed, RECOGNISED, MODEL)
    settle(services)
    assert api.get(f"/v1/jobs/{job}").status_code == 404


def test_feedback_about_him_goes_and_that_about_others_stays(
    api: Api, services: Services, galleries: GalleryStore
) -> None:
    uids = {person: galleries.ensure_person("default", "staff", person).uid for person in ("ada", "bob")}
    for person, uid in uids.items():
        report = Feedback(
            id=f"{person}-0", gallery="staff", job=person, face=0, kind=FeedbackKind.WRONG_PERSON,
            search=PolicyKind.VERIFICATION, person=uid, score=0.5, policy="p", threshold=0.4, model=MODEL,
            device=None, created_at=datetime.now(UTC), actor="k",
        )  # fmt: skip
        services.feedback.put("default", report)
    assert api.delete(ADA).get_json()["others"]["feedback"] == 1
    assert [one.person for one in services.feedback.listed("default", "staff")] == [uids["bob"]]


def test_erasing_twice_finds_nobody(api: Api) -> None:
    assert api.delete(ADA).status_code == 200
    answer = api.delete(ADA)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "person_not_found")


def test_an_erasure_that_was_interrupted_is_completed_by_repeating_it(
    api: Api, galleries: GalleryStore, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled(galleries, "ada", "f2")
    uid = api.get(ADA).get_json()["uid"]

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(services.galleries, "templates_under", crash)
        with pytest.raises(KeyboardInterrupt):
            api.delete(ADA)
    assert api.get(ADA).status_code == 404
    report = api.delete(ADA).get_json()
    assert (report["uid"], report["templates"]) == (uid, 2)
    assert api.delete(ADA).status_code == 404


def test_who_comes_after_him_is_not_touched_by_what_is_left_to_do(
    api: Api, galleries: GalleryStore, services: Services, worker: FakeWorker
) -> None:
    api.delete(ADA)
    successor = enrolled(galleries, "ada", "f7")
    job = api.upload(f"{STAFF}/verifications", {"person": "ada"}, image=PHOTO).get_json()["id"]
    worker.succeed(MATCH)
    settle(services)
    assert galleries.person_templates("default", "staff", "ada", DEFAULT_MODEL.digest) == [successor]
    assert api.get(f"/v1/jobs/{job}").status_code == 200


def test_copies_in_other_galleries_go_too_but_not_who_has_the_same_id(api: Api, galleries: GalleryStore) -> None:
    for gallery in ("copy", "other"):
        galleries.create_gallery("default", gallery)
    galleries.put_person("default", "copy", galleries.get_person("default", "staff", "ada"))
    enrolled(galleries, "ada", "f8", "copy")
    enrolled(galleries, "ada", "f9", "other")
    report = api.delete(ADA).get_json()
    assert (report["galleries"], report["templates"]) == (["staff", "copy"], 2)
    assert api.get("/v1/galleries/copy/persons/ada").status_code == 404
    assert len(api.get("/v1/galleries/other/persons/ada").get_json()["faces"]) == 1


def test_the_log_names_nobody(api: Api, services: Services) -> None:
    uid = api.get(ADA).get_json()["uid"]
    api.delete(ADA)
    (line,) = log_of(api).splitlines()
    entry = json.loads(line)
    assert (entry["gallery"], entry["uid"], entry["reason"]) == ("staff", uid, "requested")
    assert set(entry) == {"gallery", "uid", "erased_at", "reason"}
    (told,) = [one for one in services.outbox.read(Reader.AUDIT) if one.kind == "person.erased"]
    assert (told.data["uid"], told.data["reason"], told.data["templates"]) == (uid, "requested", 1)


def test_what_is_put_back_is_not_found_even_before_the_replay(
    api: Api, galleries: GalleryStore, store: MemoryStore
) -> None:
    kept = backup(store)
    api.delete(ADA)
    put_back(store, kept)
    assert api.get(ADA).status_code == 404
    assert api.get(f"{STAFF}/persons").get_json()["persons"] == []
    assert galleries.person_templates("default", "staff", "ada", DEFAULT_MODEL.digest) == []


def test_the_log_replayed_erases_whom_an_older_backup_brought_back(
    api: Api, galleries: GalleryStore, store: MemoryStore
) -> None:
    """The whole bucket is as it was before, with its own log."""
    enrolled(galleries, "ada", "f2")
    enrolled(galleries, "bob", "f3")
    before = backup(store, "")
    api.delete(ADA)
    log = log_of(api)
    for key in list(store.keys("")):
        if not key.startswith("keys/"):
            store.delete(key)
    put_back(store, before)
    fresh_galleries = GalleryStore(store, galleries._stream._redis, "test:")
    assert fresh_galleries.get_person("default", "staff", "ada"), "the backup has him"
    report = api.upload("/v1/erasures/replay", log=log).get_json()
    assert report["persons"] == 1
    (entry,) = map(json.loads, log_of(api).splitlines())
    assert entry.pop("replayed_by") in api.token
    assert datetime.now(UTC) - datetime.fromisoformat(entry.pop("replayed_at")) < timedelta(minutes=1)
    assert entry == json.loads(log), "it is in the service's own log again, and not twice"
    assert list(store.keys("galleries/default/staff/templates/ada/")) == []
    assert list(store.keys("galleries/default/staff/persons/ada")) == []
    assert api.get(f"{STAFF}/persons/bob").status_code == 200
    again = api.upload("/v1/erasures/replay", log=log).get_json()
    assert again == {"entries": 1, "added": 0, "persons": 0, "templates": 0}


def test_templates_put_back_without_their_person_go_too(api: Api, galleries: GalleryStore, store: MemoryStore) -> None:
    enrolled(galleries, "ada", "f2")
    kept = backup(store, "galleries/default/staff/templates/")
    api.delete(ADA)
    successor = enrolled(galleries, "ada", "f7")
    put_back(store, kept)
    assert galleries.person_templates("default", "staff", "ada", DEFAULT_MODEL.digest)[-1] == successor
    report = api.upload("/v1/erasures/replay", log=log_of(api)).get_json()
    assert (report["persons"], report["templates"]) == (0, 1)
    assert [one.face for one in galleries.templates_under("default", "staff", "ada")][-1] == "f7"


def test_an_old_template_that_does_not_say_whose_it_is_does_not_reach_a_successor(
    api: Api, galleries: GalleryStore
) -> None:
    old = enrolled(galleries, "ada", "f2").model_copy(
        update={"person_uid": None, "face": "f0", "created_at": datetime.now(UTC) - timedelta(days=9)}
    )
    api.delete(ADA)
    successor = enrolled(galleries, "ada", "f7")
    galleries.put_template("default", "staff", old)
    assert galleries.person_templates("default", "staff", "ada", DEFAULT_MODEL.digest) == [successor]
    assert api.upload("/v1/erasures/replay", log=b"").get_json()["templates"] == 1
    assert [one.face for one in galleries.templates_under("default", "staff", "ada")] == ["f7"]


def test_a_log_of_another_tenant_erases_nobody_here(api: Api, make_api: MakeApi) -> None:
    stranger = make_api("other")
    uid = api.get(ADA).get_json()["uid"]
    entry = {"gallery": "staff", "uid": uid, "erased_at": "2026-11-22T09:00:00Z", "reason": "requested"}
    assert stranger.upload("/v1/erasures/replay", log=json.dumps(entry).encode()).status_code == 200
    assert api.get(ADA).status_code == 200
    assert log_of(api) == b""


def test_an_entry_that_no_erasure_has_made_is_refused(api: Api, services: Services) -> None:
    """Whoever invents entries could have anybody's record deleted on whichever day it suits them."""
    ada, soon = api.get(ADA).get_json(), datetime.now(UTC) + timedelta(hours=1)
    before = datetime.fromisoformat(ada["created_at"]) - timedelta(days=1)
    for uid, at, words in ((ada["uid"], before, "came into being"), (uuid.uuid4().hex, soon, "a time to come")):
        entry = {"gallery": "staff", "uid": uid, "erased_at": at.isoformat(), "reason": "requested"}
        answer = api.upload("/v1/erasures/replay", log=json.dumps(entry).encode())
        assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_erasure_log")
        assert words in answer.get_json()["detail"]
    assert (api.get(ADA).status_code, log_of(api)) == (200, b"")
    assert services.outbox.read(Reader.AUDIT) == []


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        '{"gallery": "staff"}',
        json.dumps({"gallery": "staff", "uid": "ada", "erased_at": "2026-11-22T09:00:00Z", "reason": "requested"}),
        json.dumps({"gallery": "staff", "uid": uuid.uuid4().hex, "erased_at": "yesterday", "reason": "requested"}),
        json.dumps({"gallery": "staff", "uid": uuid.uuid4().hex, "erased_at": "2026-11-22T09:00:00Z", "reason": "x"}),
    ],
)
def test_a_log_that_is_none_is_refused_by_its_line(api: Api, line: str) -> None:
    good = Erasure.model_validate(
        {"gallery": "staff", "uid": uuid.uuid4().hex, "erased_at": datetime.now(UTC), "reason": "requested"}
    )
    answer = api.upload("/v1/erasures/replay", log=f"{good.model_dump_json()}\n\n{line}\n".encode())
    assert (answer.status_code, answer.get_json()["code"]) == (422, "invalid_erasure_log")
    assert "line 3" in answer.get_json()["detail"]
    assert log_of(api) == b"", "nothing of it was taken in"


@pytest.mark.parametrize("call", ["GET /v1/erasures", "POST /v1/erasures/replay", f"DELETE {ADA}"])
def test_only_who_administers_may(make_api: MakeApi, call: str) -> None:
    method, path = call.split()
    assert make_api(scopes=set(Scope) - {Scope.ADMIN})(method, path).status_code == 403


def test_an_outage_is_told_before_the_log_begins(api: Api, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    api.delete(ADA)
    keys = services.store.keys

    def gone(prefix: str, after: str = "") -> Iterator[str]:
        if prefix.startswith("erasures/"):
            raise StorageUnavailable("gone")
        yield from keys(prefix, after)

    monkeypatch.setattr(services.store, "keys", gone)
    assert api.get("/v1/erasures").status_code == 503
