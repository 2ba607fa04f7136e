"""The audit's writer: what the outbox tells goes into the log of its tenant, once (shared/audit/log.py says how)."""

import re
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, auto

import structlog

from shared.audit.log import AuditLog
from shared.errors import Unavailable
from shared.galleries.store import GalleryStore
from shared.outbox import Occurrence, Outbox, Reader
from shared.schemas import ID_PATTERN, AuditFact
from shared.storage.store import ObjectStore
from workers.audit_facts import People, facts_of

log = structlog.get_logger("audit")

AUDIT_EVERY_S = 1.0
MOST_AT_ONCE = 50  # occurrences; a photo of many people makes one of 0.4 MB
GAP = "audit.gap"
AFTER_ALL_FACES = 999_999  # its place after what was entered last


class Entered(Enum):
    """Where occurrences are entered into their logs: not all of them yet, or another process is at it."""

    HERE = auto()
    NOT_ALL = auto()
    ELSEWHERE = auto()


class Auditor:
    def __init__(self, outbox: Outbox, audit: AuditLog, galleries: GalleryStore, store: ObjectStore) -> None:
        self._outbox = outbox
        self._audit = audit
        self._galleries = galleries
        self._store = store
        self._turn = threading.Lock()

    def work(self) -> None:
        """One round: all that is waiting; one that is still under way in this process is not disturbed."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            if self._tell_of_a_gap() is Entered.ELSEWHERE:
                return
            after, whole = "", True
            while waiting := self._outbox.read(Reader.AUDIT, MOST_AT_ONCE, after=after):
                after = waiting[-1].id
                entered = self._enter(waiting)
                if entered is Entered.ELSEWHERE:
                    return
                whole = whole and entered is Entered.HERE
                if whole:
                    self._outbox.done(Reader.AUDIT, after)
        except Unavailable as error:
            log.warning("audit", problem=str(error))  # nothing is lost: the next round is a second away
        finally:
            self._turn.release()

    def _tell_of_a_gap(self) -> Entered:
        """What the outbox dropped before it was read is lost; that it was is not."""
        if (after := self._outbox.missed(Reader.AUDIT)) is None:
            return Entered.HERE
        log.error("audit", problem="the outbox is full: the oldest entries were dropped", after=after)
        told = AuditFact(id=f"{after}.{AFTER_ALL_FACES}", at=datetime.now(UTC), action=GAP, actor=None, request_id=None)
        return self._write({tenant: [told] for tenant in self._audit.tenants()})

    def _enter(self, occurrences: Sequence[Occurrence]) -> Entered:
        people = People(self._galleries, self._store)
        facts: dict[str, list[AuditFact]] = defaultdict(list)
        for occurrence in occurrences:
            if re.fullmatch(ID_PATTERN, occurrence.tenant):
                facts[occurrence.tenant] += facts_of(occurrence, people)
            else:
                log.error("audit", problem="an occurrence of nobody", occurrence=occurrence.id, kind=occurrence.kind)
        return self._write(facts)

    def _write(self, facts: Mapping[str, Sequence[AuditFact]]) -> Entered:
        """By tenant. What goes wrong with one log keeps no other from its entries."""
        entered = Entered.HERE
        for tenant, told in facts.items():
            try:
                if told and not self._append(tenant, told):
                    return Entered.ELSEWHERE
            except Unavailable:
                raise
            except Exception:  # stays in the outbox until it was mended
                log.exception("audit", tenant=tenant)
                entered = Entered.NOT_ALL
        return entered

    def _append(self, tenant: str, told: Sequence[AuditFact]) -> bool:
        """False when another process was faster."""
        head = self._audit.append(tenant, told)
        if head is None:
            return False
        # Logs are kept elsewhere: a head noted here shows what is cut off there.
        log.info("audit", tenant=tenant, sequence=head.sequence, hash=head.hash)
        self._audit.pack(tenant)
        return True
