"""The job itself."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from shared.schemas.base import Message, Model


class JobType(StrEnum):
    ENROLMENT = "enrolment"
    VERIFICATION = "verification"
    COMPARISON = "comparison"
    RECOGNITION = "recognition"
    DETECTION = "detection"
    REEMBEDDING = "reembedding"
    EVALUATION = "evaluation"
    CALIBRATION = "calibration"
    REGISTRATION = "registration"
    TRAINING = "training"
    LIVENESS_CHECK = "liveness_check"
    IMPORT = "import"
    STYLIZATION = "stylization"
    VISUALISATION = "visualisation"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def finished(self) -> bool:
        return self not in {JobStatus.QUEUED, JobStatus.RUNNING}


class Progress(Message):
    done: int
    total: int
    stage: str
    cost: float | None = Field(None, description="of an optimisation, at this step")
    content_cost: float | None = None
    style_cost: float | None = None
    eta_seconds: float | None = Field(None, description="estimated time to the end")
    preview: str | None = Field(None, description="path of a small JPEG of the picture as it is")


class JobError(Message):
    code: str
    detail: str


class Job(Message):
    """A job's record as Redis keeps it; times are UTC seconds since 1970."""

    id: str
    tenant: str
    type: JobType
    status: JobStatus
    queue: str
    created_at: float
    deadline: float
    payload: dict[str, Any]
    trace: str = ""
    batch: str | None = None
    actor: str = ""  # id of the API key that asked
    started_at: float | None = None
    finished_at: float | None = None
    attempts: int = 0
    token: int = 0
    cancel_requested: bool = False
    progress: Progress | None = None
    model: Model | None = None
    result: dict[str, Any] | None = None
    error: JobError | None = None


class JobEvent(Message):
    """One entry of a job's event stream; `id` orders them and resumes a broken connection (Last-Event-ID)."""

    id: str
    event: Literal["queued", "running", "progress", "succeeded", "failed", "cancelled", "expired"]
    data: dict[str, Any]

    @property
    def final(self) -> bool:
        return self.event not in {"queued", "running", "progress"}
