"""Signs of life of a worker process: presence while its models are warm, and an end when it is stuck."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from shared.errors import Unavailable
from shared.presence import BEAT_S, Capability, Presence
from shared.queue import Queue

log = structlog.get_logger("worker")

STALLED = 75  # EX_TEMPFAIL of sysexits.h: a supervisor may start it again


class Signs:
    """Says every few seconds that the worker is warm; the queues' readiness rests on it."""

    def __init__(
        self,
        presence: Presence,
        *,
        worker: str,
        queues: Sequence[Queue],
        ready_file: Path | None,
        lacks: Sequence[Capability] = (),
    ) -> None:
        self._presence = presence
        self._worker = worker
        self._queues = queues
        self._lacks = lacks
        self._ready_file = ready_file
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._ready_file:
            self._ready_file.unlink(missing_ok=True)
        self._presence.leave(self._worker, self._queues)

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._ready_file:
                self._ready_file.touch()
            try:
                self._presence.beat(self._worker, self._queues, self._lacks)
            except Unavailable:
                log.warning("presence", problem="Redis cannot be reached; trying again")
            self._stopped.wait(BEAT_S)


class Activity:
    """When a task was last begun or ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last = time.monotonic()

    def last(self) -> float:
        """On the clock of time.monotonic; now while one is under way."""
        return time.monotonic() if self._running else self._last

    def of(self, handler: Callable[[str], None]) -> Callable[[str], None]:
        """The same handler, noticed."""

        def noticed(argument: str) -> None:
            with self._lock:
                self._running += 1
            try:
                handler(argument)
            finally:
                with self._lock:
                    self._running -= 1
                    self._last = time.monotonic()

        return noticed


def watch_for_stall(
    *,
    waiting: Callable[[], int],
    last_activity: Callable[[], float],
    stall_seconds: float,
    end: Callable[[int], None] = os._exit,
    interval: float = 5.0,
) -> None:
    """End the process when work waits, Redis answers, and nothing was started for `stall_seconds`.

    A consumer can lose its connection and stay alive without consuming (celery #8030, #10205); the supervisor
    starts a fresh one. `waiting` counts what is in the worker's queues, `last_activity` is on the clock
    of time.monotonic and is now while work is under way.
    """

    def run() -> None:
        idle_since = time.monotonic()
        while True:
            time.sleep(interval)
            try:
                jobs = waiting()
            except Unavailable:
                idle_since = time.monotonic()  # an outage is not a stall
                continue
            idle_since = max(idle_since, last_activity()) if jobs else time.monotonic()
            if time.monotonic() - idle_since > stall_seconds:
                log.error("stalled", waiting=jobs, idle_seconds=round(time.monotonic() - idle_since))
                end(STALLED)
                return

    threading.Thread(target=run, name="watchdog", daemon=True).start()
