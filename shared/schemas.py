"""What travels: job payloads (gateway to worker), results (worker to client) and the job itself.

Frozen, flat, JSON; pictures travel as object keys, never as bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.images import ImageFormat
from shared.ml.face.training.options import Mining
from shared.ml.face.verification import Verdict
from shared.ml.style.options import Init, Optimiser

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
Id = Annotated[
    str, Field(pattern=ID_PATTERN, description="1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit")
]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- galleries ----------------------------------------------------------------------------------------------


class Model(Message):
    name: str
    digest: str


class Lookalikes(StrEnum):
    """What becomes of an enrolment whose face resembles another person of the gallery."""

    FLAG = "flag"
    REFUSE = "refuse"


class PolicyKind(StrEnum):
    VERIFICATION = "verification"
    IDENTIFICATION = "identification"


class MeasuredPoint(Message):
    """How often different people reach a score."""

    false_match_rate: float
    threshold: float


class Calibration(Message):
    """A threshold measured on a gallery's own people, or on photos of its users: the policy's, from then on."""

    id: str
    policy: str = Field(description="the policy whose threshold this is, named after its target")
    kind: PolicyKind
    target: float = Field(description="FMR of a verification, FPIR of an identification")
    created_at: datetime
    model: Model
    points: list[MeasuredPoint] = Field(description="a search's threshold follows K along these")
    threshold: float = Field(description="of the policy; for a search, among `persons`")
    persons: int
    comparisons: int = Field(description="impostor comparisons, or strangers searched for")
    errors: int = Field(description="how many of them reach the threshold")
    interval: tuple[float, float] = Field(description="95 % confidence of the rate at the threshold")
    source: str = Field(description="`gallery`, or the archive it was measured on")


class MigrationState(StrEnum):
    OPEN = "open"
    CUT_OVER = "cut_over"


class Migration(Message):
    """A gallery on its way to another model; templates of both are kept up until it is completed."""

    id: str
    state: MigrationState
    source: Model
    target: Model
    created_at: datetime


class LivenessRequirement(StrEnum):
    """What must have shown that a probe's face is a living person's; each is stricter than the one before it.

    none: nothing, and it is not looked at. report: looked at and told, but decides nothing. passive: the
    photo by itself must look alive. active: a liveness session must have been passed with the same face.
    """

    NONE = "none"
    REPORT = "report"
    PASSIVE = "passive"
    ACTIVE = "active"

    def or_stricter(self, other: "LivenessRequirement") -> "LivenessRequirement":
        order = list(LivenessRequirement)
        return max(self, other, key=order.index)


class GalleryRules(Message):
    """What a gallery's owner decides."""

    lookalikes: Lookalikes = Field(
        Lookalikes.FLAG, description="whether an enrolment that resembles another person is refused or flagged"
    )
    templates_per_person: int = Field(
        8, ge=1, le=50, description="most faces kept of a person; beyond it the weakest of the former ones is replaced"
    )
    liveness: LivenessRequirement = Field(
        LivenessRequirement.NONE, description="what every verification and recognition must have shown, at least"
    )


