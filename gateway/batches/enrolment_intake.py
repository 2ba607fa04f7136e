"""Taking a batch of enrolments in: its photos are looked at and stored, its items written.

Only the header of a photo is read here, as of every batch's pictures; a worker finds what is wrong further in.
Whatever is wrong with a photo, or with what is said of its person, is an error of its item. Nobody is made here: who is
not there yet comes into being by the first stored face, with what the batch says of them.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.auth import ApiKey
from gateway.batches.enrolment_input import Photo, persons_of
from gateway.context import Services
from gateway.errors import InvalidId
from gateway.faces.enrollees import enrollee
from gateway.faces.person_limits import too_many_enrolments
from gateway.person_fields import changed, check_for_new, described
from gateway.uploads import READERS
from gateway.web.expectations import NO_PERSONS_ID
from shared import images
from shared.batches.records import input_key
from shared.errors import Conflict, InvalidInput, LikenessError, NotFound, UnclearPerson
from shared.jobs import NewJob
from shared.outbox import NewOccurrence
from shared.schemas import (
    ID_PATTERN,
    ID_RULE,
    BatchItem,
    Conflicts,
    EnrolmentPayload,
    FaceSource,
    Gallery,
    JobError,
    Person,
)
from shared.settings import LimitSettings


class Found(NamedTuple):
    """A person who is there, or where that lies which the batch says of one who is not."""

    person: Person | None
    record_key: str | None = None


@dataclass(frozen=True)
class EnrolmentIntake:
    """Of one batch. Its methods raise StorageUnavailable and QueueUnavailable."""

    given: Services
    asked: ApiKey
    gallery: Gallery
    batch_id: str
    limits: LimitSettings
    device: str | None = None
    conflicts: Conflicts | None = None

    def items(self, photos: Sequence[Photo]) -> list[BatchItem]:
        """An item each. What is said of people who are there is set where a photo of theirs can be enrolled."""
        with ThreadPoolExecutor(READERS) as pool:
            problems = list(pool.map(self._keep, range(len(photos)), photos))
            problems = self._within_the_day(photos, problems)
            fine = persons_of(photo for photo, problem in zip(photos, problems, strict=True) if problem is None)
            people = dict(zip(fine, pool.map(self._person, range(len(fine)), fine.values()), strict=True))
        return [
            self._item(number, photo, problem or people[photo.person])
            for number, (photo, problem) in enumerate(zip(photos, problems, strict=True))
        ]

    def _keep(self, number: int, photo: Photo) -> JobError | None:
        """Store a photo; what is wrong with it."""
        try:
            if photo.unclear:
                raise UnclearPerson(f"The photo {photo.unclear}, or name it in a `manifest`.")
            if not re.fullmatch(ID_PATTERN, photo.person):
                raise InvalidId(
                    f"{photo.person!r} cannot be a person's id, which is {ID_RULE}. Rename the folder, or send a "
                    f"`manifest`, whose lines have more fields. {NO_PERSONS_ID}"
                )
            changes_of([photo])
            data = photo.read()
            images.measure(data, self.limits.images)
        except (InvalidInput, NotFound, Conflict) as error:
            return _problem(error)
        self.given.store.put(self._key(str(number)), data)
        return None

    def _within_the_day(self, photos: Sequence[Photo], problems: Sequence[JobError | None]) -> list[JobError | None]:
        """Count what is to be enrolled of each person; photos that the day has no room for are not kept."""
        told = list(problems)
        numbers: dict[str, list[int]] = {}
        for number, photo in enumerate(photos):
            if problems[number] is None:
                numbers.setdefault(photo.person, []).append(number)
        for person, its in numbers.items():
            ids, least = [f"{self.batch_id}-{number}" for number in its], self.gallery.templates_per_person
            admission = self.given.attempts.enrol(self.asked.tenant, self.gallery.id, person, ids, least=least)
            for number in its[admission.count :]:
                told[number] = _problem(too_many_enrolments(admission))
                self.given.store.delete(self._key(str(number)))
        return told

    def _person(self, number: int, photos: Sequence[Photo]) -> Found | JobError:
        """Who is there, or where that lies which is said of somebody new; or what keeps them from being."""
        person, changes = photos[0].person, changes_of(photos)
        tenant, galleries = self.asked.tenant, self.given.galleries
        try:
            check_for_new(person, changes)
            found = galleries.present_person(tenant, self.gallery.id, person)
            if found is None:
                return Found(None, self._note(number, person, changes) if changes else None)
            if changes:
                changed(found, changes)  # only what will be done is told
                self._tell(found.uid, sorted(changes))
                galleries.update_person(tenant, self.gallery.id, person, lambda former: changed(former, changes))
        except (InvalidInput, NotFound, Conflict) as error:
            return _problem(error)
        return Found(found)

    def _note(self, number: int, person: str, changes: dict[str, Any]) -> str:
        """Keep what is said of somebody until a face of theirs is stored; where."""
        key = self._key(f"person-{number}")
        self.given.store.put(key, described(person, changes).model_dump_json().encode())
        return key

    def _tell(self, uid: str, fields: list[str]) -> None:
        data = {"gallery": self.gallery.id, "uid": uid, "fields": fields}
        asked, trace = self.asked, self.batch_id
        told = NewOccurrence(tenant=asked.tenant, kind="person.changed", actor=asked.id, trace=trace, data=data)
        self.given.outbox.append(told)

    def _item(self, number: int, photo: Photo, found: Found | JobError) -> BatchItem:
        item = BatchItem(custom_id=photo.custom_id, name=photo.name, person=photo.person or None)
        if isinstance(found, JobError):
            return item.model_copy(update={"error": found})
        meant = enrollee(self.gallery, found.person, record_key=found.record_key)
        payload = EnrolmentPayload(
            gallery=self.gallery.id,
            person=photo.person,
            person_uid=meant.uid,
            new_person=meant.new,
            face=NewJob.new_id(),
            image_key=self._key(str(number)),
            device=self.device,
            label=photo.line.label if photo.line else None,
            source=FaceSource.BATCH,
            conflicts=self.conflicts,
        )
        return item.model_copy(update={"payload": payload, "owns_input": True})

    def _key(self, name: str) -> str:
        return input_key(self.asked.tenant, self.batch_id, name)


def changes_of(photos: Sequence[Photo]) -> dict[str, Any]:
    """What the lines say of one person; the last one's word counts. Raises InvalidField."""
    return {name: value for photo in photos if photo.line for name, value in photo.line.changes().items()}


def _problem(error: LikenessError) -> JobError:
    return JobError(code=error.code, detail=str(error))
