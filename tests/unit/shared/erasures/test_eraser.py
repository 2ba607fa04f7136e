"""Erasing, broken off at every single step: whoever repeats it leaves nothing behind."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from shared.erasures.eraser import Eraser
from shared.erasures.log import ErasureReason
from shared.errors import PersonNotFound, StorageUnavailable
from shared.galleries.changes import ChangeKind
from shared.galleries.merging import Asked, Merger
from shared.galleries.store import GalleryStore, Template
from shared.jobs import JobStore, NewJob
from shared.outbox import Outbox
from shared.schemas import EnrolmentPayload, EvaluationPayload, JobType, VerificationPayload
from shared.settings import JobSettings
from shared.storage.store import MemoryStore, report_key, upload_folder

TENANT, GALLERY = "acme", "staff"
MOST_CALLS = 60


class BreakingStore(MemoryStore):
    """Cannot be reached any more after so many calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls_left: int | None = None

    def _call(self, action: Callable[..., Any], *arguments: Any) -> Any:
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise StorageUnavailable("The object store cannot be reached.")
            self.calls_left -= 1
        return action(*arguments)

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        self._call(super().put, key, data, content_type)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return bool(self._call(super().put_if_absent, key, data))

    def update(self, key: str, change: Callable[[bytes], bytes]) -> bytes:
        return bytes(self._call(super().update, key, change))

    def get(self, key: str) -> bytes:
        return bytes(self._call(super().get, key))

    def delete(self, key: str) -> None:
        self._call(super().delete, key)


class World:
    """A gallery with two people, a job about one of them, and an eraser."""

    def __init__(self, redis: Redis) -> None:
        redis.flushall()
        self.store = BreakingStore()
        self.galleries = GalleryStore(self.store, redis, "test:")
        self.galleries.create_gallery(TENANT, GALLERY)
        for person in ("ada", "bob"):
            self.galleries.ensure_person(TENANT, GALLERY, person)
            known = {"external_id": "x", "expires_at": datetime.now(UTC) + timedelta(days=1)}
            self.galleries.update_person(TENANT, GALLERY, person, lambda one, k=known: one.model_copy(update=k))  # type: ignore[misc]
            self.enrol(person)
        self.jobs = JobStore(redis, "test:", JobSettings(interactive_limit=2000), lambda *_: None)
        asked = VerificationPayload(gallery=GALLERY, person="ada", image_key="k", policy="p")
        self.job = self.jobs.submit(NewJob(TENANT, JobType.VERIFICATION, asked)).id
        self.store.put(f"{upload_folder(TENANT, self.job)}image", b"photo")
        outbox = Outbox(redis, "test:")
        self.eraser = Eraser(self.store, self.galleries, self.jobs, outbox, keepers={}, settle_seconds=0)
        self.merger = Merger(self.galleries, self.eraser, outbox)
        self.asked = Asked(TENANT, "k1", "")

    def enrol(self, person: str) -> None:
        uid = self.galleries.get_person(TENANT, GALLERY, person).uid
        for number in range(2):
            face = Template(
                person=person,
                face=f"{person[0]}{number}",
                embedding=(1.0,),
                model_digest="d",
                quality=1.0,
                created_at=datetime.now(UTC),
                person_uid=uid,
            )
            self.galleries.put_template(TENANT, GALLERY, face)

    def left_of(self, person: str) -> list[str]:
        return [key for key in self.store.keys("") if f"/{person}" in key] + [
            key for key in self.store.keys("uploads/") if person == "ada"
        ]

    def faces(self, person: str) -> list[str]:
        return [one.face for one in self.galleries.person_templates(TENANT, GALLERY, person, "d")]


@pytest.mark.parametrize("calls", range(MOST_CALLS))
def test_an_erasure_broken_off_anywhere_is_completed_by_repeating_it(redis: Redis, calls: int) -> None:
    world = World(redis)
    uid = world.galleries.get_person(TENANT, GALLERY, "ada").uid
    world.store.calls_left = calls
    broken = False
    try:
        world.eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    except StorageUnavailable:
        broken = True
    assert broken or calls > 10, "it takes more steps than that"
    world.store.calls_left = None
    with suppress(PersonNotFound):
        world.eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    world.eraser.settle()
    assert world.left_of("ada") == []
    assert world.jobs.find(world.job) is None
    assert world.galleries.erasures.is_erased(TENANT, uid)
    assert world.faces("bob") == ["b0", "b1"]


