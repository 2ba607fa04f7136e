"""Enrolment: a photo becomes a template, unless that would make two people hard to tell apart, or one of two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.errors import Conflict, GalleryChanged, MigrationNotFound, NoFaceEnrolled, NotFound
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.verification import DEFAULT_IDENTIFICATION, Candidate, Verdict
from shared.schemas import (
    Conflicts,
    EnrolmentPayload,
    EnrolmentResult,
    FaceWarning,
    Gallery,
    Lookalikes,
    Message,
    Migration,
    MigrationState,
    Model,
    Override,
    Person,
    ReembeddingPayload,
)
from workers import thresholds
from workers.face_models import Embedding, FaceModels, ServedModel
from workers.face_reader import Face, FaceReader, Refusal
from workers.faces.enrollees import Enrollees
from workers.faces.enrolment_slots import EnrolmentSlots
from workers.faces.frames import other_faces
from workers.faces.own_faces import OwnFaces
from workers.faces.thumbnails import thumbnail
from workers.residents import ResidentGalleries
from workers.runner import Held

CONFLICT = (
    "The face does not look like the person's other faces, so nothing was stored. Is the id the right one, and are "
    "those faces theirs? If both are, send a clearer photo, or `override=identity_conflict` by a key with the scope "
    "`admin`."
)
LOOKALIKE = (
    "The face resembles another person of the gallery so much that they may be mistaken, so nothing was stored. Check "
    "that the id is the right one; if the two are one person, enrol the photo under the id that is there."
)
# After an outage another attempt goes on from there, or the job ends and what it left goes (workers/retention.py).
WITHDRAWN = (NotFound, Conflict, GalleryChanged)
SAME_PHOTO = "The person is enrolled with this photo already; nothing was changed."


@dataclass(frozen=True)
class _Request:
    """What is to be enrolled, for whom, by which models; the first model is the one in use."""

    held: Held
    sent: EnrolmentPayload
    gallery: Gallery
    models: Sequence[ServedModel]
    face: Face

    @property
    def tenant(self) -> str:
        return self.held.job.tenant


class Enroller:
    def __init__(
        self,
        reader: FaceReader,
        models: FaceModels,
        galleries: GalleryStore,
        residents: ResidentGalleries,
        *,
        enrollees: Enrollees,
        slots: EnrolmentSlots,
    ) -> None:
        self._reader = reader
        self._models = models
        self._galleries = galleries
        self._residents = residents
        self._enrollees = enrollees
        self._slots = slots

    def enrol(self, payload: EnrolmentPayload, held: Held) -> tuple[Message, Model]:
        """Store templates of the largest face, one for each model that the gallery keeps.

        Raises:
            PersonChanged: the person was erased in the meantime; nothing of them is left behind.
            GalleryNotFound: the gallery was deleted in the meantime.
            GalleryChanged: a migration began or ended meanwhile; another attempt does what it needs.
        """
        gallery = self._galleries.get_gallery(held.job.tenant, payload.gallery)
        models = [self._models.of(held.job.tenant, model) for model in gallery.models]
        face = self._reader.one_face(payload.image_key, models, payload.choice)
        if isinstance(face, Refusal):
            return _not_enrolled(payload.person, face), models[0].identity
        asked = _Request(held, payload, gallery, models, face)
        with self._slots.taken(asked.tenant, gallery.id, payload.person):
            return self._enrol(asked), models[0].identity

    def reembed(self, payload: ReembeddingPayload, held: Held) -> tuple[Message, Model]:
        """Store a template for the model that the gallery migrates to, of a photo that shows the person.

        Raises:
            MigrationNotFound: the migration has ended.
            NoFaceEnrolled: nobody can tell whether the photo shows the person.
            PersonChanged: the person was erased in the meantime.
        """
        tenant = held.job.tenant
        gallery = self._galleries.get_gallery(tenant, payload.gallery)
        migration = _under_way(gallery, payload.migration)
        source, target = (self._models.of(tenant, model) for model in (migration.source, migration.target))
        face = self._reader.one_face(payload.image_key, [source, target], payload.choice)
        if isinstance(face, Refusal):
            return _not_enrolled(payload.person, face), target.identity
        migrated = replace(face, embeddings=face.embeddings[1:])
        asked = _Request(held, payload, gallery, [target], migrated)
        with self._slots.taken(tenant, gallery.id, payload.person):
            return self._reembed(asked, migration, source, face.embedding), target.identity

    def _enrol(self, asked: _Request) -> EnrolmentResult:
        sent = asked.sent
        person = self._enrollees.meant(asked.tenant, asked.gallery, sent)
        own = self._own_faces(asked, person)
        if own.model is asked.models[0] and (same := own.same_photo(asked.face.embedding)):
            return _already_enrolled(asked, same)
        warnings = self._warnings(asked, own)
        if refused := _refused(asked, warnings):
            return refused
        created = person is None or (sent.new_person is not None and person.uid == sent.person_uid)
        try:
            uid = self._store(asked, person, created=created)
            # Looked at again: of two enrolled at the same moment at least one sees the other.
            warnings = self._warnings(asked, self._own_faces(asked, self._require(asked, uid)))
            if refused := _refused(asked, warnings):
                self._enrollees.withdraw(asked.tenant, sent)
                return refused
            self._require_rules(asked)
        except WITHDRAWN:
            self._enrollees.withdraw(asked.tenant, sent)
            raise
        replaced = [self._make_room(asked, model) for model in asked.models]
        return _enrolled(asked, uid, warnings, replaced[0], created=created)

    def _reembed(
        self, asked: _Request, migration: Migration, source: ServedModel, embedding: Embedding
    ) -> EnrolmentResult:
        """`embedding` is the source model's, by which the person is known."""
        target = asked.models[0]
        person = self._enrollees.meant(asked.tenant, asked.gallery, asked.sent)
        again = OwnFaces.of(self._galleries, asked.tenant, asked.gallery.id, person, target)
        if same := again.without(asked.sent.face).same_photo(asked.face.embedding):
            return _already_enrolled(asked, same)
        known = OwnFaces.of(self._galleries, asked.tenant, asked.gallery.id, person, source)
        if not known.templates:
            raise NoFaceEnrolled(f"The person {asked.sent.person!r} has no enrolled face to compare the photo with.")
        warnings = _conflict(known, embedding)
        if refused := _refused(asked, warnings):
            return refused
        try:
            uid = self._store(asked, person, created=False)
            self._require(asked, uid)
            now = self._galleries.get_gallery(asked.tenant, asked.gallery.id)
            _under_way(now, migration.id)
            _require_same_thumbnails(now, asked.gallery)
        except WITHDRAWN:
            self._enrollees.withdraw(asked.tenant, asked.sent)
            raise
        replaced = self._make_room(asked, target)
        return _enrolled(asked, uid, warnings, replaced, created=False)

    # --- what is stored ---

    def _store(self, asked: _Request, person: Person | None, *, created: bool) -> str:
        """Store the templates, then bring the person into being if nobody is there; their uid.

        In this order, so that who is there has a face. Of two who are to come into being at the same moment one does;
        the other enrolment is begun anew, and compared with the first one's face.

        Raises:
            GalleryChanged: somebody else brought the person into being meanwhile.
        """
        uid = person.uid if person else asked.sent.person_uid
        picture = thumbnail(asked.face.pixels) if asked.gallery.thumbnails else None
        now = datetime.now(UTC)  # one age in every model
        templates = [
            Template(
                person=asked.sent.person,
                face=asked.sent.face,
                embedding=tuple(embedding.tolist()),
                model_digest=model.card.digest,
                quality=asked.face.view.quality.score,
                created_at=now,
                person_uid=uid,
                label=asked.sent.label,
                source=asked.sent.source,
                made_person=created,
                thumbnail=picture,
            )
            for model, embedding in zip(asked.models, asked.face.embeddings, strict=True)
        ]
        for template in templates:
            self._galleries.store_template(asked.tenant, asked.gallery.id, template)
        if person is not None:
            self._enrollees.complete(asked.held.job, asked.sent, person)
        elif not self._enrollees.create(asked.held.job, asked.sent):
            raise GalleryChanged("The person came into being otherwise during the enrolment.")
        for template in templates:
            self._galleries.announce_template(asked.tenant, asked.gallery.id, template)
        return uid

    def _require(self, asked: _Request, uid: str) -> Person:
        """Raises PersonChanged, GalleryNotFound, GalleryChanged unless the face is that of somebody who is there."""
        person = self._enrollees.meant(asked.tenant, asked.gallery, asked.sent)
        if person is None or person.uid != uid:
            raise GalleryChanged("The person went during the enrolment.")
        return person

    def _require_rules(self, asked: _Request) -> None:
        """All of it again, if the job is not cancelled before: nothing of a model that has gone stays.

        Raises:
            GalleryChanged
        """
        now = self._galleries.get_gallery(asked.tenant, asked.gallery.id)
        if now.models != asked.gallery.models:
            raise GalleryChanged("A migration of the gallery began or ended during the enrolment.")
        _require_same_thumbnails(now, asked.gallery)

    def _make_room(self, asked: _Request, model: ServedModel) -> str | None:
        """Remove the weakest of the person's templates but the newest when there are too many; which face it was.

        Of several enrolled at the same moment each comes to the same answer, whoever sees whom first.
        """
        tenant, gallery, person = asked.tenant, asked.gallery, asked.sent.person
        found = self._galleries.person_templates(tenant, gallery.id, person, model.card.digest)
        newest = max(found, key=_age, default=None)
        former = sorted((t for t in found if t is not newest), key=lambda t: (t.quality, t.created_at))
        surplus = former[: max(0, len(found) - gallery.templates_per_person)]
        for template in surplus:
            self._galleries.withdraw_template(tenant, gallery.id, person, template.face, digest=model.card.digest)
        return surplus[-1].face if surplus else None

    # --- what speaks against it ---

    def _own_faces(self, asked: _Request, person: Person | None) -> OwnFaces:
        """The person's other faces, of the model in use; of another that the gallery keeps when there are none."""
        found = [
            OwnFaces.of(self._galleries, asked.tenant, asked.gallery.id, person, model).without(asked.sent.face)
            for model in asked.models
        ]
        return next((own for own in found if own.templates), found[0])

    def _warnings(self, asked: _Request, own: OwnFaces) -> list[FaceWarning]:
        embedding = asked.face.embeddings[asked.models.index(own.model)]
        return [*self._lookalike(asked), *_conflict(own, embedding), *other_faces(asked.face)]

    def _lookalike(self, asked: _Request) -> list[FaceWarning]:
        found = self._resembled(asked)
        if found is None:
            return []
        detail = "The face resembles another person of the gallery so much that they may be mistaken."
        return [FaceWarning(code="lookalike", detail=detail, person=found.person, score=found.score)]

    def _resembled(self, asked: _Request) -> Candidate | None:
        """The most similar other person, if a search would recognise them in this face."""
        card = asked.models[0].card
        (found,), persons, _ = self._residents.search(
            asked.tenant, asked.gallery.id, asked.face.embedding[None], digest=card.digest, top_k=2
        )
        others = [candidate for candidate in found if candidate.person != asked.sent.person]
        bound = thresholds.for_identification(DEFAULT_IDENTIFICATION, asked.gallery, card, persons=persons)
        return others[0] if others and others[0].score >= bound.profile.threshold(persons) else None


