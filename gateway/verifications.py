"""1:1 verification: whether this is the person he says he is, whether two photos show one person."""

from typing import Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.faces.person_limits import attempt
from gateway.faces.photos import BoxText, FaceNumber, PhotoOrFrames, face_choice
from gateway.policies import (
    ComparisonPolicy,
    Device,
    Liveness,
    LivenessSession,
    VerificationPolicy,
    check_liveness,
    check_policy,
    choose_policy,
)
from gateway.web.bodies import Body, ImageFile, read_body
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.responses import JobDocument, accept
from shared.errors import InvalidField
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.verification import DEFAULT_VERIFICATION
from shared.schemas import (
    ComparisonPayload,
    Id,
    JobType,
    LivenessRequirement,
    Person,
    PolicyKind,
    Priority,
    VerificationPayload,
)
from shared.schemas.texts import Text

blueprint = APIBlueprint("verifications", __name__, url_prefix="/v1")


class Verification(PhotoOrFrames):
    face: FaceNumber = None
    box: BoxText = None
    person: Id | None = Field(
        None,
        description="1 to 64 of A-Z a-z 0-9 . _ - starting with a letter or digit: the id of who is claimed; or else "
        "`external_id`",
    )
    external_id: Text | None = Field(
        None, description="text of 1 to 200 characters: the same, by the number of the person in another system"
    )
    policy: VerificationPolicy = None
    liveness: Liveness = LivenessRequirement.NONE
    liveness_session: LivenessSession = None
    device: Device = None
    priority: Priority = Priority.INTERACTIVE

    @model_validator(mode="after")
    def _claims_one_person(self) -> Self:
        if self.person is None and self.external_id is None:
            raise InvalidField("`person` is missing: name who is claimed by `person` or by `external_id`.")
        if self.person is not None and self.external_id is not None:
            raise InvalidField("Name who is claimed by `person` or by `external_id`, not by both.")
        if self.images and (self.face is not None or self.box is not None):
            raise InvalidField("`face` and `box` count with `image` only: each of `images` must show one person.")
        face_choice(self.face, self.box)
        return self


class Comparison(Body):
    image_a: ImageFile
    image_b: ImageFile
    face_a: FaceNumber = None
    face_b: FaceNumber = None
    box_a: BoxText = None
    box_b: BoxText = None
    policy: ComparisonPolicy = DEFAULT_VERIFICATION
    model: Id = Field(DEFAULT_MODEL.name, description="name or digest of the face model; GET /v1/models lists them")
    priority: Priority = Priority.INTERACTIVE

    @model_validator(mode="after")
    def _means_one_face_each(self) -> Self:
        face_choice(self.face_a, self.box_a, suffix="_a")
        face_choice(self.face_b, self.box_b, suffix="_b")
        return self


@blueprint.post("/galleries/<id:gallery>/verifications")
@operation(
    Operation({200: JobDocument, 202: JobDocument}, scope=Scope.VERIFY, body=Verification, waits=True, problems=(409,))
)
def verify(gallery: str) -> Response:
    """Verify that a photo, or several frames, show a person of the gallery.

    The verdict is what the face says; the decision is what the gallery's access rules make of it, at this door, now.
    Several frames are one attempt with one verdict; what each says by itself stands beside it. Those that are too
    poor are left out as long as one is good, and frames of different people are refused (`multiple_faces`).
    """
    sent = read_body(Verification)
    pictures = sent.pictures
    context().uploads.check(pictures)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    policy = choose_policy(sent.policy, PolicyKind.VERIFICATION, found)
    check_liveness(sent.liveness, sent.liveness_session, found)
    person = _claimed(gallery, sent)
    with attempt(gallery, person.id, sent.device):
        return accept(
            JobType.VERIFICATION,
            pictures,
            lambda keys: VerificationPayload(
                gallery=gallery,
                person=person.id,
                image_key=keys.get("image"),
                frame_keys=tuple(keys[f"images-{number}"] for number in range(len(sent.images))),
                choice=face_choice(sent.face, sent.box),
                policy=policy,
                liveness=sent.liveness,
                liveness_session=sent.liveness_session,
                device=sent.device,
            ),
            sent.priority,
        )


@blueprint.post("/comparisons")
@accepts_job(Scope.VERIFY, Comparison)
def compare() -> Response:
    """Compare the faces of two photos; nothing is stored."""
    sent = read_body(Comparison)
    pictures = {"image_a": sent.image_a, "image_b": sent.image_b}
    context().uploads.check(pictures)
    check_policy(sent.policy, PolicyKind.VERIFICATION)
    model = services().face_models.find(caller().tenant, sent.model)
    return accept(
        JobType.COMPARISON,
        pictures,
        lambda keys: ComparisonPayload(
            image_a_key=keys["image_a"],
            image_b_key=keys["image_b"],
            choice_a=face_choice(sent.face_a, sent.box_a),
            choice_b=face_choice(sent.face_b, sent.box_b),
            model=model,
            policy=sent.policy,
        ),
        sent.priority,
    )


def _claimed(gallery: str, sent: Verification) -> Person:
    """Raises PersonNotFound, ExternalIdShared."""
    galleries, tenant = services().galleries, caller().tenant
    if sent.person is not None:
        return galleries.get_person(tenant, gallery, sent.person)
    return galleries.person_of_external_id(tenant, gallery, sent.external_id or "")
