"""The events of a batch against a real Redis: what is told, how often, and what others hear of its end."""

import time
from collections.abc import Callable

import pytest
from redis import Redis

from shared.batches.records import BatchStore
from shared.jobs import JobStore
from shared.outbox import Outbox, Reader
from shared.schemas import Batch, BatchItem
from tests.integration.batch_work import BATCH, CORRUPT, DONE, PREFIX, item, work, work_off
from workers.feeding import Feeder

Create = Callable[..., Batch]


def wrong(number: int) -> BatchItem:
    return BatchItem(custom_id=f"w{number}", error=CORRUPT)


def names(batches: BatchStore) -> list[str]:
    return [event.event for event in batches.events(BATCH, block=False)]


def test_the_events_tell_the_whole_way_and_end_with_the_outcome(
    create_batch: Create, batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder
) -> None:
    create_batch([*(item(number) for number in range(5)), wrong(5)])
    work_off(batches, jobs, redis, feeder)
    told = batches.events(BATCH, block=False)
    assert [told[0].event, told[1].event, told[-1].event] == ["queued", "running", "succeeded"]
    assert [event.final for event in told] == [False] * (len(told) - 1) + [True]
    for event in told:
        assert event.data["total"] == 6 == sum(event.data[name] for name in event.data if name != "total")
    ended = [event.data["done"] + event.data["failed"] for event in told]
    assert ended == sorted(ended)
    assert told[-1].data == {"total": 6, "queued": 0, "running": 0, "done": 5, "failed": 1, "cancelled": 0}


def test_the_end_is_told_to_others_in_the_step_that_commits_it(
    create_batch: Create, batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder
) -> None:
    create_batch([item(0), item(1)])
    feeder.feed()
    work(jobs, redis)
    outbox = Outbox(redis, PREFIX)
    assert [entry.kind for entry in outbox.read(Reader.WEBHOOKS)] == ["job", "job"]
    feeder.feed()
    last = outbox.read(Reader.WEBHOOKS)[-1]
    assert (last.kind, last.tenant, last.trace) == ("batch.finished", "acme", BATCH)
    assert last.data == {"batch": BATCH, "status": "succeeded", "total": 2, "done": 2, "failed": 0, "cancelled": 0}
    feeder.feed()
    assert not batches.finish(batches.get("acme", BATCH))
    assert outbox.read(Reader.WEBHOOKS)[-1] == last


def test_counts_are_told_at_most_twice_a_second_and_the_last_ones_are_not_forgotten(
    create_batch: Create, batches: BatchStore
) -> None:
    batch = create_batch([item(number) for number in range(40)])
    batches.take(batch, 40)
    began = time.monotonic()
    for number in range(30):
        batches.settle(batch, {number: DONE})
        time.sleep(0.02)
    told = names(batches).count("progress")
    assert 1 <= told <= 1 + (time.monotonic() - began) / 0.5
    time.sleep(0.5)
    batches.take(batch, 40)  # as every round of feeding does
    assert batches.events(BATCH, block=False)[-1].data["done"] == 30
    told = names(batches).count("progress")
    time.sleep(0.5)
    batches.take(batch, 40)
    assert names(batches).count("progress") == told  # nothing has changed


def test_pausing_going_on_and_cancelling_are_told(create_batch: Create, batches: BatchStore) -> None:
    create_batch([item(0)])
    batches.pause("acme", BATCH)
    batches.pause("acme", BATCH)
    batches.resume("acme", BATCH)
    batches.cancel("acme", BATCH)
    assert names(batches) == ["queued", "paused", "running", "cancelling"]


def test_events_after_one_are_those_that_came_later(create_batch: Create, batches: BatchStore) -> None:
    create_batch([item(0)])
    batches.pause("acme", BATCH)
    first, second = batches.events(BATCH, block=False)
    assert batches.events(BATCH, first.id, block=False) == [second]
    assert batches.events(BATCH, second.id, block=False) == []


def test_the_stream_is_bounded_and_ends_with_a_day(create_batch: Create, batches: BatchStore, redis: Redis) -> None:
    create_batch([item(0)])
    for _ in range(1500):
        batches.pause("acme", BATCH)
        batches.resume("acme", BATCH)
    key = f"{PREFIX}batch-events:{BATCH}"
    assert 1000 <= int(str(redis.xlen(key))) < 1200
    assert redis.ttl(key) == -1
    batches.cancel("acme", BATCH)
    assert batches.finish(batches.get("acme", BATCH))
    assert 86000 < int(str(redis.ttl(key))) <= 86400


def test_a_batch_that_is_forgotten_leaves_no_events(create_batch: Create, batches: BatchStore, redis: Redis) -> None:
    batches.drop(create_batch([item(0)]))
    assert redis.keys(f"{PREFIX}batch*") == []


@pytest.mark.parametrize("seen", range(4))
def test_no_event_is_lost_or_repeated_wherever_one_went_on(
    create_batch: Create, batches: BatchStore, seen: int
) -> None:
    create_batch([item(0)])
    batches.pause("acme", BATCH)
    batches.resume("acme", BATCH)
    batches.cancel("acme", BATCH)
    whole = batches.events(BATCH, block=False)
    after = whole[seen - 1].id if seen else "0-0"
    assert whole[:seen] + batches.events(BATCH, after, block=False) == whole