def _age(template: Template) -> tuple[datetime, str]:
    """Orders templates by when they were made."""
    return template.created_at, template.face


def _under_way(gallery: Gallery, migration: str) -> Migration:
    """Raises MigrationNotFound unless this one is, and not ending."""
    found = gallery.migration
    if found is None or found.id != migration or found.state is MigrationState.ENDING:
        raise MigrationNotFound(f"The migration {migration!r} of the gallery has ended.")
    return found


def _require_same_thumbnails(now: Gallery, before: Gallery) -> None:
    """Raises GalleryChanged: none stays that is no longer wanted."""
    if now.thumbnails != before.thumbnails:
        raise GalleryChanged("The gallery's rule `thumbnails` changed during the enrolment.")


def _conflict(own: OwnFaces, embedding: Embedding) -> list[FaceWarning]:
    likeness = own.likeness(embedding)
    if not own.looks_different(likeness):
        return []
    detail = "The face does not look like the person's other faces: is it somebody else?"
    return [FaceWarning(code="identity_conflict", detail=detail, score=likeness)]


def _refused(asked: _Request, warnings: Sequence[FaceWarning]) -> EnrolmentResult | None:
    """What the rules do not let be stored; the request may be stricter than the gallery, or override a rule."""
    codes = {warning.code for warning in warnings}
    strict = Conflicts.REFUSE in {asked.gallery.conflicts, asked.sent.conflicts}
    overridden = asked.sent.override is Override.IDENTITY_CONFLICT
    view = asked.face.view
    if "identity_conflict" in codes and strict and not overridden:
        return _not_enrolled(asked.sent.person, Refusal(Verdict.IDENTITY_CONFLICT, CONFLICT, view), warnings)
    if "lookalike" in codes and asked.gallery.lookalikes is Lookalikes.REFUSE:
        return _not_enrolled(asked.sent.person, Refusal(Verdict.LOOKALIKE, LOOKALIKE, view), warnings)
    return None


def _not_enrolled(person: str, face: Refusal, warnings: Sequence[FaceWarning] = ()) -> EnrolmentResult:
    return EnrolmentResult(
        verdict=face.verdict,
        reason=face.reason,
        person=person,
        box=face.view.box if face.view else None,
        quality=face.view.quality if face.view else None,
        faces=list(face.faces),
        warnings=list(warnings),
    )


def _already_enrolled(asked: _Request, same: Template) -> EnrolmentResult:
    return EnrolmentResult(
        verdict=Verdict.ALREADY_ENROLLED,
        reason=SAME_PHOTO,
        person=asked.sent.person,
        uid=same.person_uid,
        face=same.face,
        box=asked.face.view.box,
        quality=asked.face.view.quality,
    )


def _enrolled(
    asked: _Request, uid: str, warnings: Sequence[FaceWarning], replaced: str | None, *, created: bool
) -> EnrolmentResult:
    return EnrolmentResult(
        verdict=Verdict.ENROLLED,
        person=asked.sent.person,
        uid=uid,
        created=created,
        face=asked.sent.face,
        box=asked.face.view.box,
        quality=asked.face.view.quality,
        warnings=list(warnings),
        replaced=replaced,
    )
