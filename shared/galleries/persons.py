"""The people of a gallery: one record each, the marks by which some are found, and whose a template is."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from shared.errors import ErasureUnderWay, ExternalIdShared, ObjectNotFound, PersonNotFound
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.objects import (
    expiry_key,
    external_folder,
    person_key,
    persons_folder,
)
from shared.galleries.templates import Template, TemplateStore
from shared.schemas import Person
from shared.storage.reading import get_all

MOST_SCANNED = 2000  # records that one page of a search reads, at most
LEAST_AT_ONCE = 64
COUNTED_AT_ONCE = 512  # people whose faces are counted by one listing or two


@dataclass(frozen=True)
class PersonQuery:
    """Who is looked for; what is None does not matter. Letters of `text` match in either case."""

    text: str | None = None  # in the id, the name or the external id
    tag: str | None = None
    group: str | None = None
    external_id: str | None = None
    has_face: bool | None = None  # of the gallery's model

    def matches(self, person: Person) -> bool:
        texts = (person.id, person.name or "", person.external_id or "")
        return (
            (self.text is None or any(self.text.casefold() in text.casefold() for text in texts))
            and (self.tag is None or self.tag in person.tags)
            and (self.group is None or self.group in person.groups)
            and (self.external_id is None or self.external_id == person.external_id)
        )


@dataclass(frozen=True)
class Found:
    """A page of people and how many faces each has; it goes on behind `cursor`, which is None at the end."""

    persons: Sequence[Person]
    faces: Sequence[int]
    cursor: str | None


@dataclass(frozen=True)
class Removed:
    """What was deleted of a person: whether a record, how many templates."""

    record: bool
    templates: int


class PersonStore(TemplateStore):
    """Methods raise GalleryNotFound and PersonNotFound for what is not there.

    Somebody who was erased, or was to be kept no longer than until now, is not there, even while objects of his are.
    """

    def present_person(self, tenant: str, gallery: str, person: str) -> Person | None:
        """Who has this id; None for nobody.

        Raises:
            ErasureUnderWay: the former one of that id is not gone yet.
        """
        self.get_gallery(tenant, gallery)
        found = self.record(tenant, gallery, person)
        if found is not None and not self._is_there(tenant, found):
            raise _going(person)
        return found

    def create_person(self, tenant: str, gallery: str, new: Person) -> bool:
        """Bring somebody into being; False when the id is taken."""
        self._mark(tenant, gallery, new)
        made = self._store.put_if_absent(person_key(tenant, gallery, new.id), _packed(new))
        if not made:
            self._unmark(tenant, gallery, new, self.record(tenant, gallery, new.id))
        return made

    def unmake_person(self, tenant: str, gallery: str, made: Person) -> None:
        """Take `create_person` back, unless a face of theirs is there or something else was said of them since."""
        found = self.record(tenant, gallery, made.id)
        if found is None or found != made.model_copy(update={"created_at": found.created_at}):
            return
        if not self.templates_of(tenant, gallery, found):
            self.remove_person(tenant, gallery, found.id, found.uid, before=None)

    def ensure_person(self, tenant: str, gallery: str, person: str) -> Person:
        """The person, created now when he is not there.

        Raises:
            ErasureUnderWay: the former one of that id is not gone yet.
        """
        self.get_gallery(tenant, gallery)
        new = Person(id=person, uid=uuid.uuid4().hex, created_at=datetime.now(UTC))
        if self._store.put_if_absent(person_key(tenant, gallery, person), _packed(new)):
            return new
        try:
            return self.get_person(tenant, gallery, person)
        except PersonNotFound:
            raise _going(person) from None

    def update_person(self, tenant: str, gallery: str, person: str, change: Callable[[Person], Person]) -> Person:
        """Change a record; `change` is called again when somebody else's change came between."""
        former = self.get_person(tenant, gallery, person)
        expected = now = change(former)
        self._mark(tenant, gallery, expected)

        def changed(data: bytes) -> bytes:
            nonlocal former, now
            former = Person.model_validate_json(data)
            now = change(former)
            return _packed(now)

        try:
            self._store.update(person_key(tenant, gallery, person), changed)
        except ObjectNotFound:  # erased meanwhile, with the marks that his record had
            self._unmark(tenant, gallery, expected, None)
            raise _no_person(gallery, person) from None
        if now != expected:  # somebody else's change came between
            self._mark(tenant, gallery, now)
        self._unmark(tenant, gallery, former, now)
        if now != former:
            self.announce(tenant, gallery, Change(ChangeKind.PERSON_CHANGED, person))
        return now

    def put_person(self, tenant: str, gallery: str, person: Person) -> None:
        """Write a whole record, in the place of any other."""
        former = self.record(tenant, gallery, person.id)
        self._mark(tenant, gallery, person)
        self._store.put(person_key(tenant, gallery, person.id), _packed(person))
        if former:
            self._unmark(tenant, gallery, former, person)
        self.announce(tenant, gallery, Change(ChangeKind.PERSON_CHANGED, person.id))

    def get_person(self, tenant: str, gallery: str, person: str) -> Person:
        found = self.record(tenant, gallery, person)
        if found is None or not self._is_there(tenant, found):
            self.get_gallery(tenant, gallery)
            raise _no_person(gallery, person)
        return found

    def record(self, tenant: str, gallery: str, person: str) -> Person | None:
        """A person's record as it lies there, though he may have expired or been erased."""
        try:
            return Person.model_validate_json(self._store.get(person_key(tenant, gallery, person)))
        except ObjectNotFound:
            return None

    def every_record(self, tenant: str, gallery: str) -> Iterator[Person]:
        """Every record as it lies there, in the order of their keys."""
        records = get_all(self._store, self._store.keys(persons_folder(tenant, gallery)))
        return (Person.model_validate_json(data) for data in records)

    def persons_there(self, tenant: str, gallery: str) -> Iterator[Person]:
        """Everybody, in the order of their keys, but who has expired or was erased."""
        return (person for person in self.every_record(tenant, gallery) if self._is_there(tenant, person))

    def find_persons(
        self, tenant: str, gallery: str, query: PersonQuery, *, after: str = "", limit: int = 100
    ) -> Found:
        """At most `limit` people in the order of their ids, from the first id after `after`.

        A page reads at most MOST_SCANNED records, so there may be few people on it, or none, and more behind it.
        """
        digest = self.get_gallery(tenant, gallery).model.digest
        folder = persons_folder(tenant, gallery)
        if query.external_id is None:
            keys = self._store.keys(folder, f"{folder}{after}.json" if after else "")
        else:
            marks = self._store.keys(external_folder(tenant, gallery, query.external_id))
            keys = iter(sorted(f"{folder}{mark.rsplit('/', 1)[1]}.json" for mark in marks))
            keys = (key for key in keys if not after or key > f"{folder}{after}.json")
        at_once = max(limit + 1, LEAST_AT_ONCE if query.has_face is None else COUNTED_AT_ONCE)
        records = get_all(self._store, keys, at_once=at_once)
        persons, cursor = _page(self._judged(tenant, gallery, query, _chunks(records, at_once), digest), limit)
        return Found(persons, self.face_counts(tenant, gallery, [one.id for one in persons], digest), cursor)

    def persons_of(self, tenant: str, gallery: str, persons: Sequence[str]) -> Iterator[Person]:
        """Those of these ids who are there, read many at a time."""
        records = get_all(self._store, (person_key(tenant, gallery, person) for person in persons))
        found = (Person.model_validate_json(data) for data in records)
        return (person for person in found if self._is_there(tenant, person))

    def person_of_external_id(self, tenant: str, gallery: str, external_id: str) -> Person:
        """The only one who has it.

        Raises:
            PersonNotFound
            ExternalIdShared: several people have it.
        """
        query, after = PersonQuery(external_id=external_id), ""
        found: list[Person] = []
        while len(found) < 2:
            page = self.find_persons(tenant, gallery, query, after=after, limit=2)
            found += page.persons
            if page.cursor is None:
                break
            after = page.cursor
        match found:
            case [person]:
                return person
            case []:
                raise PersonNotFound(f"Nobody in the gallery {gallery!r} has this external id.")
            case _:
                raise ExternalIdShared("Several people have this external id: name the one who is meant by `person`.")

    def person_templates(self, tenant: str, gallery: str, person: str, digest: str) -> list[Template]:
        """A person's templates of one model, in the order of their ids; none when he is not there."""
        try:
            found = self.get_person(tenant, gallery, person)
        except PersonNotFound:
            return []
        return self.templates_of(tenant, gallery, found, digest)

    def templates_of(self, tenant: str, gallery: str, person: Person, digest: str = "") -> list[Template]:
        """Those of a person whose record is known, of one model or of all."""
        under = self.templates_under(tenant, gallery, person.id, digest)
        return [template for template in under if template.is_of(person)]

    def trim_templates(self, tenant: str, gallery: str, person: Person, digest: str, most: int) -> int:
        """Delete a person's weakest templates of one model beyond the best `most`; how many."""
        found = self.templates_of(tenant, gallery, person, digest)
        by_quality = sorted(found, key=lambda template: (template.quality, template.created_at, template.face))
        surplus = by_quality[: max(0, len(found) - most)]
        for template in surplus:
            self.withdraw_template(tenant, gallery, person.id, template.face, digest=digest)
        return len(surplus)

    def remove_person(self, tenant: str, gallery: str, person: str, uid: str, *, before: datetime | None) -> Removed:
        """Delete what there is of one person, and nothing of a later one who has his id.

        Templates that do not say whose they are were his when they were made before the moment `before`.
        """
        found = self.record(tenant, gallery, person)
        if was_there := found is not None and found.uid == uid:
            for mark in self._marks(tenant, gallery, found):  # which only the record knows
                self._store.delete(mark)
            # The person goes before his templates: an enrolment under way finds him gone and takes its own back.
            self._store.delete(person_key(tenant, gallery, person))
        templates = self.templates_under(tenant, gallery, person)
        his = [template for template in templates if _was_of(template, uid, before)]
        for template in his:
            self.remove_template(tenant, gallery, template)
        if was_there or his:
            self.announce(tenant, gallery, Change(ChangeKind.PERSON_DELETED, person))
        return Removed(was_there, len(his))

    def _judged(
        self, tenant: str, gallery: str, query: PersonQuery, chunks: Iterator[list[Person]], digest: str
    ) -> Iterator[tuple[Person, bool]]:
        """Everybody who was read, and whether they are looked for; faces are counted for some at a time."""
        for some in chunks:
            wanted = [one for one in some if self._is_there(tenant, one) and query.matches(one)]
            if query.has_face is not None:
                counts = self.face_counts(tenant, gallery, [one.id for one in wanted], digest)
                wanted = [one for one, faces in zip(wanted, counts, strict=True) if query.has_face == (faces > 0)]
            ids = {one.id for one in wanted}
            yield from ((one, one.id in ids) for one in some)

    def _is_there(self, tenant: str, person: Person) -> bool:
        return not expired(person) and not self.erasures.is_erased(tenant, person.uid)

    # --- marks ---

    def _marks(self, tenant: str, gallery: str, person: Person) -> set[str]:
        marks = set()
        if person.external_id is not None:
            marks.add(f"{external_folder(tenant, gallery, person.external_id)}{person.id}")
        if person.expires_at is not None:
            marks.add(expiry_key(person.expires_at, tenant, gallery, person.id))
        return marks

    def _mark(self, tenant: str, gallery: str, person: Person) -> None:
        """Before the record is written: a mark too many does no harm, one that is missing hides somebody."""
        for mark in self._marks(tenant, gallery, person):
            self._store.put(mark, b"{}")

    def _unmark(self, tenant: str, gallery: str, former: Person, now: Person | None) -> None:
        """Delete marks that the record has no more; unless another change has brought it one of them again."""
        gone = self._marks(tenant, gallery, former) - (self._marks(tenant, gallery, now) if now else set())
        for mark in gone:
            self._store.delete(mark)
        if gone and (latest := self.record(tenant, gallery, former.id)):
            self._mark(tenant, gallery, latest)


