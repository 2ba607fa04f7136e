"""Long jobs, one at a time in a worker: they take every core, and whoever stands at a door needs a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import WorkerBusy


class Turns:
    """What evaluations, calibrations and trainings of one worker share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Raises WorkerBusy while another has it: the job goes back to the queue, and its thread to other work."""
        if not self._lock.acquire(blocking=False):
            raise WorkerBusy("The worker is busy with another long job; this one waits.")
        try:
            yield
        finally:
            self._lock.release()
