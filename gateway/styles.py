"""`/v1/styles`: the paintings, looks and own pictures that a picture can be stylised after."""

from datetime import datetime
from itertools import islice

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import PAINTING, Scope
from gateway.context import caller, context, services
from gateway.web.bodies import Body, ImageFile, read_body, read_query
from gateway.web.downloads import sent
from gateway.web.operations import Operation, operation
from gateway.web.responses import Document, document, optional
from shared.schemas import Id, StyleMode
from shared.schemas.texts import Text, Words
from shared.styles import Credits, Style, StyleKind, StylePicture

blueprint = APIBlueprint("styles", __name__, url_prefix="/v1/styles")


class NewStyle(Body):
    image: ImageFile
    title: Text | None = Field(None, description="default: its id")
    artist: Text | None = None
    year: Text | None = Field(None, description="as one writes it, such as c. 1830")
    licence: Text = Field("unknown", description="on which terms you may use it; kept and shown, never judged")


class StylePage(Body):
    cursor: Id | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="most styles on the page")
    q: Words | None = Field(None, description="only styles whose id, title or artist has all of these words")


class StyleLinks(Document):
    self: str
    image: str | None = optional("of a painting")
    thumbnail: str = Field(description="a JPEG of at most 256 px a side")


class StyleDocument(Document):
    id: str
    title: str
    artist: str | None = None
    year: str | None = None
    licence: str
    kind: StyleKind = Field(description="a look has no picture of its own and is for the fast mode only")
    shared: bool = Field(description="it comes with Likeness; the others are your own")
    modes: list[StyleMode]
    width: int | None = Field(None, description="px; of a painting, upright")
    height: int | None = None
    created_at: datetime | None = Field(None, description="of your own")
    links: StyleLinks


class StyleList(Document):
    styles: list[StyleDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.get("")
@operation(Operation({200: StyleList}, scopes=PAINTING, query=StylePage))
def list_styles() -> Response:
    """List the styles: the paintings and looks that come with Likeness, then your own in the order of their ids."""
    page = read_query(StylePage)
    wanted = services().styles.styles(caller().tenant, after=page.cursor or "", words=page.q or "")
    found = list(islice(wanted, page.limit + 1))
    shown = found[: page.limit]
    more = shown[-1].id if len(found) > page.limit else None
    return document(StyleList(styles=[_view(style) for style in shown], next_cursor=more))


@blueprint.put("/<id:style>")
@operation(Operation({200: StyleDocument, 201: StyleDocument}, scope=Scope.STYLISE, body=NewStyle, problems=(409,)))
def put_style(style: str) -> Response:
    """Add a picture of your own to the library, or replace one.

    The file is kept as it is. Each side needs at least 64 px.
    """
    sent = read_body(NewStyle)
    with context().uploads.decoding("image") as limits:
        found = StylePicture.read(sent.image, limits)
    described = Credits(title=sent.title or style, artist=sent.artist, year=sent.year, licence=sent.licence)
    most = context().settings.limits.styles
    made, is_new = services().styles.put(caller().tenant, style, described, found, most=most)
    return document(_view(made), 201 if is_new else 200)


@blueprint.get("/<id:style>")
@operation(Operation({200: StyleDocument}, scopes=PAINTING))
def get_style(style: str) -> Response:
    """Read a style: title, artist, year, licence."""
    return document(_view(services().styles.find(caller().tenant, style)))


@blueprint.delete("/<id:style>")
@operation(Operation({204: None}, scope=Scope.STYLISE, problems=(409,)))
def delete_style(style: str) -> Response:
    """Delete a style of your own with its picture.

    Jobs that were accepted with it have a copy, which goes with them.
    """
    services().styles.delete(caller().tenant, style)
    return Response(status=204)


@blueprint.get("/<id:style>/image")
@operation(Operation({200: "image/*"}, scopes=PAINTING))
def get_style_image(style: str) -> Response:
    """The picture of a style, as it was uploaded; looks have none."""
    found, data = services().styles.picture(caller().tenant, style)
    return sent(data, found.media_type)


@blueprint.get("/<id:style>/thumbnail")
@operation(Operation({200: "image/jpeg"}, scopes=PAINTING))
def get_style_thumbnail(style: str) -> Response:
    """A small picture of a style; of a look, what it makes of a photo."""
    data = services().styles.thumbnail(caller().tenant, style)
    return sent(data, "image/jpeg")


def _view(style: Style) -> StyleDocument:
    url = f"/v1/styles/{style.id}"
    image = f"{url}/image" if style.kind is StyleKind.PAINTING else None
    return StyleDocument(
        **style.model_dump(exclude={"key", "media_type"}),
        modes=list(style.modes),
        links=StyleLinks(self=url, image=image, thumbnail=f"{url}/thumbnail"),
    )
