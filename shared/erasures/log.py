"""The erasure log: who was erased, so that no backup brings him back.

    erasures/{tenant}/{time}-{uid}.json

The time in a key is when the entry was added, so that whoever has read the log up to a moment finds what came later.
Entries are only ever added. They name a person by his uid, which is random and gone with his record: whoever reads
the log learns how many were erased, when and why, but not who they were. An entry holds in every gallery of the
tenant and at once: what carries the uid is neither compared nor shown from then on, whether or not it is deleted yet.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from shared.schemas import Id, Message
from shared.storage.reading import READERS, get_all
from shared.storage.store import ObjectStore

ROOT = "erasures/"
FRESH_S = 5.0  # how long a process trusts what it has read: as late as this it hears of what others appended
LATE_S = 3600.0  # entries of clocks that differ by less are not overlooked
AT_ONCE_S = 600.0  # an erasure's entry that is added sooner has the erasure's time, so repeating it adds no other

Uid = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="32 hexadecimal digits")]


class ErasureReason(StrEnum):
    REQUESTED = "requested"
    EXPIRED = "expired"  # the date until which the person was to be kept has passed
    MERGED = "merged"  # into another person, who has his templates now
    REPLAYED = "replayed"  # the log has him; a backup had brought him back


class Erasure(Message):
    """One person's: where he was, the pseudonym he had, when and why."""

    gallery: Id
    uid: Uid
    erased_at: AwareDatetime
    reason: ErasureReason
    replayed_at: AwareDatetime | None = None  # when a log that was sent has brought the entry in
    replayed_by: str | None = None  # the key that sent it

    def line(self) -> str:
        """As it is written."""
        return self.model_dump_json(exclude_none=True)


@dataclass
class _Known:
    """What a process has read of one tenant's log."""

    uids: set[str] = field(default_factory=set)
    newest: str = ""  # stamp of the newest entry
    read_at: float = -float("inf")  # on the monotonic clock


class ErasureLog:
    """Raises StorageUnavailable when the object store cannot be reached."""

    def __init__(
        self, store: ObjectStore, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._clock = clock
        self._now = now
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def append(self, tenant: str, erasure: Erasure) -> bool:
        """Add an entry; False when the log has this one already.

        The object store is asked, not what was read of it: a backup may have set it back since.
        """
        erased, now = erasure.erased_at.timestamp(), self._now()
        stamp = _stamp(erased if abs(now - erased) < AT_ONCE_S else now)
        key = f"{_folder(tenant)}{stamp}-{erasure.uid}.json"
        added = self._store.put_if_absent(key, erasure.line().encode())
        with self._lock:
            self._known.setdefault(tenant, _Known()).uids.add(erasure.uid)
        return added

    def extend(self, tenant: str, erasures: Iterable[Erasure]) -> int:
        """Add entries of people whom the log has not, as it lies in the object store now; how many those were."""
        there = {_read(key, tenant)[1] for key in self._store.keys(_folder(tenant))}
        new = {erasure.uid: erasure for erasure in erasures if erasure.uid not in there}
        with self._lock:
            self._known.setdefault(tenant, _Known()).uids.update(there)
        with ThreadPoolExecutor(READERS) as pool:
            return sum(pool.map(lambda erasure: self.append(tenant, erasure), new.values()))

    def entries(self, tenant: str) -> Iterator[Erasure]:
        """In the order in which they were added."""
        entries = get_all(self._store, self._store.keys(_folder(tenant)))
        return (Erasure.model_validate_json(data) for data in entries)

    def tenants(self) -> list[str]:
        """Whose logs there are."""
        return list(self._store.folders(ROOT))

    def is_erased(self, tenant: str, uid: str) -> bool:
        """Whether the log has the uid; what other processes appended shows within FRESH_S."""
        return uid in self.uids(tenant)

    def uids(self, tenant: str) -> set[str]:
        """Everybody's in the log. The set grows; do not change it."""
        with self._lock:
            known = self._known.setdefault(tenant, _Known())
            now = self._clock()
            if now - known.read_at >= FRESH_S:
                # Not from a time to come, which a clock that was wrong for a while may have left there.
                since = min(_seconds(known.newest), self._now()) - LATE_S if known.newest else 0
                for key in self._store.keys(_folder(tenant), f"{_folder(tenant)}{_stamp(since)}"):
                    known.newest, uid = _read(key, tenant)
                    known.uids.add(uid)
                known.read_at = now
            return known.uids


def _folder(tenant: str) -> str:
    return f"{ROOT}{tenant}/"


def _read(key: str, tenant: str) -> tuple[str, str]:
    """The stamp and the uid in a key."""
    stamp, _, uid = key.removeprefix(_folder(tenant)).removesuffix(".json").partition("-")
    return stamp, uid


def _stamp(seconds: float) -> str:
    """Sorts as the time does."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _seconds(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC).timestamp()
