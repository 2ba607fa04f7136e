"""The micro-batcher: one result each, batches under load, failures that stay with their item."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.batching import MicroBatcher


class Doubler:
    """Doubles numbers and remembers its batches; fails on negative items and on more than `most` of them."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.most = 1000
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.gate.wait()
        self.batches.append(list(items))
        if len(items) > self.most:
            raise MemoryError
        if any(item < 0 for item in items):
            raise ValueError("negative")
        return [2 * item for item in items]


@pytest.fixture
def doubler() -> Doubler:
    return Doubler()


@pytest.fixture
def batcher(doubler: Doubler) -> Iterator[MicroBatcher[int, int]]:
    made = MicroBatcher(doubler, max_size=8, max_wait=0.02)
    yield made
    made.close()


def test_each_caller_gets_the_result_of_its_own_item(batcher: MicroBatcher[int, int]) -> None:
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(lambda item: batcher.submit(item).result(5), range(200)))
    assert results == [2 * item for item in range(200)]


def test_waiting_items_are_computed_together_up_to_the_limit(batcher: MicroBatcher[int, int], doubler: Doubler) -> None:
    doubler.gate.clear()
    futures = [batcher.submit(item) for item in range(20)]
    doubler.gate.set()
    assert [future.result(5) for future in futures] == [2 * item for item in range(20)]
    assert max(len(batch) for batch in doubler.batches) == 8


def test_a_lone_item_does_not_wait_for_company_for_long(batcher: MicroBatcher[int, int]) -> None:
    assert batcher.submit(4).result(1) == 8


def test_a_bad_item_fails_alone(batcher: MicroBatcher[int, int], doubler: Doubler) -> None:
    doubler.gate.clear()
    futures = [batcher.submit(item) for item in (1, 2, -3, 4, 5)]
    doubler.gate.set()
    with pytest.raises(ValueError, match="negative"):
        futures[2].result(5)
    assert [futures[index].result(5) for index in (0, 1, 3, 4)] == [2, 4, 8, 10]


def test_a_batch_too_large_for_memory_is_split(batcher: MicroBatcher[int, int], doubler: Doubler) -> None:
    doubler.most = 2
    doubler.gate.clear()
    futures = [batcher.submit(item) for item in range(8)]
    doubler.gate.set()
    assert [future.result(5) for future in futures] == [2 * item for item in range(8)]


def test_closing_finishes_what_waits(doubler: Doubler) -> None:
    batcher = MicroBatcher(doubler, max_size=2, max_wait=0.01)
    futures = [batcher.submit(item) for item in range(7)]
    batcher.close()
    assert [future.result(0) for future in futures] == [2 * item for item in range(7)]
