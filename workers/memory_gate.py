"""Stylisations in flight share the memory of their worker: one that does not fit beside the others comes back later."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.errors import WorkerBusy

LOOK_EVERY_S = 0.5
# Who waits holds one of the worker's few threads, which a smaller job could use: the queue is the place for longer.
PATIENCE_S = 2.0
# How long room is kept for one that was sent back: longer than the queue's longest delay (shared.jobs.LONGEST_RETRY_S).
OWED_S = 45.0
# Above the budget of the largest stylisation: what a small one needs gets in beside it at once.
HEADROOM_BYTES = 512 * 2**20


class MemoryGate:
    """Lets work in as long as all of it together needs no more than `budget` bytes and the headroom.

    What is alone gets in whatever it needs: it was admitted. That a large one is not overtaken for ever by small
    ones that follow each other closely: for a while after it was sent back, only what fits beside it gets in.
    """

    def __init__(self, budget: int) -> None:
        self._capacity = budget + HEADROOM_BYTES
        self._used = 0
        self._owed = 0  # the largest need that was sent back
        self._owed_until = 0.0
        self._changed = threading.Condition()

    @contextmanager
    def inside(self, needed: int, *, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold `needed` bytes; `waiting` is called now and then before, and what it raises ends the waiting.

        Raises:
            WorkerBusy: there is no room within PATIENCE_S. The job goes back to the queue, its thread to other work.
        """
        patient_until = time.monotonic() + PATIENCE_S
        while not self._enter(needed):
            waiting()
            if time.monotonic() >= patient_until:
                self._owe(needed)
                raise WorkerBusy("The worker's memory is taken by other stylisations; this one waits.")
        try:
            yield
        finally:
            with self._changed:
                self._used -= needed
                self._changed.notify_all()

    def _enter(self, needed: int) -> bool:
        with self._changed:
            fits = self._changed.wait_for(lambda: self._fits(needed), LOOK_EVERY_S)
            if fits:
                self._used += needed
                if needed >= self._owed:
                    self._owed = 0
            return fits

    def _fits(self, needed: int) -> bool:
        owed = self._owed if time.monotonic() < self._owed_until else 0
        if needed < owed and needed + owed > self._capacity:
            return False
        return self._used == 0 or self._used + needed <= self._capacity

    def _owe(self, needed: int) -> None:
        with self._changed:
            if needed >= self._owed or time.monotonic() >= self._owed_until:
                self._owed, self._owed_until = needed, time.monotonic() + OWED_S
