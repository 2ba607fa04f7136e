"""Galleries, the people in them, and what is known of a gallery: rules, calibrations, a migration."""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from shared.schemas.access import AccessRules
from shared.schemas.base import Id, Message, Model
from shared.schemas.choices import LivenessRequirement


class Lookalikes(StrEnum):
    """What becomes of an enrolment whose face resembles another person of the gallery."""

    FLAG = "flag"
    REFUSE = "refuse"


class Conflicts(StrEnum):
    """What becomes of an enrolment whose face does not look like the person's other faces."""

    REFUSE = "refuse"
    FLAG = "flag"


class FaceSource(StrEnum):
    """How a face came into the gallery."""

    ENROLMENT = "enrolment"
    BATCH = "batch"
    IMPORT = "import"
    REEMBEDDING = "reembedding"


class PolicyKind(StrEnum):
    VERIFICATION = "verification"
    IDENTIFICATION = "identification"


class MeasuredPoint(Message):
    """How often different people reach a score."""

    false_match_rate: float
    threshold: float


class FeedbackUse(Message):
    """What reported errors changed about a calibration; those of the same kind and model were looked at."""

    wrong_person: int = Field(description="reported false matches that the threshold was put above")
    out_of_reach: int = Field(
        description="reported false matches so similar that no threshold helps: look at these people's enrolments"
    )
    raised_by: float = Field(description="how much the threshold is higher than it would be without the reports")
    not_recognised: int = Field(description="reported false non-matches")
    still_not_recognised: int = Field(description="how many of them lie below the threshold, or below every candidate")


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
    interval: tuple[float, float] = Field(
        description="95 % confidence of the rate at the threshold; 0 to 1 where nothing was measured"
    )
    source: str = Field(description="what it was measured on: gallery or archive; model: its own thresholds")
    feedback: FeedbackUse | None = Field(None, description="reported errors; null: they were not to be used")


class MigrationState(StrEnum):
    OPEN = "open"
    CUT_OVER = "cut_over"
    ENDING = "ending"  # the templates of the model that goes are being deleted


class Migration(Message):
    """A gallery on its way to another model; templates of both are kept up until it is completed."""

    id: str
    state: MigrationState
    source: Model
    target: Model
    created_at: datetime


class GalleryRules(Message):
    """What a gallery's owner decides."""

    lookalikes: Lookalikes = Field(
        Lookalikes.FLAG, description="whether an enrolment that resembles another person is refused or flagged"
    )
    conflicts: Conflicts = Field(
        Conflicts.REFUSE,
        description="whether an enrolment that does not look like the person's other faces is refused or flagged",
    )
    templates_per_person: int = Field(
        8, ge=1, le=50, description="most faces kept of a person; beyond it the weakest of the former ones is replaced"
    )
    liveness: LivenessRequirement = Field(
        LivenessRequirement.NONE, description="what every verification and recognition must have shown, at least"
    )
    thumbnails: bool = Field(
        False, description="whether a small picture of each enrolled face is kept, to tell a person's faces apart"
    )
    access: AccessRules = Field(AccessRules(), description="who may pass, where and when, once the face is right")


class Gallery(GalleryRules):
    """`model` made the templates that are searched; everything else about it follows from the digest."""

    id: Id
    created_at: datetime
    model: Model
    calibrations: tuple[Calibration, ...] = Field((), description="one for each policy and model")
    migration: Migration | None = None

    def calibration(self, policy: str, digest: str | None = None) -> Calibration | None:
        """Of a policy, for the model in use or another."""
        wanted = (policy, digest or self.model.digest)
        return next((one for one in self.calibrations if (one.policy, one.model.digest) == wanted), None)

    def with_calibration(self, new: Calibration) -> "Gallery":
        """In the place of the former one of that policy and model; another model's stays, for a roll-back."""
        former = self.calibration(new.policy, new.model.digest)
        kept = tuple(one for one in self.calibrations if one != former)
        return self.model_copy(update={"calibrations": (*kept, new)})

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that a new face is embedded with, the one in use first."""
        if self.migration is None or self.migration.state is MigrationState.ENDING:
            return (self.model,)
        both = (self.migration.source, self.migration.target)
        return (self.model, *(model for model in both if model != self.model))


class Consent(Message):
    reference: str = Field(description="where the person's consent is on record")
    given_at: datetime | None = None


class Person(Message):
    """`uid` is new with each creation: work begun for an erased person cannot reach his successor.

    It is also his pseudonym: with the record goes all that links it to him.
    """

    id: Id
    uid: str
    created_at: datetime
    name: str | None = None
    external_id: str | None = None
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    attributes: dict[str, str | int | float | bool] = Field(default_factory=dict)
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    consent: Consent | None = None
