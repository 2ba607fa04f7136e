"""Names and external ids of those whom a recognition found, as they are at the moment of the answer.

They are in no job's record: whoever is renamed or erased is so in every later answer, and nothing has to be found and
deleted for it (docs/decisions/0032-names-are-added-when-an-answer-is-read.md).
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from flask import g

from gateway.auth import Scope
from gateway.context import caller, services
from shared.errors import Unavailable
from shared.schemas import Candidate, Job, Person, RecognisedFace, RecognitionResult

Found = TypeVar("Found", RecognitionResult, RecognisedFace, Candidate)

MAX_NAMED = 1000  # people in one answer; of more candidates the least likely have no names


def with_names(job: Job, result: RecognitionResult) -> RecognitionResult:
    """The result with the name and the external id of everybody whom the caller is told of."""
    gallery = str(job.payload.get("gallery"))
    people = _people(gallery, list(_told(result)))

    def named(found: Found) -> Found:
        person = people.get(found.person or "")
        # Who came later under the same id is another one.
        if person is None or person.created_at.timestamp() > (job.finished_at or job.created_at):
            return found
        return found.model_copy(update={"name": person.name, "external_id": person.external_id})

    faces = [
        named(face.model_copy(update={"candidates": [named(candidate) for candidate in face.candidates]}))
        for face in result.faces
    ]
    return named(result.model_copy(update={"faces": faces}))


def _told(result: RecognitionResult) -> Iterator[str]:
    """Their ids, the likeliest first."""
    yield from (face.person for face in result.faces if face.person)
    if caller().may(Scope.SCORES_READ):
        ranks = max((len(face.candidates) for face in result.faces), default=0)
        for rank in range(ranks):
            yield from (face.candidates[rank].person for face in result.faces if rank < len(face.candidates))


def _people(gallery: str, ids: list[str]) -> dict[str, Person]:
    """Those who are there. Whom a request has looked up once is known to its other answers."""
    known: dict[tuple[str, str], Person | None] = g.setdefault("named_people", {})
    new = [one for one in dict.fromkeys(ids) if (gallery, one) not in known][: MAX_NAMED - len(known)]
    with suppress(Unavailable):  # the answer itself is there, and is worth more than its names
        found = {one.id: one for one in services().galleries.persons_of(caller().tenant, gallery, new)} if new else {}
        known.update({(gallery, one): found.get(one) for one in new})
    return {one: person for one in ids if (person := known.get((gallery, one))) is not None}
