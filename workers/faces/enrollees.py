"""Whom an enrolment means: somebody who is there, or who comes into being by the first face that is stored of them."""

from datetime import UTC, datetime

from shared.erasures.eraser import erasures_of
from shared.errors import GalleryNotFound, ObjectNotFound, PersonChanged, PersonNotFound
from shared.galleries.objects import require_same
from shared.galleries.persons import expired
from shared.galleries.store import GalleryStore
from shared.outbox import NewOccurrence, Outbox
from shared.schemas import EnrolmentPayload, Gallery, Job, Person
from shared.storage.store import ObjectStore

SAID = frozenset(Person.model_fields) - {"id", "uid", "created_at"}  # what may be known of a person
VALIDITY = frozenset({"valid_from", "valid_until"})  # one makes no sense without the other


class Enrollees:
    """Nobody who was erased comes back by an enrolment accepted before, nor in a later gallery of that name."""

    def __init__(self, store: ObjectStore, galleries: GalleryStore, outbox: Outbox) -> None:
        self._store = store
        self._galleries = galleries
        self._outbox = outbox

    def meant(self, tenant: str, gallery: Gallery, sent: EnrolmentPayload) -> Person | None:
        """Whom an enrolment means; None for somebody who comes into being by it.

        Asked before a face is stored and again afterwards: whoever erased the person before that moment has either
        seen the face and deleted it, or is seen here.

        Raises:
            PersonChanged: the person was erased since the enrolment was accepted.
            GalleryNotFound: the gallery was deleted since then.
        """
        require_same(self._galleries.get_gallery(tenant, gallery.id), gallery)
        new = sent.new_person
        if new is None:
            return self._present(tenant, sent)
        if gallery.created_at != new.gallery_created_at:
            raise GalleryNotFound(f"The gallery {gallery.id!r} was deleted before the enrolment was done.")
        erased = erasures_of(self._store, tenant, gallery.id, sent.person)
        if any(erasing.erased_at >= new.asked_at for erasing in erased):
            raise _changed(sent.person)
        return self._galleries.present_person(tenant, gallery.id, sent.person)

    def _present(self, tenant: str, sent: EnrolmentPayload) -> Person:
        try:
            person = self._galleries.get_person(tenant, sent.gallery, sent.person)
        except PersonNotFound:
            raise _changed(sent.person) from None
        if person.uid != sent.person_uid:
            raise _changed(sent.person)
        return person

    def create(self, job: Job, sent: EnrolmentPayload) -> bool:
        """Bring the person into being, with what the batch says of them; False when somebody else was faster.

        Raises:
            PersonChanged: they were to be kept no longer than until now.
        """
        new = self._new(sent)
        if expired(new):
            raise PersonChanged(f"The person {sent.person!r} was to be kept no longer than until {new.expires_at}.")
        blank = Person(id=new.id, uid=new.uid, created_at=new.created_at)
        self._tell(job, sent, blank, new)
        return self._galleries.create_person(job.tenant, sent.gallery, new)

    def complete(self, job: Job, sent: EnrolmentPayload, person: Person) -> None:
        """Give somebody who came into being otherwise, since a batch was accepted, what it says and they lack."""
        if sent.new_person is None or sent.new_person.record_key is None or person.uid == sent.person_uid:
            return
        said = self._new(sent)
        if (now := _completed(person, said)) == person:
            return
        self._tell(job, sent, person, now)
        self._galleries.update_person(job.tenant, sent.gallery, person.id, lambda now: _completed(now, said))

    def withdraw(self, tenant: str, sent: EnrolmentPayload) -> None:
        """Leave nothing of an enrolment: neither its face nor the person whom it brought into being."""
        self._galleries.withdraw_template(tenant, sent.gallery, sent.person, sent.face)
        if sent.new_person is None:
            return
        try:
            made = self._new(sent)
        except ObjectNotFound:
            return  # the batch is over or was erased; somebody without a face can stay
        self._galleries.unmake_person(tenant, sent.gallery, made)

    def _new(self, sent: EnrolmentPayload) -> Person:
        """Raises ObjectNotFound when what is said of the person is gone."""
        key = sent.new_person.record_key if sent.new_person else None
        said = Person.model_validate_json(self._store.get(key)) if key else None
        made = Person(id=sent.person, uid=sent.person_uid, created_at=datetime.now(UTC))
        return made if said is None else said.model_copy(update={"uid": made.uid, "created_at": made.created_at})

    def _tell(self, job: Job, sent: EnrolmentPayload, before: Person, now: Person) -> None:
        """What fields are set, not what is in them; told before it is done (gateway/telling.py)."""
        fields = sorted(name for name in SAID if getattr(before, name) != getattr(now, name))
        if fields:
            data = {"gallery": sent.gallery, "uid": now.uid, "fields": fields}
            told = NewOccurrence(tenant=job.tenant, kind="person.changed", actor=job.actor, trace=job.trace, data=data)
            self._outbox.append(told)


def _completed(person: Person, said: Person) -> Person:
    """With what is said where nothing is known yet."""
    lacking = {name for name in SAID - VALIDITY if not getattr(person, name)}
    if not any(getattr(person, name) for name in VALIDITY):
        lacking |= VALIDITY
    return person.model_copy(update={name: getattr(said, name) for name in lacking})


def _changed(person: str) -> PersonChanged:
    return PersonChanged(f"The person {person!r} was erased before the enrolment was done.")
