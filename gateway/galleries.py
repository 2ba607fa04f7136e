"""`/v1/galleries`: sets of people that probes are compared with."""

from datetime import datetime

from apiflask import APIBlueprint
from flask import Response

from gateway.auth import Scope
from gateway.bodies import Body, read_body
from gateway.context import caller, services
from gateway.operations import Operation, operation
from gateway.responses import Document, document
from shared.schemas import Gallery, Id

blueprint = APIBlueprint("galleries", __name__, url_prefix="/v1/galleries")


class NewGallery(Body):
    id: Id


class GalleryDocument(Document):
    id: str
    created_at: datetime


class GalleryList(Document):
    galleries: list[GalleryDocument]


@blueprint.post("")
@operation(Operation({201: GalleryDocument}, scope=Scope.ADMIN, body=NewGallery, problems=(409,)))
def create_gallery() -> Response:
    """Create a gallery."""
    wanted = read_body(NewGallery)
    created = services().galleries.create_gallery(caller().tenant, wanted.id)
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


@blueprint.delete("/<id:gallery>")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def delete_gallery(gallery: str) -> Response:
    """Delete a gallery with everybody in it.

    Repeating a deletion that was interrupted completes it.
    """
    services().galleries.delete_gallery(caller().tenant, gallery)
    return Response(status=204)


def _view(gallery: Gallery) -> GalleryDocument:
    return GalleryDocument(id=gallery.id, created_at=gallery.created_at)
