"""Feeding batches against a real Redis: whoever feeds them, and however often, every item is one job."""

import time
from collections.abc import Callable

from redis import Redis

from shared.batches.records import BatchStore, input_key, job_id
from shared.errors import QueueFull
from shared.jobs import JobStore, NewJob
from shared.schemas import Batch, BatchItem, BatchStatus, ItemStatus, Job
from shared.settings import JobSettings
from shared.storage.store import MemoryStore, batch_folder
from tests.integration.batch_work import (
    BATCH,
    CORRUPT,
    MODEL,
    PREFIX,
    item,
    make_jobs,
    result,
    waiting,
    work,
    work_off,
)
from workers.feeding import EVENTS_S, LEAST_QUEUED, Feeder


def test_a_cancelled_batch_keeps_what_is_finished(
    batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([item(n) for n in range(20)])
    feeder.feed()
    work(jobs, redis)
    feeder.feed()
    running = jobs.claim(waiting(redis)[0])
    assert running is not None
    batches.cancel("acme", BATCH)
    feeder.feed()
    assert waiting(redis) == [], "those in the queue are cancelled at once"
    assert batches.get("acme", BATCH).status is BatchStatus.CANCELLING
    assert jobs.beat(running).value == "cancel", "those in work are asked to stop"
    jobs.succeed(running, result(), MODEL)  # this one was quicker
    feeder.feed()
    batch = batches.get("acme", BATCH)
    assert batch.status is BatchStatus.CANCELLED
    assert (batch.done, batch.failed, batch.cancelled) == (LEAST_QUEUED + 1, 0, 20 - LEAST_QUEUED - 1)


def test_every_item_becomes_one_bulk_job(
    batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([item(n) for n in range(30)])
    batch = work_off(batches, jobs, redis, feeder)
    assert (batch.status, batch.done) == (BatchStatus.SUCCEEDED, 30)
    done = [job.id for job in jobs.recent("acme", batch=BATCH, limit=100)]
    assert sorted(done) == sorted(job_id(BATCH, n) for n in range(30))


def test_only_a_few_items_wait_in_the_queue(
    jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([item(n) for n in range(50)])
    for _ in range(3):
        feeder.feed()
    assert len(waiting(redis)) == LEAST_QUEUED, "nothing is known of the pace yet"
    work(jobs, redis)
    feeder.feed()  # collects, and has measured the pace by the next round
    feeder.feed()
    assert len(waiting(redis)) == 8, "a quick pace fills the window"


def test_workers_that_take_jobs_are_given_more(
    jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    """However slow the items are, as many can be in work as there are workers."""
    create_batch([item(n) for n in range(50)])
    for _ in range(5):
        feeder.feed()
        for one in waiting(redis):
            jobs.claim(one)
    assert sum(job.status.value == "running" for job in jobs.recent("acme", batch=BATCH, limit=100)) == 5 * LEAST_QUEUED


def test_slow_items_wait_in_smaller_numbers(
    batches: BatchStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([item(n) for n in range(50)])
    redis.hset(f"{PREFIX}batch:{BATCH}", "pace", 10.0)  # seconds per item: six a minute
    feeder.feed()
    assert len(waiting(redis)) == 6
    assert batches.get("acme", BATCH).eta_seconds == 500


def test_wrong_items_fail_by_name_without_a_job(
    batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    wrong = [BatchItem(custom_id=f"w{n}", error=CORRUPT) for n in range(10)]
    create_batch([*wrong, item(10)])
    batch = work_off(batches, jobs, redis, feeder)
    assert (batch.status, batch.done, batch.failed) == (BatchStatus.SUCCEEDED, 1, 10)
    failed = {entry.custom_id: found.error for _, (entry, found) in batches.entries(batch) if found.error}
    assert failed == {f"w{n}": CORRUPT for n in range(10)}
    assert len(jobs.recent("acme", batch=BATCH)) == 1
    assert jobs.recent("acme") == [], "they do not hide the tenant's other jobs"


def test_a_batch_of_wrong_items_only_ends_with_their_errors(
    batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([BatchItem(custom_id=f"w{n}", error=CORRUPT) for n in range(10)])
    batch = work_off(batches, jobs, redis, feeder)
    assert (batch.status, batch.failed) == (BatchStatus.FAILED, 10)


def test_a_failed_job_is_an_item_error(
    batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([item(n) for n in range(3)])
    feeder.feed()
    work(jobs, redis, spoil="-1")
    feeder.feed()
    batch = batches.get("acme", BATCH)
    assert (batch.done, batch.failed) == (2, 1)
    [bad] = [found for _, (_, found) in batches.entries(batch) if found.status is ItemStatus.FAILED]
    assert bad.error == CORRUPT
    assert bad.job == job_id(BATCH, 1)


def test_an_input_is_deleted_when_its_item_is_done_unless_others_use_it(
    jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    create_batch([item(0), item(1, owns_input=False), *(item(n) for n in range(2, 9))])
    feeder.feed()
    work(jobs, redis)
    feeder.feed()
    left = set(memory_store.keys(input_key("acme", BATCH, "")))
    assert input_key("acme", BATCH, "0") not in left
    assert {input_key("acme", BATCH, str(n)) for n in (1, 8)} <= left


def test_a_full_queue_is_tried_later(
    batches: BatchStore, redis: Redis, memory_store: MemoryStore, create_batch: Callable[..., Batch]
) -> None:
    jobs = make_jobs(redis, queue_limit=2)
    feeder = Feeder(batches, jobs, memory_store, window=8)
    create_batch([item(n) for n in range(20)])
    feeder.feed()
    assert len(waiting(redis)) == 2
    batch = work_off(batches, jobs, redis, feeder)
    assert (batch.status, batch.done) == (BatchStatus.SUCCEEDED, 20)


def test_a_feeder_that_dies_between_handing_out_and_submitting_loses_nothing(
    batches: BatchStore,
    jobs: JobStore,
    redis: Redis,
    memory_store: MemoryStore,
    create_batch: Callable[..., Batch],
) -> None:
    class Dying(JobStore):
        def submit(self, new: NewJob) -> Job:  # noqa: ARG002
            raise QueueFull("as good as dead")

    batch = create_batch([item(n) for n in range(10)])
    dying = Dying(redis, PREFIX, JobSettings(), lambda _task, _job, _queue: None)
    Feeder(batches, dying, memory_store, window=8).feed()
    assert list(batches.in_flight(batch)) == [0, 1, 2, 3]
    assert waiting(redis) == []
    done = work_off(batches, jobs, redis, Feeder(batches, jobs, memory_store, window=8))
    assert done.done == 10


def test_an_item_whose_job_expired_in_the_queue_is_begun_anew(
    batches: BatchStore, redis: Redis, memory_store: MemoryStore, create_batch: Callable[..., Batch]
) -> None:
    hasty = make_jobs(redis, style_deadline=0.001)
    create_batch([item(0)])
    Feeder(batches, hasty, memory_store, window=8).feed()
    time.sleep(0.02)
    hasty.sweep()
    assert hasty.get("acme", job_id(BATCH, 0)).status.value == "expired"
    jobs = make_jobs(redis)
    batch = work_off(batches, jobs, redis, Feeder(batches, jobs, memory_store, window=8))
    assert batch.done == 1
    assert jobs.get("acme", job_id(BATCH, 0, 1)).status.value == "succeeded"


def test_several_batches_are_fed_side_by_side(redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]) -> None:
    for name in ("a" * 32, "c" * 32):
        create_batch([item(n) for n in range(100)], name)
    feeder.feed()
    owners = [one.partition("-")[0][0] for one in waiting(redis)]
    assert owners.count("a") == owners.count("c") == LEAST_QUEUED


def test_a_batch_whose_items_are_gone_is_forgotten_and_keeps_no_other_from_being_fed(
    batches: BatchStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    lost = create_batch([item(0)], "a" * 32)
    create_batch([item(0)])
    memory_store.delete_prefix(batch_folder(lost.tenant, lost.id))
    feeder.feed()
    assert waiting(redis) == [job_id(BATCH, 0)]
    assert [batch.id for batch in batches.recent("acme")] == [BATCH]
    assert [batch.id for batch in batches.unfinished()] == [BATCH]


def test_a_batch_that_cannot_be_read_keeps_no_other_from_being_fed(
    redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch], memory_store: MemoryStore
) -> None:
    damaged = create_batch([item(0)], "a" * 32)
    create_batch([item(0)])
    key = f"{batch_folder(damaged.tenant, damaged.id)}items.jsonl"
    whole = memory_store.get(key)
    memory_store.put(key, b"damaged")
    feeder.feed()
    assert waiting(redis) == [job_id(BATCH, 0)]
    memory_store.put(key, whole)
    redis.hincrby(f"{PREFIX}batch:{damaged.id}", "revised", 1)
    feeder.feed()
    assert len(waiting(redis)) == 2, "it is not forgotten"


def test_the_events_of_an_item_are_kept_for_minutes_and_its_job_for_a_day(
    jobs: JobStore, redis: Redis, feeder: Feeder, create_batch: Callable[..., Batch]
) -> None:
    create_batch([item(0)])
    feeder.feed()
    work(jobs, redis)
    feeder.feed()
    assert 0 < redis.ttl(f"{PREFIX}events:{job_id(BATCH, 0)}") <= EVENTS_S
    assert redis.ttl(f"{PREFIX}job:{job_id(BATCH, 0)}") > 3600
