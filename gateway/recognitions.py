"""1:K recognition: who of the gallery this is, if anybody."""

from typing import Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.faces.photos import MaxFaces, PhotoOrFrames
from gateway.policies import (
    Device,
    IdentificationPolicy,
    Liveness,
    LivenessSession,
    Thorough,
    check_liveness,
    choose_policy,
)
from gateway.web.bodies import read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.errors import InvalidField
from shared.schemas import JobType, LivenessRequirement, PolicyKind, Priority, RecognitionPayload
from shared.schemas.payloads import DEFAULT_MAX_FACES

blueprint = APIBlueprint("recognitions", __name__, url_prefix="/v1/galleries/<id:gallery>/recognitions")


class Recognition(PhotoOrFrames):
    max_faces: MaxFaces = DEFAULT_MAX_FACES
    top_k: int = Field(5, ge=1, le=100, description="most candidates listed for a face")
    policy: IdentificationPolicy = None
    thorough: Thorough = False
    liveness: Liveness = LivenessRequirement.NONE
    liveness_session: LivenessSession = None
    device: Device = None
    priority: Priority = Priority.INTERACTIVE

    @model_validator(mode="after")
    def _searches_one_of_frames(self) -> Self:
        if self.images and "max_faces" in self.model_fields_set:
            raise InvalidField("`max_faces` counts with `image` only: each of `images` must show one person.")
        return self


@blueprint.post("")
@accepts_job(Scope.RECOGNISE, Recognition)
def recognise(gallery: str) -> Response:
    """Recognise the faces of a photo, or the one person of several frames, among the people of a gallery.

    Verdicts are what the faces say; decisions are what the gallery's access rules make of them, at this door, now.
    The photo's own are those of its largest face. Several frames have one verdict; what each says by itself stands
    beside it. Those that are too poor are left out as long as one is good, and frames of different people are refused
    (`multiple_faces`).
    """
    sent = read_body(Recognition)
    pictures = sent.pictures
    context().uploads.check(pictures)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    policy = choose_policy(sent.policy, PolicyKind.IDENTIFICATION, found)
    check_liveness(sent.liveness, sent.liveness_session, found)
    return accept(
        JobType.RECOGNITION,
        pictures,
        lambda keys: RecognitionPayload(
            gallery=gallery,
            image_key=keys.get("image"),
            frame_keys=tuple(keys[f"images-{number}"] for number in range(len(sent.images))),
            top_k=sent.top_k,
            max_faces=sent.max_faces,
            policy=policy,
            thorough=sent.thorough,
            liveness=sent.liveness,
            liveness_session=sent.liveness_session,
            device=sent.device,
        ),
        sent.priority,
    )
