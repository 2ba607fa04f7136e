"""`/v1/trainings`: a face model of one's own, fine-tuned on photos of one's own people."""

from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import context
from gateway.web.bodies import ArchiveFile, Body, read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.ml.face.training.manifest import NAME_PATTERN
from shared.ml.face.training.options import Mining
from shared.schemas import JobType, Priority, TrainingPayload

blueprint = APIBlueprint("trainings", __name__, url_prefix="/v1/trainings")


class Training(Body):
    """Triplet loss with the margin between squared distances, which lie from 0 to 4."""

    archive: ArchiveFile
    name: Annotated[
        str, Field(pattern=f"^{NAME_PATTERN}$", description="the new model's name: lower-case letters, digits, . and -")
    ]
    mining: Mining = Mining.SEMI_HARD
    margin: float = Field(0.2, gt=0, le=2)
    epochs: int = Field(10, ge=1, le=100, description="at most: it ends when the validation people gain nothing more")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="the same seed, the same model")


@blueprint.post("")
@accepts_job(Scope.ADMIN, Training)
def train() -> Response:
    """Fine-tune the default face model on a ZIP with a folder of photos per person.

    The people are split into those it is trained on, those the best epoch is chosen by, and those it is
    judged on. What is better than the original is registered and can be used by galleries; otherwise the
    answer says so and nothing changes.
    """
    sent = read_body(Training)
    files = context().uploads.archive(sent.archive)
    return accept(
        JobType.TRAINING,
        files,
        lambda keys: TrainingPayload(archive_key=keys["archive"], **sent.model_dump(exclude={"archive"})),
        Priority.BULK,
    )
