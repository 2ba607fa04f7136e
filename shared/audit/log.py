"""The audit's log of each tenant: appended to by housekeeping, read and verified by the gateway.

However many write at once and wherever one of them dies, the log has no gap, no fork and nothing twice:
- A segment's name is the number of its first entry and is given once (put_if_absent), so who believes in an older
  end than there is finds the name taken and looks again.
- An entry's id is that of what happened (its place in the outbox), so what was written by one who died before he
  could say so is found at the end of the log and not written again.

The end is noted outside of the log, in Redis and in an object of its own, and writers go on from the newest end that
anybody noted: what somebody cut off the log stays missing.
"""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from pydantic import Field
from redis import Redis
from redis.exceptions import RedisError

from shared.audit.chain import Segment, genesis, line, seal
from shared.audit.check import check
from shared.audit.objects import HEADS, PACK, AuditObjects, Chunk, head_key, last_of_pack
from shared.errors import ObjectNotFound, QueueUnavailable
from shared.schemas import FACT_ID, AuditEntry, AuditFact, AuditHead, AuditVerification, Message
from shared.storage.store import ObjectStore

MOST_LOOKED_THROUGH = 100_000  # entries, for one page
MOST_ENTRIES = 10**11  # who notes a larger number than this for the end damaged the note; names have twelve digits
_NOTE = """
local former = redis.call('HGET', KEYS[1], ARGV[1])
local readable, noted = pcall(cjson.decode, former or '')
local sequence = readable and type(noted) == 'table' and tonumber(noted.sequence) or 0
if sequence >= tonumber(ARGV[2]) and sequence <= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
"""


class _End(Message):
    """The newest entry of a log."""

    sequence: int = Field(ge=0, le=MOST_ENTRIES)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    id: str = Field(pattern=FACT_ID)  # of what happened last

    @property
    def head(self) -> AuditHead:
        return AuditHead(sequence=self.sequence, hash=self.hash)


@dataclass(frozen=True)
class AuditQuery:
    """Which entries: from `since` to before `until`, of these; None: any."""

    since: datetime | None = None
    until: datetime | None = None
    gallery: str | None = None
    person: str | None = None  # his uid
    device: str | None = None
    action: str | None = None
    newest_first: bool = True

    def chosen(self, segment: Segment) -> list[AuditEntry]:
        """The entries of a segment that it asks for, in its order."""
        members = {name: getattr(self, name) for name in ("gallery", "person", "device", "action")}
        wanted = {name: value for name, value in members.items() if value is not None}
        # The lines are canonical, so most others need not be parsed.
        marks = [f'"{name}":{json.dumps(value, ensure_ascii=False)}'.encode() for name, value in wanted.items()]
        found = []
        for text in segment.data.splitlines():
            if all(mark in text for mark in marks) and (entry := _entry(text)):
                since, until = self.since or entry.at, self.until
                if since <= entry.at and (until is None or entry.at < until):
                    found.append(entry)
        exact = [entry for entry in found if all(getattr(entry, name) == value for name, value in wanted.items())]
        return exact[::-1] if self.newest_first else exact


@dataclass(frozen=True)
class AuditPage:
    """`cursor`, for the next page, is a sequence number; None when there is nothing more."""

    entries: list[AuditEntry]
    cursor: int | None


