"""Where the audit's log lies in the object store.

    audit/{tenant}/{sequence of its first entry}.jsonl              segments: what was appended at once, never replaced
    audit-packs/{tenant}/{sequence}-{earliest ms}-{latest ms}.jsonl packs: copies of `PACK` entries each, for reading
    audit-heads/{tenant}.json                                       the newest entry, as the writer noted it

A quiet door makes one small segment after another, and a year of them would take minutes to read. Packs hold the same
lines, many at a time and named with the times between which they lie, so a question is answered from few objects.
Each is written once its entries are complete; one that is lost is read from its segments and made again.
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from shared.audit.chain import Segment
from shared.errors import ObjectNotFound
from shared.schemas import AuditEntry
from shared.storage.store import ObjectStore

PACK = 500  # entries, about 250 KB; a segment lies within one
READERS = 16  # parallel reads
HEADS = "audit-heads/"
SEGMENT = re.compile(r"([0-9]{12})\.jsonl")
PACKED = re.compile(r"([0-9]{12})-([0-9]{13})-([0-9]{13})\.jsonl")


@dataclass(frozen=True)
class Chunk:
    """An object with entries from `first` on; at most `PACK`, none of them from outside these times (ms)."""

    key: str
    first: int
    earliest: int = 0
    latest: int = 10**13

    @property
    def last(self) -> int:
        """None of its entries has a larger number."""
        return last_of_pack(self.first)

    def touches(self, since: datetime | None, until: datetime | None) -> bool:
        return (since is None or self.latest >= _ms(since)) and (until is None or self.earliest < _ms(until) + 1)


class AuditObjects:
    """Reads and writes them; raises StorageUnavailable."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put_segment(self, tenant: str, first: int, data: bytes) -> bool:
        """False when another writer has written entries of these numbers."""
        return self._store.put_if_absent(_segment_key(tenant, first), data)

    def last_segment(self, tenant: str) -> Segment | None:
        nearly = max(0, self.packed(tenant) - PACK)  # it may be the last one of the last pack
        newest = list(self._segments_after(tenant, nearly))[-1:]
        return next(self.read(newest), None)

    def packed(self, tenant: str) -> int:
        """The number of the last entry up to which every pack is there."""
        packs = self._packs(tenant)
        return packs[-1].last if packs else 0

    def pack(self, tenant: str, newest: int) -> int:
        """Make the packs that are complete with entry `newest`; up to which entry there are now."""
        done = self.packed(tenant)
        while done + PACK <= newest:
            chunks = islice(self._segments_after(tenant, done), PACK)
            within = [chunk for chunk in chunks if chunk.first <= done + PACK]
            data = b"".join(segment.data for segment in self.read(within))
            if not data:  # somebody removed them, or noted an end that never was
                break
            self._store.put_if_absent(pack_key(tenant, done + 1, data), data)
            done += PACK
        return done

    def chunks(self, tenant: str) -> list[Chunk]:
        """The whole log in its order: packs, then the segments that are in none yet."""
        packs = self._packs(tenant)
        return [*packs, *self._segments_after(tenant, packs[-1].last if packs else 0)]

    def segment_keys(self, tenant: str) -> Iterator[str]:
        return self._store.keys(_segments(tenant))

    def pack_keys(self, tenant: str) -> Iterator[str]:
        return self._store.keys(_packs(tenant))

    def read(self, chunks: Iterable[Chunk]) -> Iterator[Segment]:
        """The objects in the order given, some of them ahead of their use; those that are gone are left out."""
        waiting = iter(chunks)
        with ThreadPoolExecutor(READERS) as pool:
            while group := list(islice(waiting, READERS)):
                yield from (segment for segment in pool.map(self._read, group) if segment is not None)

    def _read(self, chunk: Chunk) -> Segment | None:
        try:
            return Segment(chunk.first, self._store.get(chunk.key))
        except ObjectNotFound:
            return None

    def _packs(self, tenant: str) -> list[Chunk]:
        """From the first one on, as many as follow each other."""
        found: list[Chunk] = []
        for key in self._store.keys(_packs(tenant)):
            if name := PACKED.fullmatch(key.removeprefix(_packs(tenant))):
                first, earliest, latest = (int(text) for text in name.groups())
                if first == len(found) * PACK + 1:
                    found.append(Chunk(key, first, earliest, latest))
        return found

    def _segments_after(self, tenant: str, sequence: int) -> Iterator[Chunk]:
        after = _segment_key(tenant, sequence) if sequence else ""
        return (chunk_of(key) for key in self._store.keys(_segments(tenant), after) if is_segment(key))


def is_segment(key: str) -> bool:
    return SEGMENT.fullmatch(key.rpartition("/")[2]) is not None


def chunk_of(segment_key: str) -> Chunk:
    return Chunk(segment_key, int(segment_key.rpartition("/")[2].removesuffix(".jsonl")))


def last_of_pack(sequence: int) -> int:
    """The number of the last entry in the pack of this one."""
    return ((sequence - 1) // PACK + 1) * PACK


def pack_key(tenant: str, first: int, data: bytes) -> str:
    """The name says the times between which its entries lie, which need not be in their order."""
    times = []
    for text in data.splitlines():
        with suppress(ValueError):  # somebody altered the line
            times.append(_ms(AuditEntry.model_validate_json(text, extra="ignore").at))
    return f"{_packs(tenant)}{first:012d}-{min(times, default=0):013d}-{max(times, default=0):013d}.jsonl"


def head_key(tenant: str) -> str:
    return f"{HEADS}{tenant}.json"


def _segments(tenant: str) -> str:
    return f"audit/{tenant}/"


def _packs(tenant: str) -> str:
    return f"audit-packs/{tenant}/"


def _segment_key(tenant: str, first: int) -> str:
    return f"{_segments(tenant)}{first:012d}.jsonl"


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
