"""What is stored of a batch before it is one: deleted when it does not become one, whoever died."""

import time

import pytest
from redis import Redis

from shared.batches.intakes import ABANDONED_S
from shared.batches.records import BatchStore, input_key
from shared.errors import QueueUnavailable
from shared.storage.store import BATCHES, MemoryStore
from tests.integration.batch_work import BATCH, PREFIX, item
from workers.feeding import Feeder


def begun_before(redis: Redis, seconds: float, batch_id: str = BATCH) -> None:
    """As a gateway leaves it that died in the middle."""
    redis.zadd(f"{PREFIX}batch-intakes", {f"acme/{batch_id}": time.time() - seconds})


def test_what_failed_leaves_nothing(batches: BatchStore, memory_store: MemoryStore, redis: Redis) -> None:
    def fail() -> None:
        memory_store.put(input_key("acme", BATCH, "0"), b"photo")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), batches.intakes.under_way("acme", BATCH):
        fail()
    assert list(memory_store.keys(BATCHES)) == []
    assert redis.zcard(f"{PREFIX}batch-intakes") == 0


def test_what_became_a_batch_stays(batches: BatchStore, memory_store: MemoryStore, redis: Redis) -> None:
    with batches.intakes.under_way("acme", BATCH):
        memory_store.put(input_key("acme", BATCH, "0"), b"photo")
        batches.create("acme", BATCH, [item(0)])
    assert redis.zcard(f"{PREFIX}batch-intakes") == 0
    begun_before(redis, ABANDONED_S + 1)  # its gateway died before it could say so
    assert batches.intakes.sweep() == 0
    assert memory_store.get(input_key("acme", BATCH, "0")) == b"photo"
    assert redis.zcard(f"{PREFIX}batch-intakes") == 0


def test_what_became_a_batch_stays_though_the_answer_was_lost(batches: BatchStore, memory_store: MemoryStore) -> None:
    def create() -> None:
        memory_store.put(input_key("acme", BATCH, "0"), b"photo")
        batches.create("acme", BATCH, [item(0)])
        raise QueueUnavailable("The answer was lost.")

    with pytest.raises(QueueUnavailable), batches.intakes.under_way("acme", BATCH):
        create()
    assert memory_store.get(input_key("acme", BATCH, "0")) == b"photo"
    assert len(list(batches.entries(batches.get("acme", BATCH)))) == 1


def test_housekeeping_deletes_what_a_gateway_left_that_died(
    batches: BatchStore, memory_store: MemoryStore, redis: Redis, feeder: Feeder
) -> None:
    for batch_id, age in (("old", ABANDONED_S + 1), ("new", ABANDONED_S - 60)):
        memory_store.put(input_key("acme", batch_id, "0"), b"photo")
        begun_before(redis, age, batch_id)
    feeder.feed()
    assert list(memory_store.keys(BATCHES)) == [input_key("acme", "new", "0")]
    assert batches.intakes.sweep() == 0
