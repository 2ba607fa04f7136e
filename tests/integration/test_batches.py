"""A batch's record in a real Redis: every item counts once, however often that is said."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.batches.records import BatchStore, input_key
from shared.errors import BatchFinished, BatchNotFound
from shared.schemas import Batch, BatchStatus, ItemOutcome, ItemStatus, SkippedFile
from shared.storage.store import MemoryStore
from tests.integration.batch_work import BATCH, CORRUPT, DONE, PREFIX, item

# --- the record ---


def test_a_new_batch_waits_whole(create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(n) for n in range(3)])
    assert (batch.status, batch.total, batch.queued) == (BatchStatus.QUEUED, 3, 3)
    assert batch.eta_seconds is None


def test_creating_it_again_changes_nothing(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    create_batch([item(0), item(1)])
    batches.take(batches.get("acme", BATCH), 1)
    assert create_batch([item(0), item(1)]).running == 1


def test_another_tenants_batch_is_not_there(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    create_batch([item(0)])
    for action in (batches.get, batches.pause, batches.resume, batches.cancel):
        with pytest.raises(BatchNotFound):
            action("other", BATCH)
    assert batches.recent("other") == []


def test_batches_are_listed_newest_first_from_a_time_back(
    batches: BatchStore, create_batch: Callable[..., Batch]
) -> None:
    made = [create_batch([item(0)], batch_id) for batch_id in ("one", "two", "three")]
    assert [batch.id for batch in batches.recent("acme")] == ["three", "two", "one"]
    assert [batch.id for batch in batches.recent("acme", before=made[2].created_at)] == ["two", "one"]


def test_no_more_than_asked_are_handed_out(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(n) for n in range(5)])
    assert [batches.take(batch, most) for most in (2, 2, 4, 9, 9)] == [2, 0, 2, 1, 0]
    assert list(batches.in_flight(batch)) == [0, 1, 2, 3, 4]


def test_concurrent_feeders_hand_out_each_item_once(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(n) for n in range(100)])
    with ThreadPoolExecutor(8) as pool:
        handed = list(pool.map(lambda most: batches.take(batch, most), range(5, 65, 5)))
    assert sum(handed) == 60
    assert sorted(batches.in_flight(batch)) == list(range(60))


def test_an_outcome_counts_once_and_stays(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(n) for n in range(2)])
    batches.take(batch, 2)
    batches.settle(batch, {0: DONE})
    batches.settle(batch, {0: ItemOutcome(status=ItemStatus.FAILED, error=CORRUPT), 1: DONE})
    assert (batches.get("acme", BATCH).done, batches.get("acme", BATCH).failed) == (2, 0)


def test_an_item_that_was_not_handed_out_cannot_be_settled(
    batches: BatchStore, create_batch: Callable[..., Batch]
) -> None:
    batch = create_batch([item(0)])
    batches.settle(batch, {0: DONE})
    assert batches.get("acme", BATCH).done == 0


def test_a_batch_is_not_finished_while_something_is_in_flight(
    batches: BatchStore, create_batch: Callable[..., Batch]
) -> None:
    batch = create_batch([item(n) for n in range(2)])
    batches.take(batch, 2)
    batches.settle(batch, {0: DONE})
    assert not batches.finish(batch)
    batches.settle(batch, {1: DONE})
    assert batches.finish(batch)
    assert not batches.finish(batch), "once"
    assert batches.get("acme", BATCH).status is BatchStatus.SUCCEEDED


def test_a_batch_whose_jobs_were_all_cancelled_one_by_one_is_cancelled(
    batches: BatchStore, create_batch: Callable[..., Batch]
) -> None:
    batch = create_batch([item(n) for n in range(2)])
    batches.take(batch, 2)
    batches.settle(batch, dict.fromkeys((0, 1), ItemOutcome(status=ItemStatus.CANCELLED, job="j")))
    assert batches.finish(batch)
    found = batches.get("acme", BATCH)
    assert (found.status, found.cancelled, found.failed) == (BatchStatus.CANCELLED, 2, 0)


def test_a_finished_batch_keeps_its_outcomes_in_the_object_store(
    batches: BatchStore, create_batch: Callable[..., Batch], redis: Redis, memory_store: MemoryStore
) -> None:
    batch = create_batch([item(n) for n in range(2)])
    batches.take(batch, 2)
    batches.settle(batch, {0: DONE, 1: ItemOutcome(status=ItemStatus.FAILED, error=CORRUPT)})
    batches.finish(batch)
    redis.delete(f"{PREFIX}batch-outcomes:{BATCH}")
    entries = dict(batches.entries(batches.get("acme", BATCH)))
    assert [entries[n][0].custom_id for n in (0, 1)] == ["p0", "p1"]
    assert entries[1][1].error == CORRUPT
    assert list(memory_store.keys(input_key("acme", BATCH, ""))) == []
    assert batches.unfinished() == []


def test_entries_can_be_read_from_any_number_on(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(n) for n in range(4)])
    batches.take(batch, 2)
    batches.settle(batch, {0: DONE})
    statuses = [outcome.status.value for _, (_, outcome) in batches.entries(batch)]
    assert statuses == ["succeeded", "running", "queued", "queued"]
    assert [number for number, _ in batches.entries(batch, start=3)] == [3]


# --- pause, resume, cancel ---


def test_a_paused_batch_hands_out_nothing_and_goes_on_when_resumed(
    batches: BatchStore, create_batch: Callable[..., Batch]
) -> None:
    batch = create_batch([item(n) for n in range(4)])
    batches.take(batch, 1)
    assert batches.pause("acme", BATCH).status is BatchStatus.PAUSED
    assert batches.pause("acme", BATCH).status is BatchStatus.PAUSED, "again is no error"
    assert batches.take(batch, 4) == 0
    batches.settle(batch, {0: DONE})
    assert batches.get("acme", BATCH).done == 1, "what was in flight is finished"
    assert batches.resume("acme", BATCH).status is BatchStatus.RUNNING
    assert batches.take(batch, 4) == 3


def test_a_finished_batch_cannot_be_turned(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(0)])
    batches.cancel("acme", BATCH)
    batches.finish(batch)
    for action in (batches.pause, batches.resume, batches.cancel):
        with pytest.raises(BatchFinished):
            action("acme", BATCH)


def test_one_feeder_at_a_time_has_a_batch(batches: BatchStore, create_batch: Callable[..., Batch]) -> None:
    batch = create_batch([item(0)])
    with batches.leased(batch) as first, batches.leased(batch) as second:
        assert (first, second) == (True, False)
    with batches.leased(batch) as later:
        assert later


# --- what was sent and is no item ---


def left_out(count: int) -> list[SkippedFile]:
    return [SkippedFile(name=f"ada/{number}.txt", reason="is no photo by its name") for number in range(count)]


def test_files_that_are_no_items_are_counted_and_the_first_are_listed(batches: BatchStore) -> None:
    batch = batches.create("acme", BATCH, [item(0)], left_out(250))
    assert (batch.skipped_count, batch.skipped) == (250, tuple(left_out(100)))
    assert batches.create("acme", "other", [item(0)]).skipped == ()


def test_erasures_at_the_same_time_each_take_their_names_out(batches: BatchStore) -> None:
    batch = batches.create("acme", BATCH, [item(0)], left_out(20))

    def erase(number: int) -> None:
        name = f"ada/{number}.txt"
        batches.change_skipped(
            batch, lambda file: file.model_copy(update={"name": "erased"}) if file.name == name else file
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(erase, range(20)))
    assert {file.name for file in batches.get("acme", BATCH).skipped} == {"erased"}


def test_names_of_a_batch_that_is_gone_are_changed_no_more(batches: BatchStore, redis: Redis) -> None:
    batch = batches.create("acme", BATCH, [item(0)], left_out(1))
    redis.delete(f"{PREFIX}batch:{BATCH}")
    batches.change_skipped(batch, lambda file: file.model_copy(update={"name": "erased"}))
    assert not redis.exists(f"{PREFIX}batch:{BATCH}")
