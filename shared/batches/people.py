"""What batches of enrolments keep of a person, taken out of them when he is erased: photos, lines, outcomes.

The items keep their numbers, so that a batch that is under way goes on: an item of his fails, since the worker finds
him gone, and one that is not handed out yet has nothing left to do.
"""

import re
from collections.abc import Callable, Iterator, Set

from shared.batches.records import BatchStore
from shared.erasures.eraser import Subject
from shared.errors import ObjectNotFound, PersonChanged
from shared.schemas import Batch, BatchItem, BatchKind, EnrolmentPayload, ItemOutcome, JobError, SkippedFile
from shared.storage.store import ObjectStore

ERASED = JobError(code=PersonChanged.code, detail="The person was erased.")


class BatchPeople:
    """A keeper (shared/erasures/eraser.py)."""

    def __init__(self, batches: BatchStore, store: ObjectStore) -> None:
        self._batches = batches
        self._store = store

    def forget_person(self, subject: Subject) -> int:
        """How many items were his."""
        found = list(self._of_gallery(subject))
        return sum(self._forget_in(batch, subject) for batch in found)

    def _of_gallery(self, subject: Subject) -> Iterator[Batch]:
        """The batches that can name him: those of the gallery, also one that was being taken in when he was erased."""
        known = self._batches.every(subject.tenant)
        return (one for one in known if one.kind is BatchKind.ENROLMENT and one.gallery == subject.gallery)

    def _forget_in(self, batch: Batch, subject: Subject) -> int:
        his: dict[int, BatchItem] = {}
        before: set[int] = set()  # taken out by an earlier round: what came of one may have been told since
        # Of what came later only the uid tells whom it means.
        late = batch.created_at >= subject.erased_at.timestamp()

        def without(number: int, item: BatchItem) -> BatchItem:
            if item.error == ERASED:
                before.add(number)
            if not _is_his(item, subject, late=late):
                return item
            his[number] = item
            return BatchItem(custom_id=f"erased-{number}", error=ERASED)

        try:
            self._batches.change_items(batch, without)
        except ObjectNotFound:  # a batch's items are kept no longer than its pictures
            return 0
        for item in his.values():
            if item.owns_input and item.input_key is not None:
                self._store.delete(item.input_key)
            if key := _record_key(item):
                self._store.delete(key)
        if not late:
            self._batches.change_skipped(batch, lambda file: _skipped_without(subject.person, file))
        self._batches.change_outcomes(batch, _outcome_without("" if late else subject.person, his.keys() | before))
        return len(his)


def _is_his(item: BatchItem, subject: Subject, *, late: bool) -> bool:
    """Also an item that was wrong: it names him, though it means no person that was ever there."""
    if item.person is None and not late:
        return any(_names(text, subject.person) for text in (item.name, item.error.detail if item.error else ""))
    if item.person != subject.person:
        return False
    if isinstance(item.payload, EnrolmentPayload):
        return item.payload.means(subject.uid, subject.erased_at)
    return not late


def _record_key(item: BatchItem) -> str | None:
    """Where that lies which the batch says of somebody who was not there."""
    new = item.payload.new_person if isinstance(item.payload, EnrolmentPayload) else None
    return new.record_key if new else None


def _skipped_without(person: str, file: SkippedFile) -> SkippedFile:
    return file.model_copy(update={"name": "erased"}) if _names(file.name, person) else file


def _names(text: str | None, person: str) -> bool:
    """Whether a folder of that name is in a path, or in a message that quotes paths."""
    return person in re.split(r"[/`]", text or "")


def _outcome_without(person: str, his: Set[int]) -> Callable[[int, ItemOutcome], ItemOutcome]:
    """Of his items nothing stays but how they ended; others may have resembled him."""

    def change(number: int, outcome: ItemOutcome) -> ItemOutcome:
        told = outcome.enrolment
        if number in his:
            return outcome.model_copy(update={"enrolment": None, "error": outcome.error and ERASED})
        if told is None or all(warning.person != person for warning in told.warnings):
            return outcome
        warnings = tuple(
            warning.model_copy(update={"person": None}) if warning.person == person else warning
            for warning in told.warnings
        )
        return outcome.model_copy(update={"enrolment": told.model_copy(update={"warnings": warnings})})

    return change
