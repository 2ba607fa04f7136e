"""Merging two records of one person: the templates of one move to the other, then the one is erased.

Every step may be repeated, so a merge that was interrupted is completed by doing it again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.erasures.eraser import Eraser
from shared.erasures.log import ErasureReason
from shared.errors import InvalidField, PersonChanged, PersonNotFound
from shared.galleries.store import GalleryStore, Template
from shared.outbox import NewOccurrence, Outbox
from shared.schemas import Gallery, Person


@dataclass(frozen=True)
class Merged:
    """The person who stays, how alike the two were (the best cosine of their faces, None without any), and how many
    faces were beyond what the gallery keeps of one person.
    """

    person: Person
    likeness: float | None
    surplus: int


@dataclass(frozen=True)
class Asked:
    """On whose behalf: the API key and the request."""

    tenant: str
    actor: str
    trace: str


class Merger:
    def __init__(self, galleries: GalleryStore, eraser: Eraser, outbox: Outbox) -> None:
        self._galleries = galleries
        self._eraser = eraser
        self._outbox = outbox

    def merge(self, asked: Asked, gallery: Gallery, person: str, source: str) -> Merged:
        """Make `source` one with `person`.

        Raises:
            InvalidField: they are one already.
            PersonNotFound, PersonChanged: one of them, or the one who was to stay was erased meanwhile.
        """
        if person == source:
            raise InvalidField("`from` must be another person.")
        tenant = asked.tenant
        target = self._galleries.get_person(tenant, gallery.id, person)
        try:
            former = self._galleries.get_person(tenant, gallery.id, source)
        except PersonNotFound:
            if not self._eraser.interrupted(tenant, gallery.id, source):
                raise
            former = None  # his faces have moved; what is left of him goes now
        likeness, surplus = None, 0
        if former is not None:
            likeness = self._likeness(tenant, gallery, target, former)
            target = self._galleries.update_person(tenant, gallery.id, person, lambda now: _joined(now, former))
            surplus = self._move(tenant, gallery, former, target)
            self._require(tenant, gallery, target)
            self._tell(asked, {"gallery": gallery.id, "uid": former.uid, "into": target.uid})
        self._eraser.erase(
            tenant, gallery.id, source, reason=ErasureReason.MERGED, actor=asked.actor, trace=asked.trace
        )
        return Merged(target, likeness, surplus)

    def _require(self, tenant: str, gallery: Gallery, target: Person) -> None:
        """Whoever was erased meanwhile, or merged into another, must not take the other one with him.

        Raises:
            PersonNotFound, PersonChanged
        """
        if self._galleries.get_person(tenant, gallery.id, target.id).uid != target.uid:
            raise PersonChanged(f"The person {target.id!r} was erased meanwhile; another one has his id now.")

    def _tell(self, asked: Asked, data: dict[str, str]) -> None:
        """Before he is erased, for then the merge is not done again."""
        self._outbox.append(
            NewOccurrence(tenant=asked.tenant, kind="person.merged", actor=asked.actor, trace=asked.trace, data=data)
        )

    def _likeness(self, tenant: str, gallery: Gallery, one: Person, other: Person) -> float | None:
        mine, theirs = (
            self._galleries.templates_of(tenant, gallery.id, person, gallery.model.digest) for person in (one, other)
        )
        return max((_cosine(a.embedding, b.embedding) for a in mine for b in theirs), default=None)

    def _move(self, tenant: str, gallery: Gallery, source: Person, target: Person) -> int:
        """The templates of every model; how many were too many."""
        moved: list[Template] = []
        for template in self._galleries.templates_of(tenant, gallery.id, source):
            new = template.model_copy(update={"person": target.id, "person_uid": target.uid, "made_person": False})
            self._galleries.put_template(tenant, gallery.id, new)
            moved.append(new)
        return sum(
            self._galleries.trim_templates(tenant, gallery.id, target, digest, gallery.templates_per_person)
            for digest in {template.model_digest for template in moved}
        )


def _joined(target: Person, source: Person) -> Person:
    """What the target lacks is taken from the source, but neither groups nor validity: no right is inherited.

    Of two dates until which they are to be kept the earlier one holds.
    """
    dates: list[datetime] = [date for date in (target.expires_at, source.expires_at) if date is not None]
    return target.model_copy(
        update={
            "name": target.name or source.name,
            "external_id": target.external_id or source.external_id,
            "tags": target.tags or source.tags,
            "attributes": {**source.attributes, **target.attributes},
            "consent": target.consent or source.consent,
            "expires_at": min(dates, default=None),
        }
    )


def _cosine(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))
