"""Whose date has passed is erased by housekeeping; what was interrupted is completed."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from redis import Redis

from shared.erasures.eraser import Eraser
from shared.erasures.log import Erasure, ErasureReason
from shared.erasures.replay import Replayer
from shared.galleries.store import GalleryStore, Template
from shared.jobs import JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.outbox import Outbox, Reader
from shared.schemas import EnrolmentPayload, EnrolmentResult, JobStatus, JobType, Message, Model
from shared.settings import JobSettings
from shared.storage.store import MemoryStore
from workers.faces.enrollees import Enrollees
from workers.retention import Retention, withdraw_unfinished
from workers.runner import Held, JobRunner

TENANT, GALLERY = "acme", "staff"
PREFIX = "test:"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def galleries(store: MemoryStore, redis: Redis) -> GalleryStore:
    made = GalleryStore(store, redis, PREFIX)
    made.create_gallery(TENANT, GALLERY)
    return made


@pytest.fixture
def eraser(store: MemoryStore, galleries: GalleryStore, redis: Redis) -> Eraser:
    jobs = JobStore(redis, PREFIX, JobSettings(), lambda *_: None)
    return Eraser(store, galleries, jobs, Outbox(redis, PREFIX), keepers={}, settle_seconds=0)


def housekeeper(store: MemoryStore, galleries: GalleryStore, eraser: Eraser) -> Retention:
    return Retention(store, galleries, eraser, Replayer(store, galleries, eraser))


@pytest.fixture
def retention(store: MemoryStore, galleries: GalleryStore, eraser: Eraser) -> Retention:
    return housekeeper(store, galleries, eraser)


def enrol(galleries: GalleryStore, person: str, expires_in: float | None = None) -> str:
    uid = galleries.ensure_person(TENANT, GALLERY, person).uid
    face = Template(
        person=person, face=f"f-{person}", embedding=(1.0,), model_digest="d", quality=1.0,
        created_at=datetime.now(UTC), person_uid=uid,
    )  # fmt: skip
    galleries.put_template(TENANT, GALLERY, face)
    if expires_in is not None:
        date = datetime.now(UTC) + timedelta(seconds=expires_in)
        galleries.update_person(TENANT, GALLERY, person, lambda found: found.model_copy(update={"expires_at": date}))
    return uid


def enrollees(store: MemoryStore, galleries: GalleryStore, redis: Redis) -> Enrollees:
    return Enrollees(store, galleries, Outbox(redis, PREFIX))


def objects_of(store: MemoryStore, person: str) -> list[str]:
    return [key for key in store.keys("") if f"/{person}" in key or f"-{person}" in key]


def test_who_has_expired_goes_and_the_others_stay(
    store: MemoryStore, galleries: GalleryStore, retention: Retention, redis: Redis
) -> None:
    uid = enrol(galleries, "ada", expires_in=-2)
    enrol(galleries, "bob", expires_in=3600)
    enrol(galleries, "cyd")
    retention.run()
    retention.run()
    assert objects_of(store, "ada") == []
    assert [person.id for person in galleries.persons_there(TENANT, GALLERY)] == ["bob", "cyd"]
    assert len(list(store.keys("expiring/"))) == 1
    (told,) = Outbox(redis, PREFIX).read(Reader.AUDIT)
    assert (told.kind, told.actor, told.data["uid"], told.data["reason"]) == ("person.expired", "", uid, "expired")
    (entry,) = galleries.erasures.entries(TENANT)
    assert (entry.uid, entry.reason) == (uid, ErasureReason.EXPIRED)


def test_a_date_that_was_put_off_or_removed_holds(galleries: GalleryStore, retention: Retention) -> None:
    enrol(galleries, "ada", expires_in=0.2)
    enrol(galleries, "ada", expires_in=3600)
    enrol(galleries, "bob", expires_in=0.2)
    galleries.update_person(TENANT, GALLERY, "bob", lambda bob: bob.model_copy(update={"expires_at": None}))
    retention.run()
    assert [person.id for person in galleries.persons_there(TENANT, GALLERY)] == ["ada", "bob"]


def test_a_mark_that_is_left_over_harms_nobody(
    store: MemoryStore, galleries: GalleryStore, retention: Retention
) -> None:
    enrol(galleries, "ada")
    for person in ("ada", "nobody"):
        store.put(f"expiring/20200101T000000Z/{TENANT}/{GALLERY}/{person}", b"{}")
    retention.run()
    assert galleries.get_person(TENANT, GALLERY, "ada")
    assert list(store.keys("expiring/")) == []


def test_a_deleted_gallery_leaves_no_dates(store: MemoryStore, galleries: GalleryStore) -> None:
    enrol(galleries, "ada", expires_in=3600)
    galleries.delete_gallery(TENANT, GALLERY)
    assert list(store.keys("expiring/")) == []


def test_an_erasure_that_was_interrupted_is_completed(
    store: MemoryStore, galleries: GalleryStore, eraser: Eraser, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(galleries, "ada")

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(galleries, "remove_person", crash)
        with pytest.raises(KeyboardInterrupt):
            eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    retention.run()
    assert objects_of(store, "ada") != [], "whoever began it may still be at work"
    monkeypatch.setattr("shared.erasures.eraser.INTERRUPTED", timedelta(0))
    retention.run()
    retention.run()
    assert objects_of(store, "ada") == []


def test_whom_a_backup_brought_back_goes_when_housekeeping_starts(
    store: MemoryStore, galleries: GalleryStore, eraser: Eraser
) -> None:
    enrol(galleries, "ada")
    enrol(galleries, "bob")
    kept = {key: store.get(key) for key in store.keys("galleries/")}
    eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    eraser.settle()
    for key, data in kept.items():
        store.put(key, data)
    housekeeper(store, galleries, eraser).run()
    eraser.settle()
    assert objects_of(store, "ada") == []
    assert galleries.get_person(TENANT, GALLERY, "bob")


def test_an_erasure_that_cannot_be_done_keeps_nobody_elses_from_being_done(
    store: MemoryStore, galleries: GalleryStore, eraser: Eraser, retention: Retention
) -> None:
    for person in ("ada", "bob"):
        enrol(galleries, person)
        eraser.erase(TENANT, GALLERY, person, reason=ErasureReason.REQUESTED)
    store.put(f"galleries/{TENANT}/{GALLERY}/templates/ada/d/f.json", b"not a template")
    store.put(f"replays/{TENANT}.json", b'{"begun_at": "2026-01-01T00:00:00Z"}')
    retention.run()
    assert [key.split("/")[3] for key in store.keys("erasing/")] == ["ada"], "it is tried again"
    store.delete_prefix(f"galleries/{TENANT}/{GALLERY}/templates/ada")
    retention.run()
    assert list(store.keys("erasing/")) == []
    assert list(store.keys("replays/")) == []


def test_a_replay_that_was_interrupted_is_done_later(
    store: MemoryStore, galleries: GalleryStore, eraser: Eraser, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = enrol(galleries, "ada")
    keeper = housekeeper(store, galleries, eraser)
    keeper.run()
    replayer = Replayer(store, galleries, eraser)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    entry = Erasure(gallery=GALLERY, uid=uid, erased_at=datetime.now(UTC), reason=ErasureReason.REQUESTED)
    with monkeypatch.context() as patched:
        patched.setattr(replayer, "apply", crash)
        with pytest.raises(KeyboardInterrupt):
            replayer.replay(TENANT, [entry])
    monkeypatch.setattr("shared.erasures.replay.INTERRUPTED_S", 0)
    keeper.run()
    eraser.settle()
    assert objects_of(store, "ada") == []
    assert list(store.keys("replays/")) == []


def test_entries_of_nobody_are_harmless(galleries: GalleryStore, eraser: Eraser, store: MemoryStore) -> None:
    enrol(galleries, "ada")
    entry = Erasure(gallery="x", uid=uuid.uuid4().hex, erased_at=datetime.now(UTC), reason=ErasureReason.EXPIRED)
    report = Replayer(store, galleries, eraser).replay(TENANT, [entry, entry])
    assert (report.entries, report.added, report.persons, report.templates) == (2, 1, 0, 0)


def test_a_record_that_cannot_be_read_keeps_nobody_elses_date_from_being_kept(
    store: MemoryStore, galleries: GalleryStore, retention: Retention
) -> None:
    enrol(galleries, "ada", expires_in=-20)
    enrol(galleries, "bob", expires_in=-2)
    store.put(f"galleries/{TENANT}/{GALLERY}/persons/ada.json", b"damaged")
    retention.run()
    retention.run()
    assert objects_of(store, "bob") == []
    assert len(list(store.keys("expiring/"))) == 1, "ada is tried again"


def test_a_note_of_an_erasure_that_cannot_be_read_keeps_no_other_from_its_end(
    store: MemoryStore, galleries: GalleryStore, eraser: Eraser, retention: Retention
) -> None:
    enrol(galleries, "bob")
    eraser.erase(TENANT, GALLERY, "bob", reason=ErasureReason.REQUESTED)
    store.put(f"erasing/{TENANT}/{GALLERY}/ada/0.json", b"damaged")
    retention.run()
    assert objects_of(store, "bob") == []


def test_of_an_enrolment_that_was_over_before_its_face_was_stored_no_face_stays(
    store: MemoryStore, galleries: GalleryStore, redis: Redis
) -> None:
    uid = enrol(galleries, "ada")
    galleries.withdraw_template(TENANT, GALLERY, "ada", "f-ada")
    payload = EnrolmentPayload(gallery=GALLERY, person="ada", person_uid=uid, face="f-ada", image_key="k")
    jobs = JobStore(redis, PREFIX, JobSettings(face_deadline=0.05), lambda *_: None)
    runner = JobRunner(jobs, store, 15, withdraw=partial(withdraw_unfinished, enrollees(store, galleries, redis)))

    def work(sent: EnrolmentPayload, _: Held) -> tuple[Message, Model]:
        time.sleep(0.1)
        for over in jobs.sweep():  # by housekeeping, which finds no face yet
            runner.tidy(over)
        enrol(galleries, "ada")
        return EnrolmentResult(verdict=Verdict.ENROLLED, person="ada", face=sent.face), Model(name="m", digest="d")

    job = jobs.submit(NewJob(TENANT, JobType.ENROLMENT, payload))
    runner.run(job.id, EnrolmentPayload, work)
    assert jobs.get(TENANT, job.id).status is JobStatus.EXPIRED
    assert galleries.person_templates(TENANT, GALLERY, "ada", "d") == []


@pytest.mark.parametrize(
    ("status", "attempts", "left"), [(JobStatus.EXPIRED, 1, 0), (JobStatus.EXPIRED, 0, 1), (JobStatus.SUCCEEDED, 1, 1)]
)
def test_of_an_enrolment_that_ended_without_success_no_face_stays(
    store: MemoryStore, galleries: GalleryStore, redis: Redis, status: JobStatus, attempts: int, left: int
) -> None:
    """One that no worker took is no reason: a batch begins its item anew, with another job for the same face."""
    uid = enrol(galleries, "ada")
    payload = EnrolmentPayload(gallery=GALLERY, person="ada", person_uid=uid, face="f-ada", image_key="k")
    jobs = JobStore(redis, PREFIX, JobSettings(), lambda *_: None)
    job = jobs.submit(NewJob(TENANT, JobType.ENROLMENT, payload))
    job = job.model_copy(update={"status": status, "attempts": attempts})
    withdraw_unfinished(enrollees(store, galleries, redis), job)
    assert len(galleries.person_templates(TENANT, GALLERY, "ada", "d")) == left
