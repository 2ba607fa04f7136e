"""Batches of enrolments against a real Redis: what comes of each verdict, what an erasure leaves of a person."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from redis import Redis

from shared.batches.people import ERASED, BatchPeople
from shared.batches.records import BatchStore, input_key, job_id
from shared.erasures.eraser import Subject
from shared.jobs import JobStore
from shared.ml.face.verification import Verdict
from shared.queue import Queue
from shared.schemas import (
    Batch,
    BatchItem,
    BatchKind,
    BatchStatus,
    EnrolmentPayload,
    EnrolmentResult,
    FaceWarning,
    ItemOutcome,
    ItemStatus,
    JobError,
    JobType,
)
from shared.storage.store import BATCHES, MemoryStore
from tests.integration.batch_work import BATCH, CORRUPT, MODEL, PREFIX, item, waiting
from workers.feeding import Feeder

GALLERY = "staff"
LIKE_ADA = FaceWarning(code="lookalike", detail="resembles", person="ada", score=0.9)


def photo(number: int, person: str) -> BatchItem:
    payload = EnrolmentPayload(
        gallery=GALLERY,
        person=person,
        person_uid=f"uid-{person}",
        face=f"face-{number}",
        image_key=input_key("acme", BATCH, str(number)),
    )
    name = f"{person}/{number}.jpg"
    return BatchItem(custom_id=f"{person}-{number}", name=name, person=person, payload=payload, owns_input=True)


@pytest.fixture
def enrolling(batches: BatchStore, memory_store: MemoryStore) -> Callable[..., Batch]:
    def make(*people: str, gallery: str = GALLERY) -> Batch:
        items = [photo(number, person) for number, person in enumerate(people)]
        for one in items:
            memory_store.put(str(one.input_key), b"photo")
        return batches.create("acme", BATCH, items, actor="k1", gallery=gallery)

    return make


def work(jobs: JobStore, redis: Redis, **results: EnrolmentResult) -> None:
    """Do everything that waits; people come out as `results` say, others are enrolled."""
    for one in waiting(redis, Queue.FACE_BULK):
        job = jobs.claim(one)
        assert job is not None
        person = job.payload["person"]
        enrolled = EnrolmentResult(verdict=Verdict.ENROLLED, person=person, face=job.payload["face"])
        jobs.succeed(job, results.get(person, enrolled), MODEL)


def outcomes(batches: BatchStore) -> list[tuple[BatchItem, ItemOutcome]]:
    return [entry for _, entry in batches.entries(batches.get("acme", BATCH))]


def subject(person: str, at: datetime | None = None) -> Subject:
    return Subject("acme", GALLERY, person, f"uid-{person}", at or datetime.now(UTC))


def test_an_item_is_done_when_its_face_was_stored(
    batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder, enrolling: Callable[..., Batch]
) -> None:
    enrolling("ada", "bob", "eve")
    feeder.feed()
    job = jobs.find(job_id(BATCH, 0))
    assert job is not None
    assert (job.type, job.actor, job.batch) == (JobType.ENROLMENT, "k1", BATCH)
    blurred = EnrolmentResult(verdict=Verdict.LOW_QUALITY, reason="blurred", person="bob")
    alike = EnrolmentResult(verdict=Verdict.ENROLLED, person="eve", face="face-2", warnings=[LIKE_ADA])
    work(jobs, redis, bob=blurred, eve=alike)
    feeder.feed()
    batch = batches.get("acme", BATCH)
    assert (batch.status, batch.done, batch.failed) == (BatchStatus.SUCCEEDED, 2, 1)
    (_, ada), (_, bob), (_, eve) = outcomes(batches)
    assert (ada.status, ada.enrolment and ada.enrolment.face) == (ItemStatus.SUCCEEDED, "face-0")
    assert (bob.status, bob.error and bob.error.code) == (ItemStatus.FAILED, "low_quality")
    assert eve.enrolment is not None
    assert eve.enrolment.warnings[0].score is None, "templates can be rebuilt from similarities"


def test_a_batch_recorded_before_there_were_kinds_paints(batches: BatchStore, redis: Redis) -> None:
    batches.create("acme", BATCH, [item(0)])
    redis.hdel(f"{PREFIX}batch:{BATCH}", "kind", "gallery", "actor")
    found = batches.get("acme", BATCH)
    assert (found.kind, found.gallery, found.actor) == (BatchKind.STYLIZATION, None, "")


def test_an_erased_person_is_in_no_finished_batch(
    batches: BatchStore,
    jobs: JobStore,
    redis: Redis,
    feeder: Feeder,
    enrolling: Callable[..., Batch],
    memory_store: MemoryStore,
) -> None:
    enrolling("ada", "bob", "ada", "eve")
    feeder.feed()
    work(jobs, redis, eve=EnrolmentResult(verdict=Verdict.LOOKALIKE, reason="alike", person="eve", warnings=[LIKE_ADA]))
    feeder.feed()
    keeper = BatchPeople(batches, memory_store)
    assert keeper.forget_person(subject("ada")) == 2
    assert keeper.forget_person(subject("ada")) == 0, "repeating it does no harm"
    kept = b"".join(memory_store.get(key) for key in memory_store.keys(BATCHES))
    assert b"ada" not in kept
    (first, done), (_, bob), (third, _), (_, eve) = outcomes(batches)
    assert [one.custom_id for one in (first, third)] == ["erased-0", "erased-2"]
    assert (done.status, done.enrolment) == (ItemStatus.SUCCEEDED, None)
    assert bob.enrolment is not None
    assert eve.enrolment is not None
    assert eve.enrolment.warnings[0].person is None


def test_an_erased_person_is_in_no_batch_under_way_which_goes_on(
    batches: BatchStore,
    jobs: JobStore,
    redis: Redis,
    enrolling: Callable[..., Batch],
    memory_store: MemoryStore,
) -> None:
    enrolling("ada", "bob", "ada", "eve", "ada")
    Feeder(batches, jobs, memory_store, window=2).feed()
    work(jobs, redis)
    Feeder(batches, jobs, memory_store, window=2).feed()
    BatchPeople(batches, memory_store).forget_person(subject("ada"))
    assert list(redis.hgetall(f"{PREFIX}batch-outcomes:{BATCH}").values())
    assert not any("ada" in text for text in redis.hgetall(f"{PREFIX}batch-outcomes:{BATCH}").values())
    assert [key[-1] for key in memory_store.keys(input_key("acme", BATCH, ""))] == ["3"], "his photos are gone"
    for number in range(5):
        jobs.forget("acme", job_id(BATCH, number))
    feeder = Feeder(batches, jobs, memory_store, window=2)
    for _ in range(10):
        feeder.feed()
        work(jobs, redis)
    batch = batches.get("acme", BATCH)
    assert (batch.done, batch.failed) == (3, 2)
    assert [found.error for _, found in outcomes(batches)][-1] == ERASED


def test_he_is_found_behind_any_number_of_batches_that_are_gone(
    batches: BatchStore, redis: Redis, memory_store: MemoryStore, enrolling: Callable[..., Batch]
) -> None:
    enrolling("ada")
    redis.zadd(f"{PREFIX}batches:acme", {f"gone-{number}": number for number in range(1200)})
    redis.zadd(f"{PREFIX}batches:acme", {f"later-{number}": 1e10 + number for number in range(1200)})
    assert BatchPeople(batches, memory_store).forget_person(subject("ada")) == 1


def test_whoever_feeds_the_batch_makes_no_jobs_for_him_any_more(
    batches: BatchStore, jobs: JobStore, redis: Redis, enrolling: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    enrolling("bob", "eve", "ada")
    feeder = Feeder(batches, jobs, memory_store, window=2)
    feeder.feed()
    BatchPeople(batches, memory_store).forget_person(subject("ada"))
    for _ in range(3):
        work(jobs, redis)
        feeder.feed()
    assert jobs.find(job_id(BATCH, 2)) is None
    assert [found.error for _, found in outcomes(batches)] == [None, None, ERASED]


def test_what_came_of_his_item_meanwhile_is_taken_out_by_the_next_round(
    batches: BatchStore, enrolling: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    batch = enrolling("ada")
    batches.take(batch, 1)
    keeper = BatchPeople(batches, memory_store)
    assert keeper.forget_person(subject("ada")) == 1
    error = JobError(code="person_changed", detail="The person 'ada' was erased before the enrolment was done.")
    batches.settle(batch, {0: ItemOutcome(status=ItemStatus.FAILED, job=job_id(BATCH, 0), error=error)})
    assert keeper.forget_person(subject("ada")) == 0
    assert [found.error for _, found in outcomes(batches)] == [ERASED]


def test_only_the_person_who_was_erased_is_taken_out(
    batches: BatchStore, enrolling: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    enrolling("ada", "bob")
    keeper = BatchPeople(batches, memory_store)
    other = Subject("acme", GALLERY, "ada", "another uid", datetime.now(UTC))
    assert keeper.forget_person(other) == 0
    elsewhere = Subject("acme", "visitors", "ada", "uid-ada", datetime.now(UTC))
    assert keeper.forget_person(elsewhere) == 0
    assert keeper.forget_person(Subject("other", GALLERY, "ada", "uid-ada", datetime.now(UTC))) == 0
    assert keeper.forget_person(subject("ada")) == 1


def test_a_wrong_item_that_names_him_is_taken_out_too(batches: BatchStore, memory_store: MemoryStore) -> None:
    wrong = BatchItem(custom_id="ada-1", name="ada/1.jpg", person="ada", error=CORRUPT)
    batches.create("acme", BATCH, [wrong, photo(1, "bob")], gallery=GALLERY)
    assert BatchPeople(batches, memory_store).forget_person(subject("ada")) == 1
    assert b"ada" not in memory_store.get(next(iter(memory_store.keys(BATCHES))))


def test_he_is_in_no_batch_that_was_being_taken_in_but_who_follows_him_is(
    batches: BatchStore, enrolling: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    before = datetime.now(UTC)
    enrolling("ada")
    later = photo(1, "ada").model_copy(update={"payload": None, "error": CORRUPT})
    batches.create("acme", "later", [later], gallery=GALLERY)
    assert BatchPeople(batches, memory_store).forget_person(subject("ada", before)) == 1
    assert [item.custom_id for item, _ in outcomes(batches)] == ["erased-0"]
    (_, (kept, _)) = next(batches.entries(batches.get("acme", "later")))
    assert kept.person == "ada"


def test_a_batch_whose_items_are_gone_names_nobody(
    batches: BatchStore, enrolling: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    enrolling("ada")
    memory_store.delete_prefix(BATCHES)
    assert BatchPeople(batches, memory_store).forget_person(subject("ada")) == 0


def test_photos_of_one_person_are_enrolled_one_after_the_other_as_they_were_sent(
    jobs: JobStore, redis: Redis, feeder: Feeder, enrolling: Callable[..., Batch]
) -> None:
    """When two contradict each other, it is the first that counts, however many workers there are."""
    enrolling("ada", "ada", "bob", "ada")
    rounds = []
    for _ in range(3):
        feeder.feed()
        rounds.append(waiting(redis, Queue.FACE_BULK))
        feeder.feed()
        assert waiting(redis, Queue.FACE_BULK) == rounds[-1], "nothing else until the worker is done"
        work(jobs, redis)
    assert rounds == [[job_id(BATCH, 0), job_id(BATCH, 2)], [job_id(BATCH, 1)], [job_id(BATCH, 3)]]
