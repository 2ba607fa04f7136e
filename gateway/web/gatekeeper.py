"""What happens to every request before its view: a request id, a key with the scope, ids that are ids.

Nothing under the routes is reached without a key unless its operation says `public`.
"""

import re
import time
import uuid

from flask import current_app, g, request

from gateway.context import services
from gateway.errors import InvalidId, RateLimited, UnsupportedMediaType
from gateway.web import idempotency
from gateway.web.bodies import Body, read_query
from gateway.web.expectations import id_advice
from gateway.web.operations import Operation, operation_of
from gateway.web.prefer import wait_seconds
from gateway.web.references import PLAIN
from shared.schemas import ID_PATTERN, ID_RULE

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CLIENT_SILENCE_S = 30.0  # a client that neither sends nor takes anything for so long has gone
SPEC = "openapi.spec"  # APIFlask's own route, /openapi.json


class NoQuery(Body):
    """Of routes that take no query parameters."""


def begin() -> None:
    """Name the request and start its clock; never fails."""
    g.started = time.monotonic()
    sent = request.headers.get("X-Request-Id", "")
    g.trace_id = uuid.uuid4().hex
    g.request_id = sent if REQUEST_ID.fullmatch(sent) else g.trace_id
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(CLIENT_SILENCE_S)


def admit() -> None:
    """Let the request in, or raise what is wrong with it.

    Raises:
        Unauthorized, RateLimited, Forbidden, UnsupportedMediaType, InvalidId, InvalidField, InvalidPrefer,
        InvalidIdempotencyKey and, for a POST without a body, what `idempotency.begin` raises
    """
    described = _operation()
    if described is None or described.public:
        return
    g.caller = services().keys.authenticate(request.headers.get("Authorization"))
    _limit()
    if described.needed:
        g.caller.require(*described.needed)
    if request.headers.get("Content-Encoding", "") not in PLAIN:
        raise UnsupportedMediaType("The body must be sent as it is, without `Content-Encoding`.")
    for name, value in (request.view_args or {}).items():
        if not re.fullmatch(ID_PATTERN, value):
            raise InvalidId(f"The {name} id in the path must be {ID_RULE}.{id_advice(name)}")
    if described.query is None:
        read_query(NoQuery)
    g.preferred_wait = wait_seconds(request.headers.get("Prefer")) if described.waits else None
    idempotency.read_header(makes_job=described.waits)
    if described.body is None:
        idempotency.begin(str)


def _limit() -> None:
    """Count the request; gateway/web/parting.py tells what is left."""
    g.allowance = services().rates.hit(g.caller.id)
    if g.allowance and not g.allowance.admitted:
        raise RateLimited(
            f"This key may send {g.allowance.limit:,} requests a minute. Wait, or ask for a higher limit.",
            retry_after=g.allowance.reset,
        )


def _operation() -> Operation | None:
    """The matched route's; None for what no route matches, which becomes 404 or 405, and for /openapi.json.

    A route that says nothing about itself needs a key.
    """
    if request.endpoint is None or request.endpoint == SPEC:
        return None
    return operation_of(current_app.view_functions[request.endpoint]) or Operation({})
