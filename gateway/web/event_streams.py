"""Server-sent events (WHATWG HTML, 9.2) of what changes: each event once and in order, however often one reconnects.

An event's id is its place in a Redis stream. A client that comes back with the id of the last event it has seen whole
gets what came after it. Of a long stream the oldest events are removed: whoever comes back with one of those goes on
with the oldest that is left, and misses nothing that a later one does not say again.
"""

import json
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Response, request

from gateway.context import Services, caller, context, services
from gateway.errors import TooManyStreams, Unauthorized
from shared.errors import InvalidField, NotFound, Unavailable

EVENT_STREAM = "text/event-stream"
EVENT_ID = r"[0-9]{1,19}-[0-9]{1,19}"  # two numbers that fit Redis's 64 bits
BEGINNING = "0-0"
RECONNECT_MS = 2000
CLIENT_SILENCE_MS = 30_000  # a client whose machine confirms nothing for so long has gone


class Event(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def event(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def final(self) -> bool: ...


@dataclass(frozen=True)
class Story:
    """What a client follows.

    Attributes:
        over: whether all events are there already. Raises NotFound when there is nothing to follow any more.
        after: the events after an id; waits a moment for one when its second argument says so.
    """

    over: Callable[[], bool]
    after: Callable[[str, bool], Sequence[Event]]


def stream(story: Story) -> Response:
    """The events after `Last-Event-ID`, and those to come; 204 when there are none of either.

    Raises:
        InvalidField, NotFound, TooManyStreams
    """
    after = request.headers.get("Last-Event-ID", BEGINNING)
    if not re.fullmatch(EVENT_ID, after):
        raise InvalidField("`Last-Event-ID` must be the id of an event of this stream.")
    if story.over() and not story.after(after, False):
        return Response(status=204)  # an EventSource then stops coming back
    _notice_lost_clients()
    leave = context().streams.take(caller().tenant)  # last of what can fail: nobody else would give it back
    if leave is None:
        raise TooManyStreams("Too many event streams are open; ask for the state itself, or come back later.")
    response = Response(_told(services(), story, after, request.headers.get("Authorization")), mimetype=EVENT_STREAM)
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back
    response.call_on_close(leave)
    return response


def _told(given: Services, story: Story, after: str, authorization: str | None) -> Iterator[str]:
    """Runs after the view has returned, so it is given its services.

    When Redis fails the stream ends; the client comes back with the last id. It ends, too, when the key is revoked.
    """
    yield f"retry: {RECONNECT_MS}\n\n"
    try:
        while not given.stopping.is_set():
            given.keys.authenticate(authorization)
            # Asked before reading: what the stream of something that is over holds now is all there will be.
            over = story.over()
            for event in (events := story.after(after, not over)):
                yield _text(event)
                after = event.id
                if event.final:
                    return
            if over:
                return
            if not events:
                yield ": keep-alive\n\n"
    except (NotFound, Unauthorized, Unavailable):
        return


def _text(event: Event) -> str:
    """The id comes last: a client that takes it before the event is whole has at least read the event."""
    return f"event: {event.event}\ndata: {json.dumps(event.data, separators=(',', ':'))}\nid: {event.id}\n\n"


def _notice_lost_clients() -> None:
    """Have the kernel give a connection up whose other end confirms nothing: by itself it tries for 15 minutes."""
    connection = request.environ.get("gunicorn.socket")
    if connection is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, CLIENT_SILENCE_MS)
