"""What the API answers, as the client hands it on: its JSON documents, typed.

They are plain dictionaries at run time, so a newer gateway's further members reach the caller, and `json.dumps`
prints what the API said. Times are ISO 8601 text in UTC. docs/api.md says what the members mean.
"""

from typing import Any, Literal, NotRequired, TypedDict

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]


class Problem(TypedDict):
    code: str
    detail: str


class Model(TypedDict):
    name: str
    digest: str


# --- jobs ---


class Progress(TypedDict):
    done: int
    total: int
    stage: str
    cost: NotRequired[float | None]
    eta_seconds: NotRequired[float | None]
    preview: NotRequired[str | None]


class JobLinks(TypedDict):
    self: str
    events: str
    cancel: NotRequired[str]
    image: NotRequired[str]
    report: NotRequired[list[str]]


class JobDocument(TypedDict):
    id: str
    type: str
    status: JobStatus
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: int
    deadline: str
    progress: Progress | None
    model: Model | None
    result: NotRequired[Any]
    error: NotRequired[Problem]
    links: JobLinks


# --- faces ---


class Box(TypedDict):
    """Pixels of the upright image: left, top, width, height."""

    x: float
    y: float
    width: float
    height: float


class Quality(TypedDict):
    score: float
    issues: list[str]


class FaceView(TypedDict):
    box: Box
    quality: Quality


class FaceWarning(TypedDict):
    code: str
    detail: str
    person: NotRequired[str | None]
    score: NotRequired[float | None]
    boxes: NotRequired[list[Box] | None]


class Enrolment(TypedDict):
    verdict: str
    reason: str | None
    person: str
    uid: str | None
    created: bool
    face: str | None
    box: Box | None
    quality: Quality | None
    warnings: list[FaceWarning]
    replaced: str | None
    faces: list[FaceView]


class VerifiedFrame(TypedDict):
    verdict: str
    reason: str | None
    box: Box | None
    quality: Quality | None
    liveness: str | None
    score: NotRequired[float | None]


class Verification(TypedDict):
    verdict: str
    reason: str | None
    policy: str
    threshold: float
    calibration: str | None
    score: NotRequired[float | None]
    matched_face: NotRequired[str | None]
    person: str | None
    face: FaceView | None
    faces: list[FaceView]
    frames: list[VerifiedFrame]
    warnings: list[FaceWarning]
    liveness: str | None
    decision: Literal["granted", "denied"] | None
    denial: str | None


class Comparison(TypedDict):
    verdict: str
    reason: str | None
    policy: str
    threshold: float
    score: NotRequired[float | None]
    face_a: FaceView | None
    face_b: FaceView | None
    faces_a: list[FaceView]
    faces_b: list[FaceView]
    warnings: list[FaceWarning]


class Candidate(TypedDict):
    person: str
    name: str | None
    external_id: str | None
    score: NotRequired[float | None]


class RecognisedFace(TypedDict):
    verdict: str
    reason: str | None
    box: Box
    quality: Quality
    person: str | None
    name: str | None
    external_id: str | None
    matched_face: NotRequired[str | None]
    liveness: str | None
    score: NotRequired[float | None]
    candidates: NotRequired[list[Candidate]]
    decision: Literal["granted", "denied"] | None
    denial: str | None


class RecognisedFrame(VerifiedFrame):
    person: str | None


class Recognition(TypedDict):
    """`verdict` and `person` are those of the largest face, or of all frames together."""

    verdict: str
    person: str | None
    name: str | None
    external_id: str | None
    policy: str
    threshold: float
    calibration: str | None
    persons: int
    faces: list[RecognisedFace]
    faces_found: int | None
    frames: list[RecognisedFrame]
    decision: Literal["granted", "denied"] | None
    denial: str | None
    reason: str | None


class DetectedFace(TypedDict):
    box: Box
    landmarks: dict[str, tuple[float, float]]
    quality: Quality
    advice: str | None
    confidence: float
    yaw: float
    pitch: float
    roll: float


class Detection(TypedDict):
    width: int
    height: int
    faces: list[DetectedFace]
    faces_found: int | None


class LivenessStep(TypedDict):
    action: str
    instruction: str


class LivenessSession(TypedDict):
    id: str
    state: str
    challenge: list[LivenessStep]
    expires_at: str
    frames: dict[str, Any]
    failure: NotRequired[str]


class LivenessCheck(TypedDict):
    verdict: str
    failure: str | None
    reason: str | None
    frame: int | None
    session: str
    actions: list[dict[str, Any]]
    passive: dict[str, Any]


# --- galleries and the people in them ---


class Gallery(TypedDict):
    id: str
    created_at: str
    model: Model
    lookalikes: str
    conflicts: str
    templates_per_person: int
    liveness: str
    thumbnails: bool
    access: dict[str, Any]
    calibrated: list[str]
    migration: str | None


class Consent(TypedDict):
    reference: str
    given_at: NotRequired[str | None]


class Person(TypedDict):
    id: str
    uid: str
    created_at: str
    face_count: int
    name: str | None
    external_id: str | None
    tags: list[str]
    groups: list[str]
    attributes: dict[str, str | int | float | bool]
    valid_from: str | None
    valid_until: str | None
    expires_at: str | None
    consent: Consent | None


class Face(TypedDict):
    id: str
    created_at: str
    quality: float
    model: str
    label: str | None
    source: str | None
    thumbnail: str | None
    like_others: bool | None


class PersonWithFaces(Person):
    faces: list[Face]


class MergedPerson(PersonWithFaces):
    warnings: list[FaceWarning]
    surplus: int


class Erasure(TypedDict):
    """What was erased with a person, counted."""

    person: str
    uid: str
    reason: str
    erased_at: str
    galleries: list[str]
    templates: int
    jobs: int
    events: int
    uploads: int
    others: dict[str, int]


class Feedback(TypedDict):
    """`person` is a pseudonym."""

    id: str
    job: str
    face: int
    kind: str
    search: str
    person: str
    score: NotRequired[float | None]
    policy: str
    threshold: float
    model: str
    device: str | None
    at: str
    actor: str
