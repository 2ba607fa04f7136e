"""Whom an enrolment is for, and what may be said with a photo beside them; the same singly, in bulk and again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import Field

from shared.errors import Conflict, FaceNotFound, InvalidField
from shared.galleries.store import Template
from shared.schemas import Conflicts, Gallery, NewPerson, Override, Person
from shared.schemas.texts import Label

UNDONE_WITHIN = timedelta(days=1)

FaceLabel = Annotated[
    Label | None,
    Field(description="text of 1 to 64 characters by which the face is told from others, such as passport"),
]
Stricter = Annotated[
    Literal[Conflicts.REFUSE] | None,
    Field(description="`refuse`: also where the gallery only flags a face unlike the person's others"),
]
Overriding = Annotated[
    Override | None,
    Field(description="store a face that does not look like the person's others; needs the scope `admin`"),
]


class _Choices(Protocol):
    @property
    def conflicts(self) -> Conflicts | None: ...

    @property
    def override(self) -> Override | None: ...


Sent = TypeVar("Sent", bound=_Choices)


@dataclass(frozen=True)
class Enrollee:
    """Somebody who is there (`new` is None), or who comes into being, with this uid, by the first stored face."""

    uid: str
    new: NewPerson | None


def enrollee(gallery: Gallery, person: Person | None, *, record_key: str | None = None) -> Enrollee:
    """Whom an enrolment means that is accepted now; `record_key`: what a batch says of a new person."""
    if person is not None:
        return Enrollee(person.uid, None)
    new = NewPerson(asked_at=datetime.now(UTC), gallery_created_at=gallery.created_at, record_key=record_key)
    return Enrollee(uuid.uuid4().hex, new)


def of_one_mind(sent: Sent) -> Sent:
    """Raises InvalidField when a conflict is to be both refused and stored."""
    if sent.conflicts is not None and sent.override is not None:
        raise InvalidField("`conflicts=refuse` and `override` contradict each other: send one of them.")
    return sent


def undoes_person(templates: Sequence[Template], face: str) -> bool:
    """Whether taking this enrolment back leaves nothing of the person, whom it made. `templates`: all of theirs.

    Raises:
        FaceNotFound
        Conflict: it was enrolled too long ago.
    """
    taken = [template for template in templates if template.face == face]
    if not taken:
        raise FaceNotFound(f"The person has no face {face!r}.")
    if datetime.now(UTC) - taken[0].created_at > UNDONE_WITHIN:
        raise Conflict("An enrolment can be taken back within a day; delete the face without `undo` instead.")
    return len(taken) == len(templates) and taken[0].made_person