class Gallery(GalleryRules):
    """`model` made the templates that are searched; everything else about it follows from the digest."""

    id: Id
    created_at: datetime
    model: Model
    calibrations: Mapping[str, Calibration] = Field({}, description="by the name of their policy")
    migration: Migration | None = None

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that a new face is embedded with, the one in use first."""
        if self.migration is None:
            return (self.model,)
        both = (self.migration.source, self.migration.target)
        return (self.model, *(model for model in both if model != self.model))


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
    liveness: LivenessRequirement = LivenessRequirement.NONE
    liveness_session: str | None = None


class ComparisonPayload(Message):
    image_a_key: str
    image_b_key: str
    model: Model
    policy: str


class RecognitionPayload(Message):
    gallery: str
    image_key: str
    top_k: int
    policy: str
    thorough: bool = False
    liveness: LivenessRequirement = LivenessRequirement.NONE
    liveness_session: str | None = None


class DetectionPayload(Message):
    image_key: str
    thorough: bool = False


class ReembeddingPayload(EnrolmentPayload):
    """A photo of a person who is enrolled already, for the model that his gallery migrates to."""

    migration: str


class EvaluationPayload(Message):
    gallery: str
    archive_key: str | None
    pairs_key: str | None = None
    seed: int


class CalibrationPayload(Message):
    gallery: str
    archive_key: str | None
    kind: PolicyKind
    target: float


class LivenessState(StrEnum):
    """Of a session: its frames are awaited, being checked, or have passed or failed; used: it proved something."""

    OPEN = "open"
    CHECKING = "checking"
    PASSED = "passed"
    FAILED = "failed"
    USED = "used"


class LivenessCheckPayload(Message):
    session: str
    attempt: str
    frame_keys: tuple[str, ...]


class TrainingPayload(Message):
    archive_key: str
    name: str
    mining: Mining
    margin: float
    epochs: int
    seed: int


class RegistrationPayload(Message):
    manifest_key: str
    weights_key: str


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


Payload = (
    EnrolmentPayload
    | VerificationPayload
    | ComparisonPayload
    | RecognitionPayload
    | DetectionPayload
    | ReembeddingPayload
    | EvaluationPayload
    | CalibrationPayload
    | TrainingPayload
    | RegistrationPayload
    | LivenessCheckPayload
    | StylizationPayload
)


# --- results ------------------------------------------------------------------------------------------------


class FaceBox(Message):
    """Pixels of the upright image: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


class Quality(Message):
    score: float = Field(ge=0, le=1)
    issues: list[str] = Field(
        default_factory=list, description="too_small, blurred, extreme_pose, too_dark, occluded, ..."
    )


class FaceView(Message):
    box: FaceBox
    quality: Quality


class EnrolmentWarning(Message):
    """Something an operator should look at; the face was stored unless the verdict says otherwise."""

    code: Literal["lookalike", "identity_conflict"]
    detail: str
    person: str | None = Field(None, description="whom the face resembles; only for keys that may recognise")
    score: float | None = Field(None, description="only for keys with the scope scores:read")


class EnrolmentResult(Message):
    verdict: Verdict = Field(description="enrolled, no_face, multiple_faces, low_quality or lookalike")
    reason: str | None = None
    person: str
    face: str | None = Field(None, description="id of the stored template; null when nothing was stored")
    box: FaceBox | None = None
    quality: Quality | None = None
    warnings: list[EnrolmentWarning] = Field(default_factory=list)
    replaced: str | None = Field(None, description="the person's weakest face, which made room for this one")


class PassiveStatus(StrEnum):
    LIVE = "live"
    SPOOF_SUSPECTED = "spoof_suspected"
    UNAVAILABLE = "unavailable"


class VerificationResult(Message):
    verdict: Verdict = Field(
        description="match, no_match, no_face, multiple_faces, low_quality, spoof_suspected or liveness_unavailable"
    )
    reason: str | None = None
    policy: str
    threshold: float = Field(description="least cosine similarity that counts as a match")
    calibration: str | None = Field(None, description="id of the gallery's calibration that set the threshold")
    score: float | None = Field(None, description="cosine similarity; only for keys with the scope scores:read")
    person: str | None = None
    face: FaceView | None = None
    liveness: PassiveStatus | None = Field(None, description="whether the face is a living person's; null: not asked")


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
    verdict: Verdict = Field(
        description="recognised, not_recognised, ambiguous, low_quality, spoof_suspected or liveness_unavailable"
    )
    reason: str | None = None
    box: FaceBox
    quality: Quality
    person: str | None = None
    liveness: PassiveStatus | None = Field(None, description="whether the face is a living person's; null: not asked")
    score: float | None = None
    candidates: list[Candidate] = Field(default_factory=list, description="only for keys with the scope scores:read")


