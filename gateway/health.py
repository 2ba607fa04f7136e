"""Is the process alive, and can it do its work? Neither question needs a key."""

from collections.abc import Iterator

from apiflask import APIBlueprint
from flask import Response, redirect
from werkzeug.wrappers import Response as BaseResponse

from gateway.context import services
from gateway.web.operations import Operation, operation
from gateway.web.problems import problem
from gateway.web.responses import Document, document
from shared.errors import Unavailable
from shared.queue import Queue

blueprint = APIBlueprint("health", __name__)

SERVED = (Queue.FACE_INTERACTIVE, Queue.STYLE_INTERACTIVE, Queue.STYLE_BULK)


class Health(Document):
    status: str


@blueprint.get("/healthz")
@operation(Operation({200: Health}, public=True))
def healthz() -> Response:
    """The process answers."""
    return document(Health(status="ok"))


@blueprint.get("/readyz")
@operation(Operation({200: Health}, public=True, problems=(503,)))
def readyz() -> Response:
    """Redis, object storage and a warm worker of each kind are there."""
    if missing := list(_missing()):
        return problem(503, "not_ready", f"Not ready: {'; '.join(missing)}.", missing=missing)
    return document(Health(status="ready"))


@blueprint.get("/")
@blueprint.doc(hide=True)
@operation(Operation({302: None}, public=True))
def root() -> BaseResponse:
    """To where a person can start."""
    return redirect("/console")


def _missing() -> Iterator[str]:
    try:
        services().store.ping()
    except Unavailable as error:
        yield f"object storage ({error})"
    try:
        services().presence.check_writable()
        for queue in SERVED:
            if services().presence.workers(queue) == 0:
                yield f"a warm worker for {queue.value}"
    except Unavailable as error:
        yield f"Redis ({error})"
