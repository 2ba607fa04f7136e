"""Importing a gallery's export: people and templates as they were, but nobody who was erased."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import IO

from shared.errors import GalleryNotFound, ModelMismatch
from shared.galleries import exports
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.exports import BadLine, FaceLine, PersonLine
from shared.galleries.objects import require_same
from shared.galleries.persons import expired
from shared.galleries.store import GalleryStore, Template
from shared.outbox import NewOccurrence, Outbox
from shared.schemas import (
    Gallery,
    ImportPayload,
    ImportResult,
    LineProblem,
    Message,
    Model,
    OnConflict,
    Person,
    Progress,
)
from shared.storage.object_file import open_object
from shared.storage.store import ObjectStore
from workers.runner import Held

WRITERS = 8  # templates stored in parallel
AT_ONCE = 256  # lines read ahead
MOST_PROBLEMS = 100  # listed in the result
CHECKED_EVERY = 1000  # lines

Dimensions = Callable[[str, Model], int]
"""Of a model of a tenant: how many numbers its embeddings have."""


class Importer:
    """A repetition, also one by another worker after a loss, ends with the same people and faces."""

    def __init__(self, store: ObjectStore, galleries: GalleryStore, outbox: Outbox, dimensions: Dimensions) -> None:
        self._store = store
        self._galleries = galleries
        self._outbox = outbox
        self._dimensions = dimensions

    def run(self, payload: ImportPayload, held: Held) -> tuple[Message, Model]:
        """Bring an export into a gallery that is there.

        Raises:
            InvalidExport: nothing was imported.
            ModelMismatch: the templates are of another model than the gallery's.
            GalleryNotFound: it was deleted meanwhile; nothing is left behind.
        """
        tenant = held.job.tenant
        gallery = self._galleries.get_gallery(tenant, payload.gallery)
        with self._opened(payload) as file:
            header, lines = exports.check(file, _told(held))
        if header.model.digest != gallery.model.digest:
            raise ModelMismatch(
                f"The export's faces are of the model {header.model.name} ({header.model.digest}), the gallery's of "
                f"{gallery.model.name} ({gallery.model.digest}): import into a gallery made with that model."
            )
        run = _Run(self._galleries, tenant, gallery, payload.on_conflict, self._dimensions(tenant, gallery.model))
        try:
            with self._opened(payload) as file, ThreadPoolExecutor(WRITERS) as pool:
                for done in run.take(exports.contents(file), pool):
                    held.report(Progress(done=done, total=max(lines, done), stage="importing"))
                run.trim()
        finally:  # also when it was cancelled: what is stored counts
            run.forget_erased()
            self._galleries.announce(tenant, gallery.id, Change(ChangeKind.RELOAD))
        result = run.result()
        data = {"gallery": gallery.id, "job": held.job.id, "persons": result.persons, "templates": result.templates}
        told = NewOccurrence(
            tenant=tenant, kind="gallery.imported", actor=held.job.actor, trace=held.job.trace, data=data
        )
        self._outbox.append(told)
        return result, gallery.model

    @contextmanager
    def _opened(self, payload: ImportPayload) -> Iterator[IO[bytes]]:
        with open_object(self._store, payload.archive_key) as raw, exports.opened(raw) as file:
            yield file


class _Run:
    """One pass over the lines: what becomes of each."""

    def __init__(
        self, galleries: GalleryStore, tenant: str, gallery: Gallery, on_conflict: OnConflict, dimensions: int
    ) -> None:
        self._galleries = galleries
        self._tenant = tenant
        self._gallery = gallery
        self._on_conflict = on_conflict
        self._dimensions = dimensions
        self._accepted: dict[str, Person | None] = {}  # by id; None: his faces are left out
        self._ids: dict[str, str] = {}  # by uid
        self._faces: Counter[str] = Counter()  # of the accepted ones
        self._crowded: set[str] = set()  # who may have more faces than the gallery keeps
        self._counts: Counter[str] = Counter()
        self._problems: list[LineProblem] = []

    def take(self, lines: Iterator[tuple[int, PersonLine | FaceLine | BadLine]], pool: Executor) -> Iterator[int]:
        """Do what the lines say; yields how many are done."""
        done = 0
        while chunk := list(islice(lines, AT_ONCE)):
            stored = []
            for number, line in chunk:
                match line:
                    case PersonLine():
                        self._person(number, line)
                    case FaceLine():
                        if template := self._template(number, line):
                            store = self._galleries.store_template
                            stored.append(pool.submit(store, self._tenant, self._gallery.id, template))
                            self._faces[template.person] += 1
                    case BadLine(reason=reason):
                        self._leave_out(number, reason)
            for future in stored:
                future.result()
            self._require_gallery(line for _, line in chunk)
            self._counts["templates"] += len(stored)
            done += len(chunk)
            yield done

    def trim(self) -> None:
        """Nobody keeps more faces than the gallery allows."""
        most, digest = self._gallery.templates_per_person, self._gallery.model.digest
        for person_id in sorted(self._crowded | {one for one, count in self._faces.items() if count > most}):
            person = self._accepted[person_id]
            if person is not None:
                surplus = self._galleries.trim_templates(self._tenant, self._gallery.id, person, digest, most)
                self._counts["surplus"] += surplus

    def forget_erased(self) -> None:
        """Take back what was stored of people who were erased meanwhile: their erasure may have ended before it."""
        erased = self._galleries.erasures.uids(self._tenant)
        for uid in self._ids.keys() & erased:
            self._galleries.remove_person(self._tenant, self._gallery.id, self._ids[uid], uid, before=None)

    def _require_gallery(self, latest: Iterable[PersonLine | FaceLine | BadLine]) -> None:
        """Looked for after the write: what was there before its deletion began went with it, the latest goes now.

        Raises:
            GalleryNotFound: another of that name begins empty.
        """
        try:
            require_same(self._galleries.get_gallery(self._tenant, self._gallery.id), self._gallery)
        except GalleryNotFound:
            people = {
                one.id if isinstance(one, PersonLine) else one.person for one in latest if not isinstance(one, BadLine)
            }
            for owner in filter(None, map(self._accepted.get, people)):
                self._galleries.remove_person(self._tenant, self._gallery.id, owner.id, owner.uid, before=None)
            raise

    def result(self) -> ImportResult:
        names = ("persons", "kept", "erased", "expired", "templates", "surplus", "invalid")
        self._problems.sort(key=lambda problem: problem.line)
        return ImportResult(**{name: self._counts[name] for name in names}, problems=self._problems[:MOST_PROBLEMS])

    def _person(self, number: int, line: PersonLine) -> None:
        if line.id in self._accepted:
            self._leave_out(number, "the person has a line already")
            return
        new = line.person()
        self._accepted[new.id] = None
        if self._ids.setdefault(new.uid, new.id) != new.id:
            self._leave_out(number, "another person has this `uid`: whoever erases one would erase both")
            return
        if self._galleries.erasures.is_erased(self._tenant, new.uid):
            self._counts["erased"] += 1
            return
        if expired(new):
            self._counts["expired"] += 1
            return
        there = self._galleries.record(self._tenant, self._gallery.id, new.id)
        if there is not None and self._on_conflict is OnConflict.SKIP:
            self._counts["kept"] += 1
            if there.uid == new.uid:  # the same person: faces that he lacks are added
                self._accepted[new.id] = _bare(there)
                self._crowded.add(new.id)
            return
        if there is not None:
            self._clear(there, new)
        self._galleries.put_person(self._tenant, self._gallery.id, new)
        self._accepted[new.id] = _bare(new)
        self._counts["persons"] += 1

    def _clear(self, there: Person, new: Person) -> None:
        """Make room for the export's faces; nothing stays of another person who has the id."""
        if there.uid != new.uid:
            self._galleries.remove_person(self._tenant, self._gallery.id, there.id, there.uid, before=datetime.now(UTC))
            return
        for former in self._galleries.templates_of(self._tenant, self._gallery.id, there, self._gallery.model.digest):
            self._galleries.remove_template(self._tenant, self._gallery.id, former)

    def _template(self, number: int, line: FaceLine) -> Template | None:
        if line.person not in self._accepted:
            self._leave_out(number, "the face is of nobody in the lines before it")
            return None
        owner = self._accepted[line.person]
        if owner is None:
            return None
        if line.person_uid != owner.uid:
            self._leave_out(number, "the face is of another person of that id")
            return None
        try:
            return line.template(self._gallery.model, self._dimensions)
        except ValueError as error:
            self._leave_out(number, str(error))
            return None

    def _leave_out(self, number: int, reason: str) -> None:
        self._counts["invalid"] += 1
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(LineProblem(line=number, reason=reason))


def _bare(person: Person) -> Person:
    """What tells whose a face is; of a million people all the rest would fill the memory."""
    return Person(id=person.id, uid=person.uid, created_at=person.created_at)


def _told(held: Held) -> Callable[[int], None]:
    """Progress of the first pass, which does not know the end yet; also whether to stop."""

    def progress(number: int) -> None:
        if number % CHECKED_EVERY == 0:
            held.report(Progress(done=0, total=number, stage="checking"))

    return progress
