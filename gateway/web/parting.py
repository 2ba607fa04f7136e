"""What happens to every answer: headers, the rest of an unread body, one line in the log."""

import time
from typing import Any

import structlog
from flask import Response, g, request
from gunicorn.http.errors import ParseException

from gateway.context import context, request_id, trace_id

log = structlog.get_logger("gateway")

DISCARD_BYTES = 256 * 2**20
DISCARD_S = 20.0
STRANGER_S = 3.0  # as long, for a client without a key
SILENCE_S = 1.0  # whoever sends nothing for so long is waiting for the answer
PIECE = 64 * 2**10
UNLESS_SAID = {  # by the view: pages for people need more than an API does
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def finish(response: Response) -> Response:
    if response.status_code >= 400:
        _discard_rest_of_body()
    headers = response.headers
    headers["X-Request-Id"] = request_id()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    for name, value in UNLESS_SAID.items():
        headers.setdefault(name, value)
    if context().settings.front.https or request.headers.get("X-Forwarded-Proto") == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if allowance := g.get("allowance"):
        headers.update(allowance.headers)
    if request.path.startswith("/v1/"):
        headers["Cache-Control"] = "no-store"
    _log_when_sent(response)
    return response


def _discard_rest_of_body() -> None:
    """Read what the client still sends: while sending it would see a reset connection, not the answer.

    Without a key a client gets little of this, or strangers could hold every thread.
    """
    environ = request.environ
    if not environ.get("wsgi.input_terminated"):
        return  # only then does the stream end by itself
    source, socket = environ["wsgi.input"], environ.get("gunicorn.socket")
    left = DISCARD_BYTES if "caller" in g else context().settings.limits.body_bytes
    until = time.monotonic() + (DISCARD_S if "caller" in g else STRANGER_S)
    try:
        while left > 0 and (seconds := until - time.monotonic()) > 0:
            if socket is not None:
                socket.settimeout(min(seconds, SILENCE_S))
            piece = source.read(min(PIECE, left))
            if not piece:
                return
            left -= len(piece)
    except (OSError, ParseException):  # the client is gone, silent or confused; the answer is written anyway
        return


def _log_when_sent(response: Response) -> None:
    """One line when the answer's last byte is out, so that streams are measured whole."""
    caller = g.get("caller")
    line: dict[str, Any] = {
        "method": request.method,
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "request_id": request_id(),
        "trace": trace_id(),
        "tenant": caller.tenant if caller else None,
        "key": caller.id if caller else None,
    }
    started = g.started
    response.call_on_close(lambda: log.info("request", **line, ms=round((time.monotonic() - started) * 1000, 1)))
