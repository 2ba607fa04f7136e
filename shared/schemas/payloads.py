"""What a job is to do: from the gateway to a worker. Pictures travel as object keys, never as bytes."""

from collections.abc import Mapping

from shared.images import ImageFormat
from shared.ml.face.training.options import Mining
from shared.ml.style.options import Init, Optimiser
from shared.schemas.base import Message, Model
from shared.schemas.choices import LivenessRequirement, StyleMode
from shared.schemas.galleries import PolicyKind


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
