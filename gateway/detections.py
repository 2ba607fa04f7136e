"""What is to be seen in a photo before anybody asks whose face it is."""

from apiflask import APIBlueprint
from flask import Response

from gateway.auth import Scope
from gateway.context import context
from gateway.faces.photos import MaxFaces
from gateway.policies import Thorough
from gateway.web.bodies import Body, ImageFile, read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.schemas import DetectionPayload, JobType, Priority
from shared.schemas.payloads import DEFAULT_MAX_FACES

blueprint = APIBlueprint("detections", __name__, url_prefix="/v1/detections")


class Detection(Body):
    image: ImageFile
    max_faces: MaxFaces = DEFAULT_MAX_FACES
    thorough: Thorough = False
    priority: Priority = Priority.INTERACTIVE


@blueprint.post("")
@accepts_job(Scope.VERIFY, Detection)
def detect() -> Response:
    """Find the faces of a photo: boxes, landmarks, pose, quality and what would make it better."""
    sent = read_body(Detection)
    pictures = {"image": sent.image}
    context().uploads.check(pictures)
    return accept(
        JobType.DETECTION,
        pictures,
        lambda keys: DetectionPayload(image_key=keys["image"], max_faces=sent.max_faces, thorough=sent.thorough),
        sent.priority,
    )
