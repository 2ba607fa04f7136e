"""`/console`: the web console, static files that speak to the API with a key of the operator's own.

The files are read once, at the start: what is not among them cannot be asked for, whatever a path says. They hold
no secret, so they need no key; a policy of the browser's keeps them from loading or reaching anything elsewhere.
"""

import hashlib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from apiflask import APIBlueprint
from flask import Response, redirect, request
from werkzeug.exceptions import NotFound as NoSuchPage
from werkzeug.wrappers import Response as BaseResponse

from gateway.web.operations import Operation, operation

blueprint = APIBlueprint("console", __name__, url_prefix="/console", enable_openapi=False)

FOLDER = files("gateway") / "console"
INDEX = "index.html"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
PERMISSIONS = "camera=(self), microphone=(), geolocation=()"


class StaticFile(NamedTuple):
    content: bytes
    media_type: str
    sha256: str


def read_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, StaticFile]]:
    """Every file of the console below a folder, by its path; files of no known type are none of it."""
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from read_files(entry, f"{name}/")
        elif media_type := MEDIA_TYPES.get(f".{entry.name.rpartition('.')[2]}"):
            content = entry.read_bytes()
            yield name, StaticFile(content, media_type, hashlib.sha256(content).hexdigest())


FILES: Mapping[str, StaticFile] = dict(read_files(FOLDER))


@blueprint.get("")
@operation(Operation({200: "text/html"}, public=True))
def page() -> Response:
    return _answer(FILES[INDEX])


@blueprint.get("/")
@operation(Operation({302: None}, public=True))
def with_a_slash() -> BaseResponse:
    """As some write the address."""
    return redirect("/console")


@blueprint.get("/<path:name>")
@operation(Operation({200: "application/octet-stream"}, public=True))
def asset(name: str) -> Response:
    if name not in FILES:
        raise NoSuchPage
    return _answer(FILES[name])


def _answer(found: StaticFile) -> Response:
    """The file, or 304: a browser asks each time, so that no page is mixed from two versions."""
    response = Response(found.content, content_type=found.media_type)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Permissions-Policy"] = PERMISSIONS
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(found.sha256)
    response.make_conditional(request)
    return response
