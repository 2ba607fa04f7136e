"""The outbox: everything that others must hear of, written down in the same step as what it tells.

A job's outcome and its entry here are one atomic step of Redis (jobs.lua), so neither a crash nor a lost message
can part them. Each reader goes through the entries in their order and says how far it is done; what all of them
have done is removed. An entry is read at least once: readers must not mind seeing one again.
(The pattern: C. Richardson, Microservices Patterns, 2018, "Transactional outbox".)
"""

import json
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, cast

from pydantic import Field
from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable
from shared.schemas import Message

MOST_ENTRIES = 1_000_000  # as a last resort, where a reader that once ran never comes back
JOB = "job"


class Reader(StrEnum):
    AUDIT = "audit"
    WEBHOOKS = "webhooks"


class NewOccurrence(Message):
    """Something that happened to an object of a tenant.

    Attributes:
        kind: `job`, or what happened to what: `person.erased`, `key.created`, ...
        actor: id of the API key that asked for it; empty for what the system does by itself.
        trace: id of the request that it began with.
        data: flat JSON; never images, embeddings or secrets.
    """

    tenant: str
    kind: str
    actor: str = ""
    trace: str = ""
    data: Mapping[str, Any] = Field(default_factory=dict)


class Occurrence(NewOccurrence):
    """`id` orders the entries and names one for ever; `at` is in UTC seconds since 1970.

    The data of a `job`: job, type, status, payload; result, error and model where there are such.
    """

    id: str
    at: float


class Outbox:
    """Raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._stream = f"{prefix}outbox"
        self._done = f"{prefix}outbox:done"

    def append(self, new: NewOccurrence) -> None:
        fields = {
            "tenant": new.tenant,
            "kind": new.kind,
            "actor": new.actor,
            "trace": new.trace,
            "at": f"{time.time():.6f}",
            "data": json.dumps(dict(new.data)),
        }
        # redis-py wants a wider type than it needs
        entry = cast("dict[Any, Any]", fields)
        self._call(lambda: self._redis.xadd(self._stream, entry, maxlen=MOST_ENTRIES, approximate=True))

    def read(self, reader: Reader, count: int = 500) -> list[Occurrence]:
        """What the reader is not done with, oldest first."""
        done = self._call(lambda: self._redis.hget(self._done, reader.value)) or "0-0"
        if done == "0-0":  # known from now on: nothing is removed before it was done with it
            self._call(lambda: self._redis.hsetnx(self._done, reader.value, done))
        found = self._call(lambda: self._redis.xrange(self._stream, min=f"({done}", max="+", count=count))
        return [_occurrence(entry_id, fields) for entry_id, fields in found]

    def done(self, reader: Reader, last_id: str) -> None:
        """The reader needs nothing up to this entry any more."""
        self._call(lambda: self._redis.hset(self._done, reader.value, last_id))
        positions = self._call(lambda: self._redis.hvals(self._done))
        behind = min(positions, key=_order)
        # Entries before the one that the slowest reader did last; that one may stay.
        self._call(lambda: self._redis.xtrim(self._stream, minid=behind, approximate=True))

    def length(self) -> int:
        """How many entries are kept."""
        return cast("int", self._call(lambda: self._redis.xlen(self._stream)))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"The outbox cannot be reached ({type(error).__name__}).") from error


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def _occurrence(entry_id: str, fields: Mapping[str, str]) -> Occurrence:
    """A job's parts come as JSON texts of their own, since Lua would not keep empty lists apart from empty objects."""
    if fields["kind"] == JOB:
        data: dict[str, Any] = {name: fields[name] for name in ("job", "type", "status")}
        data |= {
            name: json.loads(text) for name in ("payload", "result", "error", "model") if (text := fields.get(name))
        }
    else:
        data = json.loads(fields["data"])
    return Occurrence(
        id=entry_id,
        at=float(fields["at"]),
        tenant=fields["tenant"],
        kind=fields["kind"],
        actor=fields["actor"],
        trace=fields["trace"],
        data=data,
    )
