"""Feeding batches: finished jobs are collected, further items go into the queue, a few at a time.

A client may ask for thousands of pictures at once. Queued all at once, they would run into their deadlines, keep
other batches waiting and could not be paused, so a batch has in the queue what the workers do in a minute. Each
batch is fed in turn; which worker, gateway or housekeeping dies in between makes no difference.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping

import structlog

from shared.batches.records import BatchStore, job_id
from shared.errors import JobFinished, JobNotFound, ObjectNotFound, QueueFull, Unavailable
from shared.jobs import JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.schemas import (
    Batch,
    BatchItem,
    BatchKind,
    BatchStatus,
    EnrolmentPayload,
    EnrolmentResult,
    ItemEnrolment,
    ItemOutcome,
    ItemStatus,
    Job,
    JobError,
    JobStatus,
    JobType,
    Priority,
    StylizationResult,
)
from shared.storage.store import ObjectStore

log = structlog.get_logger("housekeeping")

FEED_EVERY_S = 0.5
QUEUED_S = 60.0  # of work that waits in the queue: what is added later by others waits no longer for it
LEAST_QUEUED = 4
EVENTS_S = 600  # the events of an item's job are kept after its end: nobody follows thousands of them
JOB_TYPES = {BatchKind.STYLIZATION: JobType.STYLIZATION, BatchKind.ENROLMENT: JobType.ENROLMENT}
MOST_CACHED = 8  # batches whose items are kept in memory, at most some MB each


class Feeder:
    """`window` is the most items of one batch that wait in the queue."""

    def __init__(self, batches: BatchStore, jobs: JobStore, store: ObjectStore, *, window: int) -> None:
        self._batches = batches
        self._jobs = jobs
        self._store = store
        self._window = window
        self._lines: OrderedDict[str, tuple[int, list[bytes]]] = OrderedDict()  # with how often they were revised
        self._turn = threading.Lock()

    def feed(self) -> None:
        """One round over all batches; a round that is still under way elsewhere in this process is not disturbed."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            if abandoned := self._batches.intakes.sweep():
                log.warning("batches were never accepted", count=abandoned)
            for batch in self._batches.unfinished():
                try:
                    self._feed_one(batch)
                except ObjectNotFound:  # its items are gone, with the bucket or after a month: no other suffers
                    self._batches.drop(batch)
                    log.error("batch lost", batch=batch.id, tenant=batch.tenant, items=batch.total)
                except Unavailable:
                    raise
                except Exception:  # what was written of it cannot be read; it waits until that was mended
                    log.exception("feed", batch=batch.id, tenant=batch.tenant)
        except Unavailable as error:
            log.warning("feed", problem=str(error))  # the next round is half a second away
        finally:
            self._turn.release()

    def _feed_one(self, batch: Batch) -> None:
        with self._batches.leased(batch) as mine:
            if not mine:
                return
            running = self._collect(batch)
            self._batches.take(batch, running + self._allowance(batch))
            self._submit(batch)
            if self._batches.finish(batch):
                self._lines.pop(batch.id, None)
                log.info("batch finished", batch=batch.id, tenant=batch.tenant, items=batch.total)

    def _allowance(self, batch: Batch) -> int:
        """How many items may wait in the queue."""
        if batch.pace is None:
            return min(LEAST_QUEUED, self._window)
        return max(min(LEAST_QUEUED, self._window), min(self._window, int(QUEUED_S / max(batch.pace, 1e-3))))

    def _collect(self, batch: Batch) -> int:
        """Record what became of the items in flight; how many a worker has in hand."""
        outcomes, running = {}, 0
        for number, attempt, job in self._flight(batch):
            if job is not None and not job.status.finished:
                running += job.status is JobStatus.RUNNING
                if batch.status is BatchStatus.CANCELLING:
                    self._cancel(job)
            elif job is not None and job.status is JobStatus.EXPIRED and job.attempts == 0:
                self._batches.again(batch, number, attempt)  # no worker was there in time: no fault of the item
            elif job is not None:
                outcomes[number] = outcome_of(job)
            elif batch.status is BatchStatus.CANCELLING:
                outcomes[number] = ItemOutcome(status=ItemStatus.CANCELLED)
        self._settle(batch, outcomes)
        return running

    def _submit(self, batch: Batch) -> None:
        """Make the jobs that should exist; the items that are wrong need none.

        The photos of one person are enrolled one after the other, as they stand in the batch: when they are not of
        the same person the first is who is meant, and not the one whose worker happened to be quicker.
        """
        wrong, people = {}, set[str]()
        for number, attempt, job in self._flight(batch):
            item = self._item(batch, number)
            if item.payload is None:
                wrong[number] = ItemOutcome(status=ItemStatus.FAILED, error=item.error)
                continue
            if isinstance(item.payload, EnrolmentPayload):
                if item.payload.person in people:
                    continue
                people.add(item.payload.person)
            if job is None:
                new = NewJob(
                    batch.tenant,
                    JOB_TYPES[batch.kind],
                    item.payload,
                    Priority.BULK,
                    trace=batch.id,
                    actor=batch.actor,
                    batch=batch.id,
                    id=job_id(batch.id, number, attempt),
                )
                try:
                    self._jobs.submit(new)
                except QueueFull:
                    break  # a later round finds it without its job
        self._settle(batch, wrong)

    def _flight(self, batch: Batch) -> Iterator[tuple[int, int, Job | None]]:
        flight = self._batches.in_flight(batch)
        ids = {number: job_id(batch.id, number, attempt) for number, attempt in flight.items()}
        jobs = self._jobs.find_all(list(ids.values()))
        for number, attempt in flight.items():
            yield number, attempt, jobs.get(ids[number])

    def _settle(self, batch: Batch, outcomes: Mapping[int, ItemOutcome]) -> None:
        self._batches.settle(batch, outcomes)
        self._jobs.shorten_events([outcome.job for outcome in outcomes.values() if outcome.job], EVENTS_S)
        for number in outcomes:
            item = self._item(batch, number)
            if item.owns_input and item.input_key is not None:
                self._store.delete(item.input_key)

    def _cancel(self, job: Job) -> None:
        try:
            self._jobs.cancel(job.tenant, job.id)
        except (JobFinished, JobNotFound):
            return  # the next round collects it

    def _item(self, batch: Batch, number: int) -> BatchItem:
        if batch.id not in self._lines or self._lines[batch.id][0] != batch.revised:
            self._lines[batch.id] = batch.revised, self._batches.lines(batch)
            if len(self._lines) > MOST_CACHED:
                self._lines.popitem(last=False)
        self._lines.move_to_end(batch.id)
        return BatchItem.model_validate_json(self._lines[batch.id][1][number])


