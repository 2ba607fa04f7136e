"""A batch: many stylisations or enrolments that were asked for at once, one job each."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from shared.ml.face.verification import Verdict
from shared.schemas.base import Id, Message
from shared.schemas.jobs import JobError
from shared.schemas.payloads import EnrolmentPayload, StylizationPayload
from shared.schemas.results import FaceWarning, StylizedImage


class BatchKind(StrEnum):
    """What its items are."""

    STYLIZATION = "stylization"
    ENROLMENT = "enrolment"


class BatchStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"  # at least one item was done; the counts tell of the others
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
    """One picture to paint, or one photo to enrol: what its job is to do, or why it cannot be done."""

    custom_id: Id
    name: str | None = None  # the file's own
    output: str | None = None  # its picture's path among the results, without a suffix; None: its id is
    person: str | None = None  # who is to be enrolled, as the batch said it
    payload: StylizationPayload | EnrolmentPayload | None = None
    owns_input: bool = False  # no other item uses its picture: it is deleted when this one is done
    error: JobError | None = None

    @property
    def input_key(self) -> str | None:
        """Where its picture lies; None for an item that has no job to do."""
        match self.payload:
            case StylizationPayload(content_key=key) | EnrolmentPayload(image_key=key):
                return key
            case None:
                return None


class SkippedFile(Message):
    """A file that was sent with a batch and is no item of it."""

    name: str
    reason: str = Field(description="why, in words that follow the name")


class ItemEnrolment(Message):
    """What came of a photo that a worker looked at; without scores."""

    verdict: Verdict = Field(
        description="enrolled, already_enrolled, no_face, multiple_faces, low_quality, lookalike or identity_conflict"
    )
    reason: str | None = Field(None, description="why nothing was stored")
    face: str | None = Field(
        None, description="id of the stored face, of the one that was there already where the photo is the same"
    )
    warnings: tuple[FaceWarning, ...] = ()


class ItemOutcome(Message):
    """What became of an item."""

    status: ItemStatus
    job: str | None = None
    image: StylizedImage | None = None
    enrolment: ItemEnrolment | None = None
    error: JobError | None = None

    @property
    def warned(self) -> bool:
        return self.enrolment is not None and bool(self.enrolment.warnings)


class BatchEvent(Message):
    """One entry of a batch's event stream; its data are the counts at that time."""

    id: str
    event: Literal["queued", "running", "paused", "cancelling", "progress", "succeeded", "failed", "cancelled"]
    data: dict[str, Any]

    @property
    def final(self) -> bool:
        return self.event in {"succeeded", "failed", "cancelled"}


class Batch(Message):
    """A batch's record as Redis keeps it; times are UTC seconds since 1970."""

    id: str
    tenant: str
    kind: BatchKind = BatchKind.STYLIZATION
    gallery: str | None = None  # of enrolments
    actor: str = ""  # id of the API key that asked
    status: BatchStatus
    total: int
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    warned: int = 0  # items with warnings
    skipped_count: int = 0  # files that were sent and are no items
    skipped: tuple[SkippedFile, ...] = ()  # the first of them
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    pace: float | None = None  # seconds from one item's end to the next one's, lately
    revised: int = 0  # how often its items were written anew

    @property
    def queued(self) -> int:
        return self.total - self.running - self.done - self.failed - self.cancelled

    @property
    def eta_seconds(self) -> float | None:
        """Estimated time to the end; None when nothing is known, or nothing moves."""
        if self.pace is None or self.status is not BatchStatus.RUNNING:
            return None
        return round((self.queued + self.running) * self.pace, 1)
