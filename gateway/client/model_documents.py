"""What the API answers about models and measurements (see documents.py)."""

from typing import NotRequired, TypedDict

from gateway.client.documents import Model


class ScoreRate(TypedDict):
    """The part of pairs of different people whose cosine similarity reaches `score`."""

    score: float
    rate: float


class ModelCard(Model):
    """`false_match_rates` were measured, the loosest first: `measured_on` says on what, `source` where to read it."""

    dimensions: int
    description: str
    false_match_rates: list[ScoreRate]
    measured_on: str
    source: str


class Availability(TypedDict):
    """`reason` says what is missing, and what to do."""

    available: bool
    reason: NotRequired[str]


class LivenessAvailability(TypedDict):
    """Which checks the workers that run now can make."""

    passive: Availability
    active: Availability


class FileProblem(TypedDict):
    file: str
    reason: str


class Evaluation(TypedDict):
    model: Model
    persons: int
    photos: int
    accuracy: float | None
    summary: str
    unusable: list[FileProblem]


class Calibration(TypedDict):
    id: str
    policy: str
    kind: str
    target: float
    created_at: str
    model: Model
    threshold: float
    persons: int
    comparisons: int
    errors: int
    interval: tuple[float, float]
    source: str


class KnownCalibration(TypedDict):
    """`in_use` is false when the gallery has moved to another model since."""

    calibration: Calibration
    in_use: bool


class CalibrationResult(TypedDict):
    calibration: Calibration
    unusable: list[FileProblem]


class Training(TypedDict):
    model: Model | None
    summary: str
    accuracy_before: float
    accuracy_after: float
    unusable: list[FileProblem]
    too_few: list[str]


class Registration(TypedDict):
    model: Model
    description: str


class Migration(TypedDict):
    id: str
    state: str
    source: Model
    target: Model
    created_at: str
    persons: int
    migrated: int
    missing: list[str]
