"""What a job is to do: from the gateway to a worker. Pictures travel as object keys, never as bytes."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime

from shared.images import ImageFormat
from shared.ml.face.training.options import Mining
from shared.ml.style.options import Colours, Init, Method, Optimiser, Pooling, Preset
from shared.schemas.base import Message, Model
from shared.schemas.choices import LivenessRequirement, StyleMode
from shared.schemas.faces import FaceChoice
from shared.schemas.galleries import Conflicts, FaceSource, PolicyKind

DEFAULT_MAX_FACES = 32


class Override(StrEnum):
    """What a key with the scope `admin` may have stored all the same."""

    IDENTITY_CONFLICT = "identity_conflict"


class NewPerson(Message):
    """Somebody who was not there when the enrolment was accepted: the first stored face brings them into being.

    Attributes:
        asked_at: whoever had the id and was erased since then is not brought back.
        gallery_created_at: nobody comes into being in another gallery that has only the name.
        record_key: object with what a batch says of the person.
    """

    asked_at: AwareDatetime
    gallery_created_at: AwareDatetime
    record_key: str | None = None


class EnrolmentPayload(Message):
    """`person_uid` is that of the person who is there, or the one with which a new person would come into being."""

    gallery: str
    person: str
    person_uid: str
    face: str
    image_key: str
    choice: FaceChoice | None = None
    device: str | None = None
    new_person: NewPerson | None = None
    label: str | None = None
    source: FaceSource = FaceSource.ENROLMENT
    conflicts: Conflicts | None = None
    override: Override | None = None

    def means(self, uid: str, erased_at: datetime) -> bool:
        """Whether it is for the person with this uid, who was erased then, and not for a successor."""
        if self.person_uid == uid:
            return True
        return self.new_person is not None and self.new_person.asked_at <= erased_at


class VerificationPayload(Message):
    """Of one photo, `image_key`, or of several frames, `frame_keys`."""

    gallery: str
    person: str
    image_key: str | None = None
    frame_keys: tuple[str, ...] = ()
    choice: FaceChoice | None = None
    policy: str
    liveness: LivenessRequirement = LivenessRequirement.NONE
    liveness_session: str | None = None
    device: str | None = None


class ComparisonPayload(Message):
    image_a_key: str
    image_b_key: str
    choice_a: FaceChoice | None = None
    choice_b: FaceChoice | None = None
    model: Model
    policy: str


class RecognitionPayload(Message):
    """Of one photo, `image_key`, or of several frames of one person, `frame_keys`."""

    gallery: str
    image_key: str | None = None
    frame_keys: tuple[str, ...] = ()
    top_k: int
    max_faces: int = DEFAULT_MAX_FACES
    policy: str
    thorough: bool = False
    liveness: LivenessRequirement = LivenessRequirement.NONE
    liveness_session: str | None = None
    device: str | None = None


class DetectionPayload(Message):
    image_key: str
    max_faces: int = DEFAULT_MAX_FACES
    thorough: bool = False


class ReembeddingPayload(EnrolmentPayload):
    """A photo of a person who is enrolled already, for the model that his gallery migrates to."""

    migration: str
    source: FaceSource = FaceSource.REEMBEDDING


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
    feedback: bool = True
    measure: bool = True


class OnConflict(StrEnum):
    """What becomes of a person of a gallery whose id an imported one has, too."""

    SKIP = "skip"
    REPLACE = "replace"


class ImportPayload(Message):
    gallery: str
    archive_key: str
    on_conflict: OnConflict


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


class VisualisationKind(StrEnum):
    """What a visualisation shows: patches that activate a layer's units, or what layers keep of a picture."""

    UNITS = "units"
    CONTENT = "content"
    STYLE = "style"


class VisualisationPayload(Message):
    archive_key: str  # a ZIP of pictures
    kind: VisualisationKind
    layer: str | None  # of kind units
    units: tuple[int, ...] | None  # None: the `count` most telling ones
    count: int = 9
    method: Method = Method.GUIDED
    seed: int = 0


class StyleInput(Message):
    """A style of a stylisation: a picture in the object store, or a named look of the fast network."""

    key: str | None = None
    look: str | None = None
    style_id: str | None = None
    weight: float = 1.0  # relative, where several styles share a place
    mask_key: str | None = None  # white: where this style goes


class StylizationPayload(Message):
    content_key: str
    styles: tuple[StyleInput, ...]
    mode: StyleMode
    size: int
    format: ImageFormat
    strength: float = 1.0
    colours: Colours = Colours.STYLE
    tiled: bool = False
    fine: "FineOptions | None" = None
    init_key: str | None = None
    keep_key: str | None = None  # a mask, white: what is left alone
    preview_every: int | None = None  # steps


class FineOptions(Message):
    """Options of the optimisation (Gatys, arXiv:1508.06576); None takes the default of shared.ml.style."""

    preset: Preset | None = None
    steps: int | None = None
    alpha: float | None = None
    beta: float | None = None
    tv_weight: float | None = None
    content_layers: Mapping[str, float] | None = None
    style_layers: Mapping[str, float] | None = None
    init: Init | None = None
    optimiser: Optimiser | None = None
    pooling: Pooling | None = None
    levels: int | None = None
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
    | ImportPayload
    | StylizationPayload
    | VisualisationPayload
)
