"""One enrolment of a person at a time, over all workers: each sees what the one before has stored.

A slot is kept for SLOT_S at most, since its holder may be gone. Whoever took longer has to look again at what is
there, and does (workers/enrolment.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import LockNotOwnedError, RedisError

from shared.errors import QueueUnavailable, WorkerBusy

SLOT_S = 15.0  # storing a face takes a tenth of a second
WAIT_S = 5.0
ASK_EVERY_S = 0.02


class EnrolmentSlots:
    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    @contextmanager
    def taken(self, tenant: str, gallery: str, person: str) -> Iterator[None]:
        """Raises WorkerBusy while another enrolment of the person goes on, QueueUnavailable."""
        name = f"{self._prefix}enrolling:{tenant}:{gallery}:{person}"
        slot = self._redis.lock(name, timeout=SLOT_S, sleep=ASK_EVERY_S, blocking_timeout=WAIT_S, thread_local=False)
        try:
            if not slot.acquire():
                raise WorkerBusy("Another enrolment of the person is under way; this one waits.")
        except RedisError as error:
            raise QueueUnavailable(f"The enrolment cannot begin ({type(error).__name__}).") from error
        try:
            yield
        finally:
            with suppress(LockNotOwnedError, RedisError):  # it ends by itself
                slot.release()
