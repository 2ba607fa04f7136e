"""`/v1/galleries`: sets of people that probes are compared with, and the rules their owner set."""

from datetime import datetime

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.bodies import Body, read_body
from gateway.context import caller, services
from gateway.operations import Operation, operation
from gateway.responses import Document, document
from shared.errors import InvalidField
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.schemas import Gallery, GalleryRules, Id, LivenessRequirement, Lookalikes, Model

blueprint = APIBlueprint("galleries", __name__, url_prefix="/v1/galleries")


class GalleryChanges(Body):
    """Rules that are left out stay as they are."""

    lookalikes: Lookalikes | None = Field(None, description=GalleryRules.model_fields["lookalikes"].description)
    templates_per_person: int | None = Field(
        None, ge=1, le=50, description=GalleryRules.model_fields["templates_per_person"].description
    )
    liveness: LivenessRequirement | None = Field(None, description=GalleryRules.model_fields["liveness"].description)

    def rules(self) -> dict[str, object]:
        """The rules that were sent.

        Raises:
            InvalidField: one is null.
        """
        sent = self.model_dump(include=set(GalleryRules.model_fields), exclude_unset=True)
        for name, value in sent.items():
            if value is None:
                raise InvalidField(f"`{name}` must not be null: leave it out to keep it as it is.")
        return sent


class NewGallery(GalleryChanges):
    id: Id
    model: Id = Field(DEFAULT_MODEL.name, description="name or digest of the face model; GET /v1/models lists them")


class GalleryDocument(Document):
    id: str
    created_at: datetime
    model: Model = Field(description="the face model that its templates were made with")
    lookalikes: Lookalikes
    templates_per_person: int
    liveness: LivenessRequirement
    calibrated: list[str] = Field(description="the policies that have a threshold of this gallery's own")
    migration: str | None = Field(None, description="id of the migration under way")


class GalleryList(Document):
    galleries: list[GalleryDocument]


@blueprint.post("")
@operation(Operation({201: GalleryDocument}, scope=Scope.ADMIN, body=NewGallery, problems=(409,)))
def create_gallery() -> Response:
    """Create a gallery."""
    wanted = read_body(NewGallery)
    tenant = caller().tenant
    model = services().face_models.find(tenant, wanted.model)
    rules = GalleryRules.model_validate(wanted.rules())
    created = services().galleries.create_gallery(tenant, wanted.id, model=model, rules=rules)
    return document(_view(created), 201, headers={"Location": f"/v1/galleries/{created.id}"})


@blueprint.get("")
@operation(Operation({200: GalleryList}))
def list_galleries() -> Response:
    """List the galleries."""
    found = services().galleries.list_galleries(caller().tenant)
    return document(GalleryList(galleries=[_view(gallery) for gallery in found]))


@blueprint.get("/<id:gallery>")
@operation(Operation({200: GalleryDocument}))
def get_gallery(gallery: str) -> Response:
    """Read a gallery."""
    return document(_view(services().galleries.get_gallery(caller().tenant, gallery)))


@blueprint.patch("/<id:gallery>")
@operation(Operation({200: GalleryDocument}, scope=Scope.ADMIN, body=GalleryChanges))
def change_gallery(gallery: str) -> Response:
    """Change the rules of a gallery."""
    rules = read_body(GalleryChanges).rules()
    changed = services().galleries.update_gallery(
        caller().tenant, gallery, lambda former: former.model_copy(update=rules)
    )
    return document(_view(changed))


@blueprint.delete("/<id:gallery>")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def delete_gallery(gallery: str) -> Response:
    """Delete a gallery with everybody in it.

    Repeating a deletion that was interrupted completes it.
    """
    services().galleries.delete_gallery(caller().tenant, gallery)
    return Response(status=204)


def _view(gallery: Gallery) -> GalleryDocument:
    return GalleryDocument(
        **gallery.model_dump(include={"id", "created_at", "model", *GalleryRules.model_fields}),
        calibrated=sorted(one.policy for one in gallery.calibrations if one.model == gallery.model),
        migration=gallery.migration.id if gallery.migration else None,
    )