class RecognitionResult(Message):
    verdict: Verdict = Field(description="that of the largest face, or no_face")
    person: str | None = Field(None, description="who the largest face is, when recognised")
    policy: str
    threshold: float
    calibration: str | None = Field(None, description="id of the gallery's calibration that set the threshold")
    persons: int = Field(description="K, the number of people searched; the threshold follows it")
    faces: list[RecognisedFace]


class Landmarks(Message):
    """(x, y) in pixels of the upright image; right and left are the person's own."""

    right_eye: tuple[float, float]
    left_eye: tuple[float, float]
    nose: tuple[float, float]
    mouth_right: tuple[float, float]
    mouth_left: tuple[float, float]


class DetectedFace(Message):
    box: FaceBox
    landmarks: Landmarks
    quality: Quality
    advice: str | None = Field(None, description="what to do about the issues; null when there are none")
    confidence: float = Field(description="of the detector, that this is a face at all")
    yaw: float = Field(description="degrees, positive when the nose points to the right of the image")
    pitch: float = Field(description="degrees, positive when it points down")
    roll: float = Field(description="degrees, positive when the head leans clockwise in the image")


class DetectionResult(Message):
    width: int = Field(description="of the upright image, px")
    height: int
    faces: list[DetectedFace] = Field(description="the largest first")


class FileProblem(Message):
    file: str
    reason: str


class EvaluationResult(Message):
    """The report's main figures; the whole report is at the job's links."""

    model: Model
    persons: int
    photos: int
    accuracy: float | None = Field(None, description="mean of 10 identity-disjoint folds")
    accuracy_deviation: float | None = None
    summary: str = Field(description="the main figures in a sentence or two")
    unusable: list[FileProblem] = Field(default_factory=list, description="files without a usable face, and why")


class TrainingResult(Message):
    """The report's main figures, of people whom the training has not seen; the whole report is at the job's links."""

    model: Model | None = Field(None, description="the new model, registered; null when the original was better")
    summary: str
    accuracy_before: float
    accuracy_after: float
    persons: int = Field(description="trained on")
    photos: int
    unusable: list[FileProblem] = Field(default_factory=list, description="files without a usable face, and why")
    too_few: list[str] = Field(
        default_factory=list, description="people with less than two usable photos, who were left out"
    )


class RegistrationResult(Message):
    model: Model
    description: str


class CalibrationResult(Message):
    calibration: Calibration
    unusable: list[FileProblem] = Field(default_factory=list, description="files without a usable face, and why")


class PassiveResult(Message):
    """What one photo says by itself; `unavailable` where the networks' weights are not installed."""

    status: PassiveStatus
    score: float | None = Field(None, description="in [0, 1], 1 is live; only for keys with the scope scores:read")
    policy: str | None = Field(None, description="the threshold profile that was applied")
    threshold: float | None = None


class PerformedAction(Message):
    action: str
    frame: int = Field(description="number of the frame, from 0, at which it was complete")


class LivenessCheckResult(Message):
    verdict: Verdict = Field(description="live, spoof_suspected, no_face or multiple_faces")
    failure: str | None = Field(None, description="why not: jump, wrong_action, missing_action, ...")
    reason: str | None = Field(None, description="the same in words, and what to do")
    frame: int | None = Field(None, description="number of the frame, from 0, where it shows")
    session: str
    actions: list[PerformedAction] = Field(description="what was seen, in order")
    passive: PassiveResult


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


Result = (
    EnrolmentResult
    | VerificationResult
    | ComparisonResult
    | RecognitionResult
    | DetectionResult
    | EvaluationResult
    | CalibrationResult
    | TrainingResult
    | RegistrationResult
    | LivenessCheckResult
    | StylizationResult
)


# --- jobs ---------------------------------------------------------------------------------------------------


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
