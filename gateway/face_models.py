"""`/v1/models`: the face models that a gallery can be made with: those that come with Likeness, and your own."""

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, services
from gateway.faces.availability import LivenessAvailability, liveness_availability
from gateway.web.bodies import Body, ManifestFile, WeightsFile, read_body, read_query
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.paging import IdPage, page_of
from gateway.web.responses import Document, accept, document
from shared.errors import ModelInUse
from shared.ml.face.catalogue import ModelCard
from shared.schemas import JobType, Priority, RegistrationPayload

blueprint = APIBlueprint("models", __name__, url_prefix="/v1/models")


class Registration(Body):
    """The files that a training wrote."""

    manifest: ManifestFile
    weights: WeightsFile


class ScoreRate(Document):
    score: float = Field(description="cosine similarity")
    rate: float = Field(description="false match rate: the part of pairs of different people that reach the score")


class ModelDocument(Document):
    name: str
    digest: str = Field(description="changes with anything that changes the model's embeddings")
    dimensions: int
    description: str
    false_match_rates: list[ScoreRate] = Field(description="what its scores mean, the loosest first")
    measured_on: str = Field(description="the pairs that the false match rates were measured on")
    source: str = Field(description="where that is written down")


class ModelList(Document):
    models: list[ModelDocument]
    next_cursor: str | None = Field(None, description="null on the last page")
    liveness: LivenessAvailability = Field(description="which checks this installation can make now")


@blueprint.get("")
@operation(Operation({200: ModelList}, query=IdPage))
def list_models() -> Response:
    """List the face models, and tell which checks of liveness can be made."""
    cards, more = page_of(services().face_models.cards(caller().tenant), read_query(IdPage), lambda card: card.digest)
    views = [_view(card) for card in cards]
    return document(ModelList(models=views, next_cursor=more, liveness=liveness_availability()))


@blueprint.delete("/<id:model>")
@operation(Operation({204: None}, scope=Scope.ADMIN, problems=(409,)))
def delete_model(model: str) -> Response:
    """Delete a model of your own, named by its digest, that no gallery uses or migrates to."""
    tenant = caller().tenant
    for gallery in services().galleries.galleries(tenant):
        if model in {used.digest for used in gallery.models}:
            raise ModelInUse(f"The gallery {gallery.id!r} uses this model: migrate it to another, or delete it.")
    services().face_models.delete(tenant, model)
    return Response(status=204)


@blueprint.post("")
@accepts_job(Scope.ADMIN, Registration)
def register_model() -> Response:
    """Register a model that `likeness train` made, so that galleries can use it or migrate to it.

    A worker loads and checks it first.
    """
    sent = read_body(Registration)
    return accept(
        JobType.REGISTRATION,
        {"manifest": sent.manifest, "weights": sent.weights},
        lambda keys: RegistrationPayload(manifest_key=keys["manifest"], weights_key=keys["weights"]),
        Priority.INTERACTIVE,
    )


def _view(card: ModelCard) -> ModelDocument:
    return ModelDocument(
        name=card.name,
        digest=card.digest,
        dimensions=card.dimensions,
        description=card.description,
        false_match_rates=[ScoreRate(score=score, rate=rate) for rate, score in card.curve.points],
        measured_on=card.curve.data,
        source=card.curve.source,
    )
