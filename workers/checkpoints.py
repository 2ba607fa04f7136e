"""Checkpoints of one job in the object store: another worker goes on from the last one when this one is lost."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import structlog

from shared.errors import ObjectNotFound, Unavailable
from shared.schemas import Job
from shared.storage.store import ObjectStore, upload_folder

log = structlog.get_logger("worker")


class Checkpoints:
    """Kept among the job's uploads, which go when it ends; written by a thread of its own, so that no step waits.

    Args:
        store: where they lie.
        job: whose they are.
        every: seconds between two of them; the first one is due after as many.
    """

    def __init__(self, store: ObjectStore, job: Job, *, every: float) -> None:
        self._store = store
        self._job = job
        self._key = f"{upload_folder(job.tenant, job.id)}checkpoint"
        self._every = every
        self._next = time.monotonic() + every
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Wait for the one being written: what came after the job's end would stay behind."""
        self._executor.shutdown(wait=True)

    def last(self) -> bytes | None:
        """The state that an earlier attempt left; None on the first attempt, or when it left none."""
        if self._job.attempts <= 1:
            return None
        try:
            return self._store.get(self._key)
        except ObjectNotFound:
            return None

    def is_due(self) -> bool:
        """Whether it is time for the next one; not before the last one is written."""
        return time.monotonic() >= self._next and (self._writing is None or self._writing.done())

    def save(self, state: bytes) -> None:
        """Write the state in the background."""
        self._next = time.monotonic() + self._every
        self._writing = self._executor.submit(self._write, state)

    def _write(self, state: bytes) -> None:
        started = time.monotonic()
        try:
            self._store.put(self._key, state)
        except Unavailable as error:
            log.warning("checkpoint not written", job=self._job.id, problem=str(error))  # the next one may be
            return
        log.info("checkpoint", job=self._job.id, bytes=len(state), ms=round((time.monotonic() - started) * 1000))
