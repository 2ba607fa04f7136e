"""What travels: job payloads (gateway to worker), results (worker to client) and the job itself.

Frozen, flat, JSON; pictures travel as object keys, never as bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.images import ImageFormat
from shared.ml.face.verification import Verdict
from shared.ml.style.options import Init, Optimiser

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Id = Annotated[
    str, Field(pattern=ID_PATTERN, description="1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit")
]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- galleries ----------------------------------------------------------------------------------------------


class Gallery(Message):
    id: Id
    created_at: datetime


class Person(Message):
    """`uid` is new with each creation: work begun for an erased person cannot reach his successor."""

    id: Id
    uid: str
    created_at: datetime
    name: str | None = None


# --- payloads -----------------------------------------------------------------------------------------------


class EnrolmentPayload(Message):
    gallery: str
    person: str
    person_uid: str
    face: str
    image_key: str


class VerificationPayload(Message):
    gallery: str
    person: str
    image_key: str
    policy: str


class ComparisonPayload(Message):
    image_a_key: str
    image_b_key: str
    policy: str


class RecognitionPayload(Message):
    gallery: str
    image_key: str
    top_k: int
    policy: str


class StyleMode(StrEnum):
    FAST = "fast"
    FINE = "fine"


class StylizationPayload(Message):
    content_key: str
    style_key: str
    style_id: str | None
    mode: StyleMode
    size: int
    format: ImageFormat
    strength: float = 1.0
    fine: "FineOptions | None" = None


class FineOptions(Message):
    """Options of the optimisation (Gatys, arXiv:1508.06576); None takes the default of shared.ml.style."""

    steps: int | None = None
    alpha: float | None = None
    beta: float | None = None
    tv_weight: float | None = None
    content_layers: Mapping[str, float] | None = None
    style_layers: Mapping[str, float] | None = None
    init: Init | None = None
    optimiser: Optimiser | None = None
    learning_rate: float | None = None
    seed: int | None = None


Payload = EnrolmentPayload | VerificationPayload | ComparisonPayload | RecognitionPayload | StylizationPayload


# --- results ------------------------------------------------------------------------------------------------


class FaceBox(Message):
    """Pixels of the upright image: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


class Quality(Message):
    score: float = Field(ge=0, le=1)
    issues: list[str] = Field(default_factory=list, description="too_small, blurred, extreme_pose, ...")


class FaceView(Message):
    box: FaceBox
    quality: Quality


class EnrolmentResult(Message):
    verdict: Verdict = Field(description="enrolled, no_face, multiple_faces or low_quality")
    reason: str | None = None
    person: str
    face: str | None = Field(None, description="id of the stored template; null when nothing was stored")
    box: FaceBox | None = None
    quality: Quality | None = None
    warnings: list[str] = Field(default_factory=list)


class VerificationResult(Message):
    verdict: Verdict = Field(description="match, no_match, no_face, multiple_faces or low_quality")
    reason: str | None = None
    policy: str
    threshold: float = Field(description="least cosine similarity that counts as a match")
    score: float | None = Field(None, description="cosine similarity; only for keys with the scope scores:read")
    person: str | None = None
    face: FaceView | None = None


class ComparisonResult(Message):
    verdict: Verdict = Field(description="match, no_match, no_face, multiple_faces or low_quality")
    reason: str | None = None
    policy: str
    threshold: float
    score: float | None = None
    face_a: FaceView | None = None
    face_b: FaceView | None = None


class Candidate(Message):
    person: str
    score: float | None = None


class RecognisedFace(Message):
    verdict: Verdict = Field(description="recognised, not_recognised, ambiguous or low_quality")
    reason: str | None = None
    box: FaceBox
    quality: Quality
    person: str | None = None
    score: float | None = None
    candidates: list[Candidate] = Field(default_factory=list, description="only for keys with the scope scores:read")


class RecognitionResult(Message):
    verdict: Verdict = Field(description="that of the largest face, or no_face")
    person: str | None = Field(None, description="who the largest face is, when recognised")
    policy: str
    threshold: float
    persons: int = Field(description="K, the number of people searched; the threshold follows it")
    faces: list[RecognisedFace]


class StylizedImage(Message):
    url: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str


class StyleCosts(Message):
    content: float
    style: float
    total: float
    style_at_start: float


class StylizationResult(Message):
    image: StylizedImage
    mode: StyleMode
    style_id: str | None = None
    costs: StyleCosts | None = Field(None, description="of the optimisation; null in fast mode")
    seconds: float


Result = EnrolmentResult | VerificationResult | ComparisonResult | RecognitionResult | StylizationResult


# --- jobs ---------------------------------------------------------------------------------------------------


class JobType(StrEnum):
    ENROLMENT = "enrolment"
    VERIFICATION = "verification"
    COMPARISON = "comparison"
    RECOGNITION = "recognition"
    STYLIZATION = "stylization"


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


class Priority(StrEnum):
    INTERACTIVE = "interactive"
    BULK = "bulk"


class Progress(Message):
    done: int
    total: int
    stage: str
    cost: float | None = Field(None, description="of an optimisation, at this step")


class Model(Message):
    name: str
    digest: str


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
