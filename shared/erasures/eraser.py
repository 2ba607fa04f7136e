"""Erasing a person: everything that the service keeps of him, in an order that a crash anywhere cannot spoil.

    erasing/{tenant}/{gallery}/{person}/{uid}.json    an erasure under way; gone when nothing more can follow

First an entry goes into the erasure log: from then on the uid is dead, in every process. Then his record, his
templates, the jobs that name him with their results, events and uploads go, and what else was kept of him. What was in
the middle of its work at that moment may write a trace afterwards, so all of it is done once more when the last
job that can have begun before is over. Every step may be repeated.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, repeat
from typing import Protocol

from pydantic import AwareDatetime, Field

from shared.erasures.log import Erasure, ErasureReason
from shared.errors import ObjectNotFound, PersonNotFound, Unavailable
from shared.galleries.store import GalleryStore
from shared.jobs import JobStore
from shared.outbox import NewOccurrence, Outbox
from shared.schemas import EnrolmentPayload, Job, JobType, Message
from shared.storage.reading import AT_ONCE, READERS
from shared.storage.store import ObjectStore, report_key, upload_folder

ERASING = "erasing/"
INTERRUPTED = timedelta(minutes=1)  # an erasure takes seconds


@dataclass(frozen=True)
class Subject:
    """Who is erased: the person who had this id in this gallery, and this uid, up to a moment."""

    tenant: str
    gallery: str
    person: str
    uid: str
    erased_at: datetime


class Keeper(Protocol):
    """Whoever keeps something that names people."""

    def forget_person(self, subject: Subject) -> int:
        """Delete what is kept of him; how much it was. Repeating it does no harm."""
        ...


class ErasureReport(Message):
    """What an erasure found and deleted; a repeated one tells what was left for it."""

    person: str
    uid: str
    reason: ErasureReason
    erased_at: AwareDatetime
    galleries: list[str] = Field(description="where he was: also copies of him that an import made")
    templates: int
    jobs: int = Field(description="whose payload or result named him; unfinished ones were cancelled")
    events: int = Field(description="of these jobs")
    uploads: int = Field(description="files that were sent with these jobs")
    others: dict[str, int] = Field(description="what else was kept of him, by its kind")


class Erasing(Message):
    """An erasure that was begun: in the gallery where it was asked for, and in those with a copy of the person."""

    tenant: str
    gallery: str
    copies: tuple[str, ...] = ()
    person: str
    uid: str
    reason: ErasureReason
    erased_at: AwareDatetime
    actor: str = ""
    trace: str = ""
    completed_at: AwareDatetime | None = None

    @property
    def key(self) -> str:
        return f"{_folder(self.tenant, self.gallery, self.person)}{self.uid}.json"

    def subject(self, gallery: str) -> Subject:
        return Subject(self.tenant, gallery, self.person, self.uid, self.erased_at)


@dataclass
class _Counts:
    templates: int = 0
    jobs: int = 0
    events: int = 0
    uploads: int = 0


class Eraser:
    """Raises StorageUnavailable or QueueUnavailable when a server cannot be reached: repeat the call.

    Args:
        keepers: by the kind of what they keep.
        settle_seconds: the longest that a job about a person may be under way.
    """

    def __init__(
        self,
        store: ObjectStore,
        galleries: GalleryStore,
        jobs: JobStore,
        outbox: Outbox,
        *,
        keepers: Mapping[str, Keeper],
        settle_seconds: float,
    ) -> None:
        self._store = store
        self._galleries = galleries
        self._jobs = jobs
        self._outbox = outbox
        self._keepers = keepers
        self._settle = timedelta(seconds=settle_seconds)

    def erase(
        self, tenant: str, gallery: str, person: str, *, reason: ErasureReason, actor: str = "", trace: str = ""
    ) -> ErasureReport:
        """Erase a person, or complete an erasure of him that was interrupted.

        Raises:
            GalleryNotFound, PersonNotFound
        """
        self._galleries.get_gallery(tenant, gallery)
        begun = self.interrupted(tenant, gallery, person)
        record = self._galleries.record(tenant, gallery, person)
        if record is not None and record.uid not in {one.uid for one in begun}:
            now = datetime.now(UTC)
            erasing = Erasing(
                tenant=tenant,
                gallery=gallery,
                copies=tuple(self._copies(tenant, gallery, person, record.uid)),
                person=person,
                uid=record.uid,
                reason=reason,
                erased_at=now,
                actor=actor,
                trace=trace,
            )
            self._store.put(erasing.key, erasing.model_dump_json().encode())
            begun.append(erasing)
        if not begun:
            raise PersonNotFound(f"There is no person {person!r} in the gallery {gallery!r}.")
        return [self.complete(one) for one in begun][-1]

    def interrupted(self, tenant: str, gallery: str, person: str) -> list[Erasing]:
        """Erasures of a person that were begun and not completed."""
        return [one for one in self._begun(_folder(tenant, gallery, person)) if one.completed_at is None]

    def complete(self, erasing: Erasing) -> ErasureReport:
        """Do all that is to be done now, and tell of it."""
        entry = Erasure(gallery=erasing.gallery, uid=erasing.uid, erased_at=erasing.erased_at, reason=erasing.reason)
        if erasing.reason is not ErasureReason.REPLAYED:  # then it is the log that asks for it
            self._galleries.erasures.append(erasing.tenant, entry)
        report = self._wipe(erasing)
        data = {
            "gallery": erasing.gallery,
            "person": erasing.person,
            "uid": erasing.uid,
            "reason": erasing.reason.value,
            "templates": report.templates,
            "jobs": report.jobs,
        }
        kind = "person.expired" if erasing.reason is ErasureReason.EXPIRED else "person.erased"
        told = NewOccurrence(tenant=erasing.tenant, kind=kind, actor=erasing.actor, trace=erasing.trace, data=data)
        self._outbox.append(told)
        done = erasing.model_copy(update={"completed_at": datetime.now(UTC)})
        self._store.put(erasing.key, done.model_dump_json().encode())
        return report

    def settle(self) -> int:
        """Complete what was interrupted, and look once more after what was completed; how many this concerned.

        One that fails, on an object that cannot be read, keeps no other waiting; what it raised is raised at the end.
        """
        count = 0
        failed: list[Exception] = []
        for key in self._store.keys(ERASING):
            try:
                erasing = self._read(key)
                count += erasing is not None and self._settle_one(erasing)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, it is raised
                failed.append(error)
        if failed:
            raise failed[0]
        return count

    def _settle_one(self, erasing: Erasing) -> bool:
        now = datetime.now(UTC)
        if erasing.completed_at is None:
            if now - erasing.erased_at <= INTERRUPTED:
                return False
            self.complete(erasing)
        else:
            if now - erasing.completed_at <= self._settle:
                return False
            self._wipe(erasing, last=True)
            self._store.delete(erasing.key)
        return True

    def _begun(self, folder: str) -> Iterator[Erasing]:
        return filter(None, map(self._read, self._store.keys(folder)))

    def _read(self, key: str) -> Erasing | None:
        try:
            return Erasing.model_validate_json(self._store.get(key))
        except ObjectNotFound:
            return None  # settled meanwhile

    def _wipe(self, erasing: Erasing, *, last: bool = False) -> ErasureReport:
        counts = _Counts()
        others = dict.fromkeys(self._keepers, 0)
        found_in = []
        where = [erasing.gallery, *erasing.copies]
        if last:  # an import may have been about to make another copy
            where += set(self._copies(erasing.tenant, erasing.gallery, erasing.person, erasing.uid)) - set(where)
        # What was accepted before all of him was gone may name him.
        until = erasing.completed_at if last and erasing.completed_at else erasing.erased_at
        for gallery in where:
            subject = erasing.subject(gallery)
            # Copies know whose they are: they were made later than the templates that do not.
            before = subject.erased_at if gallery == erasing.gallery else None
            removed = self._galleries.remove_person(subject.tenant, gallery, subject.person, subject.uid, before=before)
            counts.templates += removed.templates
            if removed.record or removed.templates:
                found_in.append(gallery)
            self._forget_jobs(subject, counts, until=until, last=last)
            for kind, keeper in self._keepers.items():
                others[kind] += keeper.forget_person(subject)
            if last:
                self._galleries.forget_changes(subject.tenant, gallery, subject.person)
        return ErasureReport(
            person=erasing.person,
            uid=erasing.uid,
            reason=erasing.reason,
            erased_at=erasing.erased_at,
            galleries=found_in,
            templates=counts.templates,
            jobs=counts.jobs,
            events=counts.events,
            uploads=counts.uploads,
            others=others,
        )

    def _copies(self, tenant: str, gallery: str, person: str, uid: str) -> Iterator[str]:
        """Other galleries into which an import brought the same person: under the same id, with the same uid."""
        for other in self._galleries.gallery_names(tenant):
            record = self._galleries.record(tenant, other, person) if other != gallery else None
            if record is not None and record.uid == uid:
                yield other

    def _forget_jobs(self, subject: Subject, counts: _Counts, *, until: datetime, last: bool) -> None:
        """Those that name him: many at a time, since every recognition at a busy door may.

        A job that is noted but unknown may just be about to be accepted; the last time it is gone.
        """
        noted = iter(self._jobs.of_person.of(subject.tenant, subject.gallery, subject.person))
        with ThreadPoolExecutor(READERS) as pool:
            while some := list(islice(noted, AT_ONCE)):
                known = self._jobs.find_all(some)
                his = [one for one in some if (_names_him(known[one], subject, until) if one in known else last)]
                for uploads, events in pool.map(self._forget_job, repeat(subject.tenant), his, map(known.get, his)):
                    counts.uploads += uploads
                    counts.jobs += events is not None
                    counts.events += events or 0
                self._jobs.of_person.forget(subject.tenant, subject.gallery, subject.person, his)

    def _forget_job(self, tenant: str, job_id: str, job: Job | None) -> tuple[int, int | None]:
        """How many uploads and events it had; no number of events when it was gone."""
        if job is None or job.type is JobType.EVALUATION:  # its report may outlive it
            self._store.delete_prefix(report_key(tenant, job_id, ""))
        return self._store.delete_prefix(upload_folder(tenant, job_id)), self._jobs.forget(tenant, job_id)


def _names_him(job: Job, subject: Subject, until: datetime) -> bool:
    """And not somebody who came after him: an enrolment says whom it is for, others were accepted until then."""
    enrols = job.type in {JobType.ENROLMENT, JobType.REEMBEDDING}
    if enrols and job.payload.get("person") == subject.person:
        sent = EnrolmentPayload.model_validate(job.payload, extra="ignore")
        return sent.means(subject.uid, subject.erased_at)
    return job.created_at <= until.timestamp()


def erasures_of(store: ObjectStore, tenant: str, gallery: str, person: str) -> list[Erasing]:
    """Of those who had an id, as long as something may follow, in their order."""
    found = []
    for key in store.keys(_folder(tenant, gallery, person)):
        with suppress(ObjectNotFound):  # settled meanwhile
            found.append(Erasing.model_validate_json(store.get(key)))
    return sorted(found, key=lambda erasing: erasing.erased_at)


def _folder(tenant: str, gallery: str, person: str) -> str:
    return f"{ERASING}{tenant}/{gallery}/{person}/"
