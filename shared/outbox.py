"""The outbox: everything that others must hear of, written down in the same step as what it tells.

A job's outcome and its entry here are one atomic step of Redis (jobs.lua), so neither a crash nor a lost message
can part them. Each reader goes through the entries in their order and says how far it is done; what all of them
have done is removed. An entry is read at least once: readers must not mind seeing one again.

Redis must not run full of what nobody reads: only the audit may keep an entry for longer than a day, and of more than
`MOST_ENTRIES` the oldest are dropped. `Outbox.missed` says so to a reader that had not read them.
(The pattern: C. Richardson, Microservices Patterns, 2018, "Transactional outbox".)
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any, cast

from pydantic import Field
from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable
from shared.schemas import Message

MOST_ENTRIES = 200_000  # 1.7 KB each, more for photos of many people; also what our Lua scripts keep to
LAST_S = 253_402_300_800.0  # the year 10000
LATEST_S = 86_400.0  # so long is waited for readers other than the audit
JOB = "job"
UNREADABLE = "unreadable"


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
    at: float = Field(ge=0, lt=LAST_S)


class Outbox:
    """Raises QueueUnavailable when Redis cannot be reached."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        *,
        most_entries: int = MOST_ENTRIES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._most = most_entries
        self._clock = clock
        self._stream = f"{prefix}outbox"
        self._done = f"{prefix}outbox:done"

    def append(self, new: NewOccurrence) -> None:
        fields = {
            "tenant": new.tenant,
            "kind": new.kind,
            "actor": new.actor,
            "trace": new.trace,
            "at": f"{self._clock():.6f}",
            "data": json.dumps(dict(new.data)),
        }
        # redis-py wants a wider type than it needs
        entry = cast("dict[Any, Any]", fields)
        self._call(lambda: self._redis.xadd(self._stream, entry, maxlen=self._most, approximate=True))

    def read(self, reader: Reader, count: int = 50, *, after: str = "") -> list[Occurrence]:
        """What the reader is not done with, or what comes after an entry, oldest first.

        One that makes no sense has the kind `UNREADABLE` and no data. A recognition of many faces has 0.4 MB, so
        do not read too many.
        """
        found = self._call(
            lambda: self._redis.xrange(self._stream, min=f"({after or self._mark(reader)}", max="+", count=count)
        )
        return [_occurrence(entry_id, fields) for entry_id, fields in found]

    def missed(self, reader: Reader) -> str | None:
        """After which entry some were dropped, it seems, that the reader had not read; None when there are none.

        As long as more is kept than it is done with nothing was: dropping stops at `MOST_ENTRIES`.
        """
        if self.length() < self._most:
            return None
        done = self._mark(reader)
        first = self._call(lambda: self._redis.xrange(self._stream, count=1))
        return done if first and _order(first[0][0]) > _order(done) else None

    def _mark(self, reader: Reader) -> str:
        done = self._call(lambda: self._redis.hget(self._done, reader.value)) or "0-0"
        if done == "0-0":  # known from now on: nothing is removed before it was done with it
            self._call(lambda: self._redis.hsetnx(self._done, reader.value, done))
        return str(done)

    def done(self, reader: Reader, last_id: str) -> None:
        """The reader needs nothing up to this entry any more."""
        self._call(lambda: self._redis.hset(self._done, reader.value, last_id))
        known = self._call(lambda: self._redis.hgetall(self._done))
        # Nothing goes past the audit, also before it has run for the first time.
        audited = _order(known.pop(Reader.AUDIT.value, "0-0"))
        too_old = (int((self._clock() - LATEST_S) * 1000), 0)
        milliseconds, number = min([audited, *(max(_order(mark), too_old) for mark in known.values())])
        # To the last one, not in whole nodes: entries name people, who may be erased.
        first_kept = f"{milliseconds}-{number + 1}"
        self._call(lambda: self._redis.xtrim(self._stream, minid=first_kept, approximate=False))

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
    """One that makes no sense must keep nobody from those that follow it."""
    with suppress(LookupError, ValueError, TypeError, RecursionError):
        return _parsed(entry_id, fields)
    return Occurrence(id=entry_id, at=_order(entry_id)[0] / 1000, tenant=fields.get("tenant", ""), kind=UNREADABLE)


def _parsed(entry_id: str, fields: Mapping[str, str]) -> Occurrence:
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
