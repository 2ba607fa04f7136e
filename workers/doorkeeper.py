"""What the gallery's rules make of a face's verdict: reads the person, tells the time, asks shared/access.py."""

from collections.abc import Callable
from datetime import UTC, datetime

from shared.access import Outcome, decide, denial_of_face
from shared.errors import PersonNotFound
from shared.galleries.store import GalleryStore
from shared.ml.face.verification import Verdict
from shared.schemas import Gallery, Person

Door = Callable[[Verdict, str | None, str | None], Outcome]
"""Answers a face: its verdict, whom it was found or claimed to be, and his uid."""


def _now() -> datetime:
    return datetime.now(UTC)


class Doorkeeper:
    def __init__(self, galleries: GalleryStore, *, clock: Callable[[], datetime] = _now) -> None:
        self._galleries = galleries
        self._clock = clock

    def at(self, tenant: str, gallery: Gallery, device: str | None) -> Door:
        """The door of one request: by the rules of its beginning, and what the person is when it answers.

        Only who was found is read: the others stay outside whoever they are.
        """

        def answer(verdict: Verdict, person: str | None, uid: str | None) -> Outcome:
            found = None
            if denial_of_face(verdict) is None and person is not None:
                found = self._person(tenant, gallery.id, person)
            if found is not None and found.uid != uid:
                found = None  # another one by now, who has the id of him whose face it was
            return decide(verdict, found, gallery.access, device=device, at=self._clock())

        return answer

    def _person(self, tenant: str, gallery: str, person: str) -> Person | None:
        try:
            return self._galleries.get_person(tenant, gallery, person)
        except PersonNotFound:
            return None  # erased since his face was compared
