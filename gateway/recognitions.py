"""1:K recognition: who of the gallery this is, if anybody."""

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.policies import (
    Device,
    IdentificationPolicy,
    Liveness,
    LivenessSession,
    Thorough,
    check_liveness,
    choose_policy,
)
from gateway.web.bodies import Body, ImageFile, read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.schemas import JobType, LivenessRequirement, PolicyKind, Priority, RecognitionPayload

blueprint = APIBlueprint("recognitions", __name__, url_prefix="/v1/galleries/<id:gallery>/recognitions")


class Recognition(Body):
    image: ImageFile
    top_k: int = Field(5, ge=1, le=100, description="most candidates listed for a face")
    policy: IdentificationPolicy = None
    thorough: Thorough = False
    liveness: Liveness = LivenessRequirement.NONE
    liveness_session: LivenessSession = None
    device: Device = None
    priority: Priority = Priority.INTERACTIVE


@blueprint.post("")
@accepts_job(Scope.RECOGNISE, Recognition)
def recognise(gallery: str) -> Response:
    """Recognise the faces of a photo among the people of a gallery.

    Verdicts are what the faces say; decisions are what the gallery's access rules make of them, at this door, now.
    The photo's own are those of its largest face.
    """
    sent = read_body(Recognition)
    pictures = {"image": sent.image}
    context().uploads.check(pictures)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    policy = choose_policy(sent.policy, PolicyKind.IDENTIFICATION, found)
    check_liveness(sent.liveness, sent.liveness_session, found)
    return accept(
        JobType.RECOGNITION,
        pictures,
        lambda keys: RecognitionPayload(
            gallery=gallery,
            image_key=keys["image"],
            top_k=sent.top_k,
            policy=policy,
            thorough=sent.thorough,
            liveness=sent.liveness,
            liveness_session=sent.liveness_session,
            device=sent.device,
        ),
        sent.priority,
    )
