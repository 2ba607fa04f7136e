"""Taking a batch of enrolments in: its photos are looked at and stored, its people made, its items written.

Only the header of a photo is read here, as of every batch's pictures; a worker finds what is wrong further in.
Whatever is wrong with a photo, or with what is said of its person, is an error of its item.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gateway.auth import ApiKey
from gateway.batches.enrolment_input import Photo, persons_of
from gateway.context import Services
from gateway.errors import InvalidId
from gateway.person_fields import changed, check_for_new
from gateway.uploads import READERS
from shared import images
from shared.batches.records import input_key
from shared.errors import Conflict, InvalidInput, LikenessError, NotFound
from shared.jobs import NewJob
from shared.outbox import NewOccurrence
from shared.schemas import ID_PATTERN, BatchItem, EnrolmentPayload, JobError
from shared.settings import LimitSettings


@dataclass(frozen=True)
class EnrolmentIntake:
    """Of one batch. Its methods raise StorageUnavailable and QueueUnavailable."""

    given: Services
    asked: ApiKey
    gallery: str
    batch_id: str
    limits: LimitSettings
    device: str | None = None

    def items(self, photos: Sequence[Photo]) -> list[BatchItem]:
        """An item each. People are made, and what is said of them set, only where a photo of theirs can be enrolled."""
        with ThreadPoolExecutor(READERS) as pool:
            problems = list(pool.map(self._keep, range(len(photos)), photos))
            fine = persons_of(photo for photo, problem in zip(photos, problems, strict=True) if problem is None)
            people = dict(zip(fine, pool.map(self._person, fine.values()), strict=True))
        return [
            self._item(number, photo, problem or people[photo.person])
            for number, (photo, problem) in enumerate(zip(photos, problems, strict=True))
        ]

    def _keep(self, number: int, photo: Photo) -> JobError | None:
        """Store a photo; what is wrong with it."""
        try:
            if not photo.person:
                raise InvalidId("The photo lies in no folder: put it into one that is named by its person's id.")
            if not re.fullmatch(ID_PATTERN, photo.person):
                raise InvalidId(
                    f"{photo.person!r} cannot be a person's id: 1 to 64 of A-Z a-z 0-9 . _ - are, "
                    "and it does not start with . _ -"
                )
            changes_of([photo])
            data = photo.read()
            images.measure(data, self.limits.images)
        except (InvalidInput, NotFound, Conflict) as error:
            return _problem(error)
        self.given.store.put(self._key(number), data)
        return None

    def _person(self, photos: Sequence[Photo]) -> str | JobError:
        """The uid of a person who is there, made when he was not; or what keeps him from being."""
        person, changes = photos[0].person, changes_of(photos)
        tenant, galleries = self.asked.tenant, self.given.galleries
        try:
            check_for_new(person, changes)
            found = galleries.ensure_person(tenant, self.gallery, person)
            if changes:
                changed(found, changes)  # only what will be done is told
                self._tell(found.uid, sorted(changes))
                galleries.update_person(tenant, self.gallery, person, lambda former: changed(former, changes))
        except (InvalidInput, NotFound, Conflict) as error:
            return _problem(error)
        return found.uid

    def _tell(self, uid: str, fields: list[str]) -> None:
        data = {"gallery": self.gallery, "uid": uid, "fields": fields}
        asked, trace = self.asked, self.batch_id
        told = NewOccurrence(tenant=asked.tenant, kind="person.changed", actor=asked.id, trace=trace, data=data)
        self.given.outbox.append(told)

    def _item(self, number: int, photo: Photo, found: str | JobError) -> BatchItem:
        item = BatchItem(custom_id=photo.custom_id, name=photo.name, person=photo.person)
        if isinstance(found, JobError):
            return item.model_copy(update={"error": found})
        payload = EnrolmentPayload(
            gallery=self.gallery,
            person=photo.person,
            person_uid=found,
            face=NewJob.new_id(),
            image_key=self._key(number),
            device=self.device,
        )
        return item.model_copy(update={"payload": payload, "owns_input": True})

    def _key(self, number: int) -> str:
        return input_key(self.asked.tenant, self.batch_id, str(number))


def changes_of(photos: Sequence[Photo]) -> dict[str, Any]:
    """What the lines say of one person; the last one's word counts. Raises InvalidField."""
    return {name: value for photo in photos if photo.line for name, value in photo.line.changes().items()}


def _problem(error: LikenessError) -> JobError:
    return JobError(code=error.code, detail=str(error))
