"""`/v1/styles`: the library of paintings that a picture can be stylised after."""

import hashlib

from apiflask import APIBlueprint
from flask import Response

from gateway.context import services
from gateway.operations import Operation, operation
from gateway.responses import Document, document, picture
from shared import styles
from shared.styles import Style

blueprint = APIBlueprint("styles", __name__, url_prefix="/v1/styles")


class StyleLinks(Document):
    self: str
    image: str


class StyleDocument(Document):
    id: str
    title: str
    artist: str
    year: str | None = None
    licence: str
    links: StyleLinks


class StyleList(Document):
    styles: list[StyleDocument]


@blueprint.get("")
@operation(Operation({200: StyleList}))
def list_styles() -> Response:
    """List the styles of the library."""
    return document(StyleList(styles=[_view(style) for style in styles.library()]))


@blueprint.get("/<id:style>")
@operation(Operation({200: StyleDocument}))
def get_style(style: str) -> Response:
    """Read a style: title, artist, year, licence."""
    return document(_view(styles.find(style)))


@blueprint.get("/<id:style>/image")
@operation(Operation({200: "image/jpeg"}))
def get_style_image(style: str) -> Response:
    """The painting of a style."""
    data = services().store.get(styles.object_key(styles.find(style).id))
    return picture(data, "image/jpeg", hashlib.sha256(data).hexdigest())


def _view(style: Style) -> StyleDocument:
    links = StyleLinks(self=f"/v1/styles/{style.id}", image=f"/v1/styles/{style.id}/image")
    return StyleDocument(**style.model_dump(), links=links)
