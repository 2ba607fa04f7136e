"""`/docs`: Swagger UI from the swagger-ui-bundle package. No script comes from anywhere but this server."""

import mimetypes
from collections.abc import Mapping
from typing import Any, cast

from apiflask import APIBlueprint, APIFlask
from flask import Response, current_app, json
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]
from werkzeug.exceptions import NotFound as NoSuchPage

from gateway.operations import Operation, operation

blueprint = APIBlueprint("docs", __name__, url_prefix="/docs", enable_openapi=False)

# Swagger UI's style sheet carries its icons as data: URLs.
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
SERVED = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Likeness API</title>
  <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
  <link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/docs/swagger-ui-bundle.js"></script>
  <script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/docs/openapi-3.0.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
});
"""


@blueprint.get("")
@operation(Operation({200: "text/html"}, public=True))
def page() -> Response:
    return _answer(PAGE, "text/html")


@blueprint.get("/start.js")
@operation(Operation({200: "text/javascript"}, public=True))
def start() -> Response:
    return _answer(START, "text/javascript")


@blueprint.get("/openapi-3.0.json")
@operation(Operation({200: "application/json"}, public=True))
def openapi_30() -> Response:
    app = cast("APIFlask", current_app)
    return _answer(json.dumps(as_openapi_30(app.spec)), "application/json")


@blueprint.get("/<name>")
@operation(Operation({200: "application/octet-stream"}, public=True))
def asset(name: str) -> Response:
    if name not in SERVED:
        raise NoSuchPage
    response = _answer((swagger_ui_path / name).read_bytes(), mimetypes.guess_type(name)[0] or "")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


def as_openapi_30(node: Any) -> Any:
    """The same document in OpenAPI 3.0.3, which is all that the bundled Swagger UI 4 can show."""
    match node:
        case list():
            return [as_openapi_30(item) for item in node]
        case {"openapi": str(), **rest}:
            return {"openapi": "3.0.3", **as_openapi_30(rest)}
        case {"anyOf": [*options], **rest} if {"type": "null"} in options:
            meant = [as_openapi_30(option) for option in options if option != {"type": "null"}]
            one = {"allOf" if len(meant) == 1 else "anyOf": meant}
            return {**as_openapi_30(rest), **one, "nullable": True}
        case dict():
            return {name: as_openapi_30(value) for name, value in _keywords_30(node).items()}
        case _:
            return node


def _keywords_30(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema 2020-12 keywords as OpenAPI 3.0 spells them; what it has no word for is left out."""
    kept = {name: value for name, value in schema.items() if name not in {"propertyNames", "contentMediaType"}}
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if kept.pop("contentEncoding", None) == "base64":
        kept["format"] = "byte"
    if isinstance(above := kept.get("exclusiveMinimum"), int | float):
        kept |= {"minimum": above, "exclusiveMinimum": True}
    if isinstance(below := kept.get("exclusiveMaximum"), int | float):
        kept |= {"maximum": below, "exclusiveMaximum": True}
    if isinstance(kept.get("examples"), list):
        kept["example"] = kept.pop("examples")[0]
    return kept


def _answer(body: str | bytes, media_type: str) -> Response:
    response = Response(body, mimetype=media_type)
    response.headers["Content-Security-Policy"] = POLICY
    return response
