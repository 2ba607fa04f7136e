"""`/docs`: Swagger UI from the flask-swagger-ui package. No script comes from anywhere but this server."""

import mimetypes
from importlib.resources import files

from apiflask import APIBlueprint
from flask import Response
from werkzeug.exceptions import NotFound as NoSuchPage

from gateway.web.operations import Operation, operation

blueprint = APIBlueprint("docs", __name__, url_prefix="/docs", enable_openapi=False)

# The package's own blueprint would put an inline script into the page; its files are all that is used of it.
DIST = files("flask_swagger_ui") / "dist"
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
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
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


@blueprint.get("/<name>")
@operation(Operation({200: "application/octet-stream"}, public=True))
def asset(name: str) -> Response:
    if name not in SERVED:
        raise NoSuchPage
    response = _answer((DIST / name).read_bytes(), mimetypes.guess_type(name)[0] or "")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


def _answer(body: str | bytes, media_type: str) -> Response:
    response = Response(body, mimetype=media_type)
    response.headers["Content-Security-Policy"] = POLICY
    return response
