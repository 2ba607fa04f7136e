"""Checkpoints: when one is due, that writing waits for nobody, and whose attempt reads it."""

import threading
import time

from shared.schemas import Job, JobStatus, JobType
from shared.storage.store import MemoryStore
from workers.checkpoints import Checkpoints


class SlowStore(MemoryStore):
    """Writes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        assert self.go.wait(10)
        super().put(key, data, content_type)


def job(attempts: int = 1) -> Job:
    return Job(
        id="j1",
        tenant="acme",
        type=JobType.STYLIZATION,
        status=JobStatus.RUNNING,
        queue="style.interactive",
        created_at=0,
        deadline=1,
        payload={},
        attempts=attempts,
    )


def test_the_first_is_due_after_its_time() -> None:
    with Checkpoints(MemoryStore(), job(), every=0.05) as checkpoints:
        assert not checkpoints.is_due()
        time.sleep(0.06)
        assert checkpoints.is_due()


def test_after_one_the_next_is_due_after_as_long_again() -> None:
    with Checkpoints(MemoryStore(), job(), every=60) as checkpoints:
        checkpoints.save(b"state")
        assert not checkpoints.is_due()


def test_saving_waits_for_nobody_and_the_next_waits_for_it() -> None:
    store = SlowStore()
    with Checkpoints(store, job(), every=1e-9) as checkpoints:
        checkpoints.save(b"state")
        assert not checkpoints.is_due(), "the last one is not written yet"
        assert list(store.keys("")) == []
        store.go.set()
    assert store.get("uploads/acme/j1/checkpoint") == b"state", "leaving waits until it is written"


def test_a_later_attempt_finds_what_an_earlier_one_left() -> None:
    store = MemoryStore()
    with Checkpoints(store, job(), every=60) as first:
        assert first.last() is None
        first.save(b"state")
    with Checkpoints(store, job(attempts=2), every=60) as second:
        assert second.last() == b"state"


def test_a_later_attempt_may_find_nothing() -> None:
    with Checkpoints(MemoryStore(), job(attempts=2), every=60) as checkpoints:
        assert checkpoints.last() is None
