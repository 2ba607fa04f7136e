"""`/v1/galleries/{gallery}/evaluations`: how well a gallery's model tells people apart, theirs or yours."""

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.web.bodies import Body, OptionalArchiveFile, OptionalPairsFile, read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.schemas import EvaluationPayload, JobType, Priority

blueprint = APIBlueprint("evaluations", __name__, url_prefix="/v1/galleries/<id:gallery>/evaluations")


class Evaluation(Body):
    """What to measure: the gallery's own templates unless an archive is sent."""

    archive: OptionalArchiveFile = None
    pairs: OptionalPairsFile = None
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of the random splits: the same seed, the same report")


@blueprint.post("")
@accepts_job(Scope.ADMIN, Evaluation)
def evaluate(gallery: str) -> Response:
    """Measure accuracy; the report comes as JSON, Markdown and a PNG page at the job's `links.report`.

    On a ZIP with a folder of photos per person, or without one on the templates of the gallery itself.
    Neither photos nor embeddings of an archive are kept; the page shows the worst errors and is deleted
    after a day.
    """
    sent = read_body(Evaluation)
    services().galleries.get_gallery(caller().tenant, gallery)
    files = context().uploads.archive(sent.archive) | ({"pairs": sent.pairs} if sent.pairs is not None else {})
    return accept(
        JobType.EVALUATION,
        files,
        lambda keys: EvaluationPayload(
            gallery=gallery, archive_key=keys.get("archive"), pairs_key=keys.get("pairs"), seed=sent.seed
        ),
        Priority.BULK,
    )
