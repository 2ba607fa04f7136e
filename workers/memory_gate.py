"""Stylisations in flight share the memory of their worker: one that would not fit beside the others waits."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY_S = 0.5
# Above the budget of the largest stylisation: what a small one needs gets in beside it at once.
HEADROOM_BYTES = 512 * 2**20


class MemoryGate:
    """Lets work in as long as all of it together needs no more than `budget` bytes and the headroom.

    What is alone gets in whatever it needs: it was admitted.
    """

    def __init__(self, budget: int) -> None:
        self._capacity = budget + HEADROOM_BYTES
        self._used = 0
        self._changed = threading.Condition()

    @contextmanager
    def inside(self, needed: int, *, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold `needed` bytes; `waiting` is called now and then before, and what it raises ends the waiting."""
        while not self._enter(needed):
            waiting()
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
            return fits

    def _fits(self, needed: int) -> bool:
        return self._used == 0 or self._used + needed <= self._capacity
