"""Replaying the erasure log: whom a restored backup brought back goes again, with his templates.

    replays/{tenant}.json    a replay under way, so that one that was interrupted is done by housekeeping

From the moment an entry is in the log nobody is compared with what carries its uid; this deletes it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, Field

from shared.erasures.eraser import Eraser
from shared.erasures.log import Erasure, ErasureReason
from shared.errors import GalleryNotFound, InvalidErasureLog, ObjectNotFound, PersonNotFound
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.store import GalleryStore
from shared.galleries.templates import Template
from shared.schemas import Message, Person
from shared.storage.store import ObjectStore

REPLAYS = "replays/"
INTERRUPTED_S = 600.0
SKEW = timedelta(minutes=10)  # by which the clocks of machines may differ


class ReplayReport(Message):
    entries: int = Field(description="of the log that was sent")
    added: int = Field(description="of them that were not in the service's own log")
    persons: int = Field(description="who were there again and are erased now")
    templates: int = Field(description="that were there again without their person and are deleted now")


class _Replay(Message):
    begun_at: AwareDatetime


class Replayer:
    """Reads every record and template of a tenant: about a second for each thousand."""

    def __init__(self, store: ObjectStore, galleries: GalleryStore, eraser: Eraser) -> None:
        self._store = store
        self._galleries = galleries
        self._eraser = eraser

    def check(self, tenant: str, entries: Iterable[Erasure]) -> None:
        """Raises InvalidErasureLog when one was made by no erasure."""
        known = self._galleries.erasures.uids(tenant)
        new = {entry.uid: entry.erased_at for entry in entries if entry.uid not in known}
        latest = max(new.values(), default=None)
        if latest and latest > datetime.now(UTC) + SKEW:
            raise InvalidErasureLog(f"`log` has an entry of a time to come ({latest.isoformat()}): it is no erasure's.")
        for gallery in self._galleries.gallery_names(tenant) if new else ():
            for record in self._galleries.every_record(tenant, gallery):
                if record.uid in new and record.created_at > new[record.uid] + SKEW:
                    raise InvalidErasureLog(
                        f"`log` says that {record.uid} was erased before they came into being: it is no erasure's."
                    )

    def replay(self, tenant: str, entries: Iterable[Erasure], *, actor: str = "", trace: str = "") -> ReplayReport:
        """Add the entries that the tenant's log has not, and apply all of it."""
        now = datetime.now(UTC)
        self._store.put(_key(tenant), _Replay(begun_at=now).model_dump_json().encode())
        sent = [entry.model_copy(update={"replayed_at": now, "replayed_by": actor or None}) for entry in entries]
        added = self._galleries.erasures.extend(tenant, sent)
        persons, templates = self.apply(tenant, actor=actor, trace=trace)
        self._store.delete(_key(tenant))
        return ReplayReport(entries=len(sent), added=added, persons=persons, templates=templates)

    def apply(self, tenant: str, *, actor: str = "", trace: str = "") -> tuple[int, int]:
        """Erase everybody whom the log has: how many there were, and how many templates without them."""
        persons = templates = 0
        for gallery in self._galleries.gallery_names(tenant):
            erased = self._galleries.erasures.uids(tenant)
            records: dict[str, Person] = {}
            for record in self._galleries.every_record(tenant, gallery):
                if record.uid not in erased:
                    records[record.id] = record
                    continue
                try:
                    reason = ErasureReason.REPLAYED
                    self._eraser.erase(tenant, gallery, record.id, reason=reason, actor=actor, trace=trace)
                    persons += 1
                except (PersonNotFound, GalleryNotFound):
                    continue  # gone with a copy of him, or just now

            def left_over(template: Template, erased: set[str] = erased, known: dict[str, Person] = records) -> bool:
                """Of somebody erased, or of a former person with the id of one who is there."""
                if template.person_uid is not None:
                    return template.person_uid in erased
                owner = known.get(template.person)
                return owner is not None and not template.is_of(owner)

            deleted = self._galleries.delete_where(tenant, gallery, left_over)
            if deleted:  # whoever keeps the gallery in memory may have loaded them
                self._galleries.announce(tenant, gallery, Change(ChangeKind.RELOAD))
            templates += deleted
        return persons, templates

    def apply_all(self) -> None:
        """For every tenant who has a log."""
        for tenant in self._galleries.erasures.tenants():
            self.apply(tenant)

    def resume(self) -> None:
        """Do what an interrupted replay left."""
        for key in self._store.keys(REPLAYS):
            try:
                begun = _Replay.model_validate_json(self._store.get(key)).begun_at
            except ObjectNotFound:
                continue
            if (datetime.now(UTC) - begun).total_seconds() > INTERRUPTED_S:
                self.apply(key.removeprefix(REPLAYS).removesuffix(".json"))
                self._store.delete(key)


def _key(tenant: str) -> str:
    return f"{REPLAYS}{tenant}.json"
