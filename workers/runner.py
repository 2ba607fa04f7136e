"""One job from its message to its outcome: claim, work under a renewed lease, commit, clean up."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog

from shared.errors import (
    Conflict,
    InvalidInput,
    JobCancelled,
    LikenessError,
    NotFound,
    NumericalError,
    ObjectNotFound,
    Unavailable,
    WorkerBusy,
)
from shared.jobs import Beat, JobStore
from shared.schemas import Job, JobError, JobStatus, Message, Model, Progress
from shared.storage.store import ObjectStore, upload_folder

log = structlog.get_logger("worker")

PROGRESS_INTERVAL_S = 0.25  # a client cannot see more, and each event is kept for a day
PROGRESS_SLOWDOWN = 400  # an event's interval grows with the job's age: an hour's still fit into its stream of 2,000
OUTAGE_PAUSE_S = 1.0  # steps do not wait for a Redis that just failed to answer
# Another attempt would end the same way; everything else is a fault and gets one.
FINAL_ERRORS = (InvalidInput, NotFound, Conflict, NumericalError)

P = TypeVar("P", bound=Message)


class LeaseLost(LikenessError):
    """Another worker has this job now, or it has ended: stop, and commit nothing."""

    code = "lease_lost"


class Held:
    """A job this worker holds. Long work calls `report` between its steps."""

    def __init__(self, jobs: JobStore, job: Job) -> None:
        self.job = job
        self._jobs = jobs
        self._began = time.monotonic()
        self._next_event = 0.0
        self._next_beat = 0.0
        self._beat = Beat.OK

    def renew(self) -> None:
        """Renew the lease. An unreachable Redis is no reason to stop: the commit will tell."""
        try:
            self._beat = self._jobs.beat(self.job)
        except Unavailable:
            return

    def report(self, progress: Progress) -> None:
        """Tell how far the work is and learn whether to go on; a round trip to Redis, cheap enough for every step.

        Events are limited: the last one and those with a preview are sent in any case.

        Raises:
            JobCancelled: somebody asked for that.
            LeaseLost: the job is no longer this worker's, or its deadline has passed.
        """
        now = time.monotonic()
        if now < self._next_beat:
            return
        told = progress.done == progress.total or progress.preview is not None or now >= self._next_event
        try:
            self._beat = self._jobs.beat(self.job, progress if told else None)
        except Unavailable:
            self._next_beat = time.monotonic() + OUTAGE_PAUSE_S
            return
        if told:
            self._next_event = now + event_interval(now - self._began)
        match self._beat:
            case Beat.OK:
                return
            case Beat.CANCEL:
                raise JobCancelled("The job was cancelled.")
            case Beat.EXPIRED | Beat.LOST:
                raise LeaseLost(f"The job is not to be continued: {self._beat.value}.")

    def progress(self, stage: str) -> Callable[[int, int], None]:
        """`report` for what counts (done, total) of one stage."""
        return lambda done, total: self.report(Progress(done=done, total=total, stage=stage))


def event_interval(age: float) -> float:
    """Seconds from one progress event to the next of a job that has been in work for `age` seconds."""
    return max(PROGRESS_INTERVAL_S, age / PROGRESS_SLOWDOWN)


Work = Callable[[P, Held], tuple[Message, Model]]


class JobRunner:
    """`withdraw` takes back what a job has stored though it ended without success; harmless for any other."""

    def __init__(
        self,
        jobs: JobStore,
        store: ObjectStore,
        lease_seconds: float,
        *,
        withdraw: Callable[[Job], None] = lambda _: None,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._withdraw = withdraw
        self._renew_every = lease_seconds / 3
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._renew_leases, name="leases", daemon=True).start()

    def run(self, job_id: str, payload_type: type[P], work: Work[P]) -> None:
        """Do the job this message names, unless it is taken, over or gone already."""
        job = self._jobs.claim(job_id)
        if job is None:
            self.tidy(self._jobs.find(job_id))
            return
        started = time.monotonic()
        with self._holding(job) as held:
            outcome = self._attempt(held, payload_type, work)
        log.info(
            "job", job=job.id, type=job.type.value, outcome=outcome, attempt=job.attempts, trace=job.trace,
            waited_ms=round(((job.started_at or 0) - job.created_at) * 1000),
            ms=round((time.monotonic() - started) * 1000),
        )  # fmt: skip
        self.tidy(self._jobs.find(job_id))

    def _attempt(self, held: Held, payload_type: type[P], work: Work[P]) -> str:
        job = held.job
        try:
            result, model = work(payload_type.model_validate(job.payload), held)
        except JobCancelled:
            self._jobs.end(job, JobStatus.CANCELLED)
            return "cancelled"
        except LeaseLost:
            self._jobs.end(job, JobStatus.EXPIRED)  # commits nothing unless the job is still ours
            return "lost"
        except (ObjectNotFound, WorkerBusy) as error:
            # An input that should be there (the store may be catching up, or it is gone for good), or a turn to
            # wait for, which is nobody's failure.
            waits = isinstance(error, WorkerBusy)
            detail = str(error) if waits else "A file that the job needs is not there."  # keys are not for clients
            return self._jobs.release(job, JobError(code=error.code, detail=detail), outage=waits)
        except FINAL_ERRORS as error:
            self._jobs.fail(job, JobError(code=error.code, detail=str(error)))
            return f"failed: {error.code}"
        except Exception as error:
            code = error.code if isinstance(error, LikenessError) else "internal_error"
            detail = str(error) if isinstance(error, LikenessError) else "An unexpected fault of the worker."
            log.warning("attempt failed", job=job.id, attempt=job.attempts, error=repr(error), exc_info=True)
            outage = isinstance(error, Unavailable)
            return self._jobs.release(job, JobError(code=code, detail=detail), outage=outage)
        return "succeeded" if self._jobs.succeed(job, result, model) else "stale"

    def tidy(self, job: Job | None) -> None:
        """Delete a finished job's uploads: photos are kept no longer than the work needs them.

        A job may have ended before its work did, at its deadline: then nothing of the work stays either.
        """
        if job is not None and job.status.finished:
            self._store.delete_prefix(upload_folder(job.tenant, job.id))
            self._withdraw(job)

    @contextmanager
    def _holding(self, job: Job) -> Iterator[Held]:
        held = Held(self._jobs, job)
        with self._lock:
            self._held[job.id] = held
        try:
            yield held
        finally:
            with self._lock:
                del self._held[job.id]

    def _renew_leases(self) -> None:
        while True:
            time.sleep(self._renew_every)
            with self._lock:
                held = list(self._held.values())
            for job in held:
                job.renew()
