"""What people at a door say of an answer: this was somebody else, or this was him. One small object each.

    galleries/{tenant}/{gallery}/feedback/{job}-{face}.json

Neither images nor embeddings nor a person's id: the score and what it was compared by, so that a calibration can
use it long after the job is gone. The person is named by his pseudonym (`uid`). A report goes with its gallery.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from enum import StrEnum
from itertools import islice

from shared.errors import FeedbackContradicts, FeedbackNotFound, ObjectNotFound
from shared.schemas import Message, Model, PolicyKind
from shared.storage.store import ObjectStore

READERS = 8  # parallel reads


class FeedbackKind(StrEnum):
    """What was wrong with the answer.

    wrong_person: it said yes to somebody else, a false match. not_recognised_but_is: it said no to the
    person himself, a false non-match.
    """

    WRONG_PERSON = "wrong_person"
    NOT_RECOGNISED_BUT_IS = "not_recognised_but_is"


class Feedback(Message):
    """A report about one face of one verification or recognition.

    Attributes:
        face: number of the face in a recognition's answer, 0 is the largest.
        search: whether it was a verification or a search.
        person: uid of whom the face was wrongly taken for, or wrongly not taken for.
        score: cosine similarity to him; None where it was below that of every candidate on record.
        actor: id of the API key that reported it.
    """

    id: str
    gallery: str
    job: str
    face: int
    kind: FeedbackKind
    search: PolicyKind
    person: str
    score: float | None
    policy: str
    threshold: float
    model: Model
    device: str | None
    created_at: datetime
    actor: str

    def says_the_same(self, other: "Feedback") -> bool:
        return (self.kind, self.person) == (other.kind, other.person)


class FeedbackStore:
    """Raises StorageUnavailable when the object store cannot be reached."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def has(self, tenant: str, report: Feedback) -> bool:
        """Whether something was reported about this face."""
        return self._read(_key(tenant, report.gallery, report.id)) is not None

    def put(self, tenant: str, new: Feedback) -> tuple[Feedback, bool]:
        """Keep a report; the one that is kept, and whether it is new. Repeating it changes nothing.

        Raises:
            FeedbackContradicts: something else was reported about the same face.
        """
        key = _key(tenant, new.gallery, new.id)
        if self._store.put_if_absent(key, new.model_dump_json().encode()):
            return new, True
        kept = self.get(tenant, new.gallery, new.id)
        if not kept.says_the_same(new):
            raise FeedbackContradicts(
                f"It was reported already that this face is {kept.kind.value}: delete {kept.id} first."
            )
        return kept, False

    def get(self, tenant: str, gallery: str, report: str) -> Feedback:
        """Raises FeedbackNotFound."""
        try:
            return Feedback.model_validate_json(self._store.get(_key(tenant, gallery, report)))
        except ObjectNotFound:
            raise FeedbackNotFound(f"There is no feedback {report!r} in the gallery {gallery!r}.") from None

    def listed(self, tenant: str, gallery: str) -> list[Feedback]:
        """All reports, in the order of their ids."""
        return self._read_all(self._store.keys(_folder(tenant, gallery)))

    def page(self, tenant: str, gallery: str, *, after: str, limit: int) -> tuple[list[Feedback], str | None]:
        """At most `limit` reports, from the first id after `after`; and after which there are more."""
        keys = self._store.keys(_folder(tenant, gallery), _key(tenant, gallery, after) if after else "")
        found = list(islice(keys, limit + 1))
        last = found[limit - 1].rpartition("/")[2].removesuffix(".json") if len(found) > limit else None
        return self._read_all(found[:limit]), last

    def _read_all(self, keys: Iterable[str]) -> list[Feedback]:
        with ThreadPoolExecutor(READERS) as pool:
            return [report for report in pool.map(self._read, keys) if report]

    def delete(self, tenant: str, gallery: str, report: str) -> None:
        """Raises FeedbackNotFound."""
        self.get(tenant, gallery, report)
        self._store.delete(_key(tenant, gallery, report))

    def delete_of(self, tenant: str, gallery: str, person: str) -> int:
        """Delete what was reported about a person, by his uid; how many."""
        found = [report for report in self.listed(tenant, gallery) if report.person == person]
        for report in found:
            self._store.delete(_key(tenant, gallery, report.id))
        return len(found)

    def _read(self, key: str) -> Feedback | None:
        try:
            return Feedback.model_validate_json(self._store.get(key))
        except ObjectNotFound:
            return None  # deleted between listing and reading


def _folder(tenant: str, gallery: str) -> str:
    return f"galleries/{tenant}/{gallery}/feedback/"


def _key(tenant: str, gallery: str, report: str) -> str:
    return f"{_folder(tenant, gallery)}{report}.json"
