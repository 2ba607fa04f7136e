"""Pages of other origins that may call the API (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).

None may unless the settings name their origins. Credentials are never allowed: the API takes no cookies, and a
page that has a key sends it itself.
"""

from flask import Response, request

from gateway.context import context

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, Range, X-Request-Id"
)
ANSWER_HEADERS = (
    "Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, Preference-Applied, RateLimit, "
    "RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
)
PREFLIGHT_S = 600


def answer_preflight() -> Response | None:
    """Tell a browser what a page may send; it asks without a key."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not _allowed():
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = METHODS
    response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
    response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_S)
    return response


def finish(response: Response) -> Response:
    """Let a page of an allowed origin read the answer."""
    if context().settings.front.origins:
        response.vary.add("Origin")
    if _allowed():
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = ANSWER_HEADERS
    return response


def _allowed() -> bool:
    return request.headers.get("Origin") in context().settings.front.origins