@pytest.mark.parametrize("calls", range(MOST_CALLS))
def test_a_merge_broken_off_anywhere_is_completed_by_repeating_it(redis: Redis, calls: int) -> None:
    world = World(redis)
    gallery = world.galleries.get_gallery(TENANT, GALLERY)
    world.store.calls_left = calls
    with suppress(StorageUnavailable):
        world.merger.merge(world.asked, gallery, "bob", "ada")
    world.store.calls_left = None
    with suppress(PersonNotFound):
        world.merger.merge(world.asked, gallery, "bob", "ada")
    world.eraser.settle()
    assert world.left_of("ada") == []
    assert world.faces("bob") == ["a0", "a1", "b0", "b1"]


def erase_and_settle(world: World) -> None:
    world.eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    world.eraser.settle()


def test_a_copy_that_an_import_made_in_the_same_moment_goes_too(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(redis)
    ada = world.galleries.get_person(TENANT, GALLERY, "ada")
    world.galleries.create_gallery(TENANT, "copy")
    append = world.galleries.erasures.append

    def import_first(*arguments: Any) -> bool:
        world.galleries.put_person(TENANT, "copy", ada)
        return append(*arguments)

    monkeypatch.setattr(world.galleries.erasures, "append", import_first)
    erase_and_settle(world)
    assert world.left_of("ada") == []


def test_a_field_that_is_written_while_he_is_erased_leaves_no_mark(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(redis)
    mark = world.galleries._mark

    def mark_and_lose(*arguments: Any) -> None:
        mark(*arguments)
        erase_and_settle(world)

    monkeypatch.setattr(world.galleries, "_mark", mark_and_lose)
    with pytest.raises(PersonNotFound):
        world.galleries.update_person(
            TENANT, GALLERY, "ada", lambda one: one.model_copy(update={"external_id": "another"})
        )
    assert world.left_of("ada") == []


def test_a_job_for_him_is_his_and_one_for_who_follows_him_is_not_whatever_the_clocks_say(redis: Redis) -> None:
    world = World(redis)
    uid = world.galleries.get_person(TENANT, GALLERY, "ada").uid
    asked = EnrolmentPayload(gallery=GALLERY, person="ada", person_uid=uid, face="f", image_key="k")
    world.eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    late = world.jobs.submit(NewJob(TENANT, JobType.ENROLMENT, asked)).id  # by a gateway that knew him a moment ago
    follower = asked.model_copy(update={"person_uid": "another"})
    other = world.jobs.submit(NewJob(TENANT, JobType.ENROLMENT, follower)).id
    world.eraser.settle()
    assert world.jobs.find(late) is None
    assert world.jobs.find(other) is not None


def test_the_changes_that_workers_follow_name_him_no_more_and_whoever_missed_them_reads_all_again(
    redis: Redis,
) -> None:
    world = World(redis)
    start = world.galleries.changes(TENANT, GALLERY, None).position
    world.enrol("bob")
    erase_and_settle(world)
    assert "ada" not in str(redis.xrange(f"test:gallery:{TENANT}:{GALLERY}:changes"))
    missed = world.galleries.changes(TENANT, GALLERY, start)
    assert not missed.complete
    assert missed.position.seq > start.seq
    world.enrol("bob")
    followed = world.galleries.changes(TENANT, GALLERY, missed.position)
    assert followed.complete
    assert {change.kind for change in followed.changes} == {ChangeKind.FACE_PUT}


def test_an_evaluation_that_names_him_goes_with_its_report(redis: Redis) -> None:
    world = World(redis)
    asked = EvaluationPayload(gallery=GALLERY, archive_key=None, seed=0)
    his, other = (world.jobs.submit(NewJob(TENANT, JobType.EVALUATION, asked)).id for _ in range(2))
    world.jobs.of_person.note_people(TENANT, his, GALLERY, {"ada", "bob"})
    for job in (his, other):
        world.store.put(report_key(TENANT, job, "report.json"), b"who resembles whom")
    erase_and_settle(world)
    assert list(world.store.keys("reports/")) == [report_key(TENANT, other, "report.json")]
    assert world.jobs.find(his) is None
    assert world.jobs.find(other) is not None


def test_thousands_of_jobs_that_name_him_go(redis: Redis) -> None:
    world = World(redis)
    asked = VerificationPayload(gallery=GALLERY, person="ada", image_key="k", policy="p")
    jobs = [world.jobs.submit(NewJob(TENANT, JobType.VERIFICATION, asked)).id for _ in range(1100)]
    report = world.eraser.erase(TENANT, GALLERY, "ada", reason=ErasureReason.REQUESTED)
    assert (report.jobs, report.uploads) == (1101, 1)
    assert world.jobs.find_all(jobs) == {}
    assert world.jobs.of_person.of(TENANT, GALLERY, "ada") == []