class AuditLog:
    """Raises StorageUnavailable, or QueueUnavailable when Redis cannot be reached."""

    def __init__(self, store: ObjectStore, redis: Redis, prefix: str) -> None:
        self._store = store
        self._objects = AuditObjects(store)
        self._redis = redis
        self._heads = f"{prefix}audit:heads"
        self._note = redis.register_script(_NOTE)
        self._ends: dict[str, _End] = {}  # as this process knows them; may be old
        self._packed: dict[str, int] = {}

    # --- writing ---

    def append(self, tenant: str, facts: Sequence[AuditFact]) -> AuditHead | None:
        """Append those facts that the log does not hold, which are in the order of their ids.

        Returns:
            The newest entry, now that the log holds all of them; None when another writer was faster: try again.
        """
        end = self._ends.get(tenant) or self._find_end(tenant)
        entries = seal(self._new(tenant, facts, end), end.head)
        for _, group in groupby(entries, lambda entry: last_of_pack(entry.sequence)):
            segment = list(group)
            if not self._objects.put_segment(tenant, segment[0].sequence, b"".join(map(line, segment))):
                self._ends.pop(tenant, None)
                return None
            self._ends[tenant] = end = _end(segment[-1])
        self._note_end(tenant, end)
        return end.head

    def pack(self, tenant: str) -> None:
        """Make what packs are complete, once for `PACK` entries."""
        end = self._ends.get(tenant)
        if end and end.sequence - self._packed.get(tenant, 0) >= PACK:
            self._packed[tenant] = self._objects.pack(tenant, end.sequence)

    def _new(self, tenant: str, facts: Sequence[AuditFact], end: _End) -> list[AuditFact]:
        if not facts or position(facts[0].id) > position(end.id):
            return list(facts)
        # Another round wrote some of them, or Redis lost its newest entries and its clock went back.
        oldest, known = position(facts[0].id), set()
        for chunk in reversed(self._objects.chunks(tenant)):
            ids = [entry.id for segment in self._objects.read([chunk]) for entry in _entries(segment)]
            known.update(ids)
            if ids and position(ids[0]) < oldest:
                break
        return [fact for fact in facts if fact.id not in known]

    def _find_end(self, tenant: str) -> _End:
        newest = self._objects.last_segment(tenant)
        known = self._noted(tenant) + ([_end_of(newest)] if newest and newest.first <= MOST_ENTRIES else [])
        return max(known, key=lambda end: end.sequence, default=_End(sequence=0, hash=genesis(tenant), id="0-0"))

    def tenants(self) -> list[str]:
        """Who has a log."""
        return [key.removeprefix(HEADS).removesuffix(".json") for key in self._store.keys(HEADS)]

    # --- the end as it was noted ---

    def heads(self, tenant: str) -> list[AuditHead]:
        """The newest entry as Redis and as the object store know it."""
        return [end.head for end in self._noted(tenant)]

    def _noted(self, tenant: str) -> list[_End]:
        found: list[str | bytes | None] = []
        try:
            found.append(self._redis.hget(self._heads, tenant))
        except RedisError as error:
            raise QueueUnavailable(f"Redis cannot be reached ({type(error).__name__}).") from error
        with suppress(ObjectNotFound):
            found.append(self._store.get(head_key(tenant)))
        ends = []
        for text in found:
            with suppress(ValueError):  # somebody altered it
                ends += [_End.model_validate_json(text)] if text else []
        return ends

    def _note_end(self, tenant: str, end: _End) -> None:
        """Never an older one than is noted already."""
        text = end.model_dump_json()
        try:
            self._note(keys=[self._heads], args=[tenant, end.sequence, text, MOST_ENTRIES])
        except RedisError as error:
            raise QueueUnavailable(f"Redis cannot be reached ({type(error).__name__}).") from error

        def newer(former: bytes) -> bytes:
            with suppress(ValueError):
                if _End.model_validate_json(former).sequence >= end.sequence:
                    return former
            return text.encode()

        try:
            self._store.update(head_key(tenant), newer)
        except ObjectNotFound:
            self._store.put_if_absent(head_key(tenant), text.encode())

    # --- reading ---

    def page(
        self,
        tenant: str,
        query: AuditQuery,
        *,
        cursor: int | None = None,
        limit: int = 50,
        most_looked_through: int = MOST_LOOKED_THROUGH,
    ) -> AuditPage:
        """At most `limit` entries, those after `cursor` in the order of the query.

        There may be fewer, or none, although there is a further page: so many entries were looked through.
        """
        shown: list[AuditEntry] = []
        looked, last = 0, 0
        for segment in self._objects.read(self._asked(tenant, query, cursor)):
            looked += segment.data.count(b"\n")
            for entry in query.chosen(segment):
                if cursor is not None and _behind(entry.sequence, cursor, query):
                    continue
                if len(shown) == limit:
                    return AuditPage(shown, shown[-1].sequence)
                shown.append(entry)
            # By the number of its name: lines may have been altered.
            last = segment.first if query.newest_first else max(cursor or 0, _last_of(segment))
            if looked >= most_looked_through:
                return AuditPage(shown, last)
        return AuditPage(shown, None)

    def entries(self, tenant: str, query: AuditQuery) -> Iterator[AuditEntry]:
        """All that the query asks for; where it lies is found at once, so that an outage is told at once."""
        asked = self._asked(tenant, query, None)
        return (entry for segment in self._objects.read(asked) for entry in query.chosen(segment))

    def _asked(self, tenant: str, query: AuditQuery, cursor: int | None) -> list[Chunk]:
        """The chunks that may hold what is asked for, in its order."""
        found = [chunk for chunk in self._objects.chunks(tenant) if chunk.touches(query.since, query.until)]
        if cursor is not None:
            place = bisect_left(found, cursor if query.newest_first else cursor + 1, key=lambda one: one.first)
            # The one before begins where the cursor is, or holds it.
            found = found[:place] if query.newest_first else found[max(0, place - 1) :]
        return found[::-1] if query.newest_first else found

    # --- verifying ---

    def verify(self, tenant: str, noted: Iterable[str] = ()) -> AuditVerification:
        """Whether the log is whole, up to the heads that were noted here and to those hashes, noted elsewhere.

        Reads every object, some hundreds a second.
        """
        heads = self.heads(tenant)  # before the log: what is appended meanwhile is not missed
        return check(self._objects, tenant, heads, noted)


def position(fact_id: str) -> tuple[int, int, int]:
    """Orders ids: milliseconds and number of the outbox's entry, and the face where it tells of several."""
    milliseconds, _, rest = fact_id.partition("-")
    number, _, face = rest.partition(".")
    return int(milliseconds), int(number), int(face or 0)


def _behind(sequence: int, cursor: int, query: AuditQuery) -> bool:
    """Whether an entry was on a page before."""
    return sequence >= cursor if query.newest_first else sequence <= cursor


def _entry(text: bytes) -> AuditEntry | None:
    """None for a line that somebody damaged."""
    try:
        return AuditEntry.model_validate_json(text, extra="ignore")  # a newer version may say more
    except ValueError:
        return None


def _entries(segment: Segment) -> list[AuditEntry]:
    return [entry for text in segment.data.splitlines() if (entry := _entry(text))]


def _end(entry: AuditEntry) -> _End:
    return _End(sequence=entry.sequence, hash=entry.hash, id=entry.id)


def _end_of(segment: Segment) -> _End:
    """Of a damaged segment nothing follows: what is appended to it shows that."""
    *_, last = segment.data.rstrip().rpartition(b"\n")
    if (entry := _entry(last)) and segment.first <= entry.sequence <= last_of_pack(segment.first):
        with suppress(ValueError):  # its hash is none
            return _end(entry)
    return _End(sequence=_last_of(segment), hash=hashlib.sha256(segment.data).hexdigest(), id="0-0")


def _last_of(segment: Segment) -> int:
    """The number of its last entry, going by its name and its lines."""
    lines = max(1, segment.data.count(b"\n"))
    return min(segment.first + lines - 1, last_of_pack(segment.first))