def outcome_of(job: Job) -> ItemOutcome:
    """What a finished job means for its item."""
    match job.status:
        case JobStatus.SUCCEEDED if job.type is JobType.ENROLMENT:
            return _enrolment_of(job)
        case JobStatus.SUCCEEDED:
            image = StylizationResult.model_validate(job.result, extra="ignore").image
            return ItemOutcome(status=ItemStatus.SUCCEEDED, job=job.id, image=image)
        case JobStatus.CANCELLED:
            return ItemOutcome(status=ItemStatus.CANCELLED, job=job.id)
        case JobStatus.EXPIRED:
            error = JobError(code="expired", detail="It was not done by its deadline.")
            return ItemOutcome(status=ItemStatus.FAILED, job=job.id, error=error)
        case _:
            return ItemOutcome(status=ItemStatus.FAILED, job=job.id, error=job.error)


def _enrolment_of(job: Job) -> ItemOutcome:
    """A photo of which nothing was stored is not done; its verdict says why."""
    found = EnrolmentResult.model_validate(job.result, extra="ignore")
    told = ItemEnrolment(
        verdict=found.verdict,
        reason=found.reason,
        face=found.face,
        warnings=tuple(warning.model_copy(update={"score": None}) for warning in found.warnings),
    )
    if found.verdict in {Verdict.ENROLLED, Verdict.ALREADY_ENROLLED}:
        return ItemOutcome(status=ItemStatus.SUCCEEDED, job=job.id, enrolment=told)
    error = JobError(code=found.verdict.value, detail=found.reason or "Nothing was stored.")
    return ItemOutcome(status=ItemStatus.FAILED, job=job.id, enrolment=told, error=error)
