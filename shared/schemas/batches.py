"""A batch: many stylisations that were asked for at once, one job each."""

from enum import StrEnum

from shared.schemas.base import Id, Message
from shared.schemas.jobs import JobError
from shared.schemas.payloads import StylizationPayload
from shared.schemas.results import StylizedImage


class BatchStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"  # at least one picture was made; the counts tell of the others
    FAILED = "failed"  # none was
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self in {BatchStatus.SUCCEEDED, BatchStatus.FAILED, BatchStatus.CANCELLED}


class ItemStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"  # handed to the workers
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class BatchItem(Message):
    """One picture to paint: what its job is to do, or why it cannot be done."""

    custom_id: Id
    name: str | None = None  # the file's own
    payload: StylizationPayload | None = None
    owns_input: bool = False  # no other item uses its picture: it is deleted when this one is done
    error: JobError | None = None


class ItemOutcome(Message):
    """What became of an item."""

    status: ItemStatus
    job: str | None = None
    image: StylizedImage | None = None
    error: JobError | None = None


class Batch(Message):
    """A batch's record as Redis keeps it; times are UTC seconds since 1970."""

    id: str
    tenant: str
    status: BatchStatus
    total: int
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    pace: float | None = None  # seconds from one item's end to the next one's, lately

    @property
    def queued(self) -> int:
        return self.total - self.running - self.done - self.failed - self.cancelled

    @property
    def eta_seconds(self) -> float | None:
        """Estimated time to the end; None when nothing is known, or nothing moves."""
        if self.pace is None or self.status is not BatchStatus.RUNNING:
            return None
        return round((self.queued + self.running) * self.pace, 1)
