"""Micro-batching: many threads ask for one item each, the device computes them together."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Queue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class MicroBatcher(Generic[T, R]):
    """Collects items for a short while and hands them to `forward` as one batch, in a thread of its own.

    Args:
        forward: computes one result per item, in order.
        max_size: most items in a batch.
        max_wait: longest time in seconds that the first item of a batch waits for others.
        capacity: most items waiting; `submit` blocks beyond it, so memory is bounded.

    When a batch fails its halves are tried, so that one bad item fails alone and a batch that was too large
    for the device's memory still gets through.
    """

    def __init__(
        self,
        forward: Callable[[Sequence[T]], Sequence[R]],
        *,
        max_size: int,
        max_wait: float,
        capacity: int = 256,
    ) -> None:
        self._forward = forward
        self._max_size = max_size
        self._max_wait = max_wait
        self._queue: Queue[tuple[T, Future[R]] | None] = Queue(capacity)
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, item: T) -> Future[R]:
        future: Future[R] = Future()
        self._queue.put((item, future))
        return future

    def close(self) -> None:
        """Finish what waits, then end the thread. Nothing may be submitted afterwards."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._collect()
            if batch:
                self._compute(batch)

    def _collect(self) -> tuple[list[tuple[T, Future[R]]], bool]:
        """The next batch, and whether it is the last."""
        first = self._queue.get()
        if first is None:
            return [], True
        batch = [first]
        until = time.monotonic() + self._max_wait
        while len(batch) < self._max_size:
            try:
                entry = self._queue.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            if entry is None:
                return batch, True
            batch.append(entry)
        return batch, False

    def _compute(self, batch: list[tuple[T, Future[R]]]) -> None:
        try:
            results = self._forward([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever it was, it belongs to whoever waits for the item
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            middle = len(batch) // 2
            self._compute(batch[:middle])
            self._compute(batch[middle:])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