def _chunks(records: Iterator[bytes], at_once: int) -> Iterator[list[Person]]:
    while some := [Person.model_validate_json(data) for data in islice(records, at_once)]:
        yield some


def _page(judged: Iterator[tuple[Person, bool]], limit: int) -> tuple[list[Person], str | None]:
    """At most `limit` people out of MOST_SCANNED, and behind whom it goes on."""
    persons: list[Person] = []
    last = ""
    for scanned, (person, wanted) in enumerate(judged):
        if len(persons) == limit or scanned == MOST_SCANNED:
            return persons, last
        last = person.id
        if wanted:
            persons.append(person)
    return persons, None


def expired(person: Person) -> bool:
    """Whether the date has passed until which he was to be kept."""
    return person.expires_at is not None and person.expires_at <= datetime.now(UTC)


def _was_of(template: Template, uid: str, before: datetime | None) -> bool:
    if template.person_uid is None:
        return before is not None and template.created_at < before
    return template.person_uid == uid


def _packed(person: Person) -> bytes:
    return person.model_dump_json().encode()


def _going(person: str) -> ErasureUnderWay:
    return ErasureUnderWay(f"The former person {person!r} is being erased; try again in some seconds.")


def _no_person(gallery: str, person: str) -> PersonNotFound:
    return PersonNotFound(f"There is no person {person!r} in the gallery {gallery!r}.")
