"""Server-sent events (WHATWG HTML, 9.2): bytes in, events out; knows nothing of connections."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened to a job or a batch.

    `id` is where the stream can be resumed, "" when the event was found by polling. `data` is the progress, the
    error, or what else belongs to it.
    """

    id: str
    event: str
    data: dict[str, Any]


@dataclass
class EventParser:
    """Of one connection: an event that is cut off never comes out."""

    _rest: bytes = b""
    _id: str = ""
    _event: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, received: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if event := self._take(line.decode().removesuffix("\r")):
                yield event

    def _take(self, line: str) -> Event | None:
        if not line:
            return self._complete()
        name, _, value = line.partition(":")  # a comment has no name
        value = value.removeprefix(" ")
        match name:
            case "id":
                self._id = value
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case _:
                pass  # comments, `retry`, and fields to come
        return None

    def _complete(self) -> Event | None:
        event, data = self._event, self._data
        self._event, self._data = "", []
        return Event(self._id, event or "message", json.loads("\n".join(data))) if data else None
