"""Enrolment: a photo becomes a template, unless that would make two people hard to tell apart."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from shared.errors import (
    GalleryChanged,
    GalleryNotFound,
    MigrationNotFound,
    NoFaceEnrolled,
    PersonChanged,
    PersonNotFound,
)
from shared.galleries.store import GalleryStore, Template
from shared.ml.face.gallery import fuse
from shared.ml.face.verification import (
    DEFAULT_IDENTIFICATION,
    Candidate,
    Verdict,
    verification_profile,
)
from shared.schemas import (
    EnrolmentPayload,
    EnrolmentResult,
    EnrolmentWarning,
    Gallery,
    Lookalikes,
    Message,
    Migration,
    MigrationState,
    Model,
    ReembeddingPayload,
)
from workers import thresholds
from workers.face_models import Embedding, FaceModels, ServedModel
from workers.face_reader import Face, FaceReader, Refusal
from workers.residents import ResidentGalleries, check_model
from workers.runner import Held

# Below the loosest 1:1 threshold a photo and the templates of its person would not even be taken for one
# person where false matches are cheap.
SAME_PERSON = "verify-fmr-1e-3"


class Enroller:
    def __init__(
        self, reader: FaceReader, models: FaceModels, galleries: GalleryStore, residents: ResidentGalleries
    ) -> None:
        self._reader = reader
        self._models = models
        self._galleries = galleries
        self._residents = residents

    def enrol(self, payload: EnrolmentPayload, held: Held) -> tuple[Message, Model]:
        """Store templates of the largest face, one for each model that the gallery keeps.

        Raises:
            PersonChanged: the person was erased in the meantime; nothing of him is left behind.
            GalleryChanged: a migration began or ended meanwhile; another attempt does what it needs.
        """
        tenant = held.job.tenant
        gallery = self._galleries.get_gallery(tenant, payload.gallery)
        models = [self._models.of(tenant, model) for model in gallery.models]
        face = self._reader.one_face(payload.image_key, models)
        if isinstance(face, Refusal):
            return _not_enrolled(payload.person, face), models[0].identity
        self._require_person(tenant, payload)
        self._store(tenant, payload, models, face)
        # Looked at after the write: of two people enrolled at the same moment at least one sees the other.
        warnings = self._warnings(tenant, gallery, payload, face.embedding)
        if gallery.lookalikes is Lookalikes.REFUSE and (found := _lookalike(warnings)):
            self._galleries.withdraw_template(tenant, payload.gallery, payload.person, payload.face)
            refused = Refusal(Verdict.LOOKALIKE, found.detail, face.view)
            return _not_enrolled(payload.person, refused, warnings), models[0].identity
        replaced = [self._make_room(tenant, gallery, payload, model) for model in models]
        if self._galleries.get_gallery(tenant, payload.gallery).models != gallery.models:
            # All of it again, if the job is not cancelled before: nothing of a model that has gone stays.
            self._galleries.withdraw_template(tenant, payload.gallery, payload.person, payload.face)
            raise GalleryChanged("A migration of the gallery began or ended during the enrolment.")
        enrolled = EnrolmentResult(
            verdict=Verdict.ENROLLED,
            person=payload.person,
            face=payload.face,
            box=face.view.box,
            quality=face.view.quality,
            warnings=warnings,
            replaced=replaced[0],
        )
        return enrolled, models[0].identity

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
        face = self._reader.one_face(payload.image_key, [source, target])
        if isinstance(face, Refusal):
            return _not_enrolled(payload.person, face), target.identity
        self._require_person(tenant, payload)
        known = self._similarity(tenant, payload, source, face.embeddings[0])
        if known is None:
            raise NoFaceEnrolled(f"The person {payload.person!r} has no enrolled face to compare the photo with.")
        if known < _same_person(source):
            reason = "The photo does not look like the person's enrolled faces; nothing was stored."
            return _not_enrolled(payload.person, Refusal(Verdict.NO_MATCH, reason, face.view)), target.identity
        self._store(tenant, payload, [target], replace(face, embeddings=face.embeddings[1:]))
        try:
            _under_way(self._galleries.get_gallery(tenant, payload.gallery), payload.migration)
        except (MigrationNotFound, GalleryNotFound):
            self._galleries.withdraw_template(
                tenant, payload.gallery, payload.person, payload.face, digest=target.card.digest
            )
            raise
        replaced = self._make_room(tenant, gallery, payload, target)
        stored = EnrolmentResult(
            verdict=Verdict.ENROLLED,
            person=payload.person,
            face=payload.face,
            box=face.view.box,
            quality=face.view.quality,
            replaced=replaced,
        )
        return stored, target.identity

    def _store(self, tenant: str, payload: EnrolmentPayload, models: Sequence[ServedModel], face: Face) -> None:
        now = datetime.now(UTC)  # one age in every model
        for model, embedding in zip(models, face.embeddings, strict=True):
            template = Template(
                person=payload.person,
                face=payload.face,
                embedding=tuple(embedding.tolist()),
                model_digest=model.card.digest,
                quality=face.view.quality.score,
                created_at=now,
                person_uid=payload.person_uid,
            )
            self._galleries.put_template(tenant, payload.gallery, template)
        try:
            # Looked for again after the write: whoever erased the person before this moment has either seen
            # the template and deleted it, or is seen here.
            self._require_person(tenant, payload)
        except PersonChanged:
            self._galleries.withdraw_template(tenant, payload.gallery, payload.person, payload.face)
            raise

    def _warnings(
        self, tenant: str, gallery: Gallery, payload: EnrolmentPayload, embedding: Embedding
    ) -> list[EnrolmentWarning]:
        model = self._models.of(tenant, gallery.model)
        warnings = []
        if found := self._resembled(tenant, gallery, payload.person, embedding):
            detail = "The face resembles another person of the gallery so much that they may be mistaken."
            warnings.append(EnrolmentWarning(code="lookalike", detail=detail, person=found.person, score=found.score))
        known = self._similarity(tenant, payload, model, embedding)
        if known is not None and known < _same_person(model):
            detail = "The face does not look like the person's other faces: is it somebody else?"
            warnings.append(EnrolmentWarning(code="identity_conflict", detail=detail, score=known))
        return warnings

    def _resembled(self, tenant: str, gallery: Gallery, person: str, embedding: Embedding) -> Candidate | None:
        """The most similar other person, if a search would recognise him in this face."""
        model = self._models.of(tenant, gallery.model)
        (found,), persons, _ = self._residents.search(
            tenant, gallery.id, embedding[None], digest=model.card.digest, top_k=2
        )
        others = [candidate for candidate in found if candidate.person != person]
        bound = thresholds.for_identification(DEFAULT_IDENTIFICATION, gallery, model.card, persons=persons)
        return others[0] if others and others[0].score >= bound.profile.threshold(persons) else None

    def _similarity(
        self, tenant: str, payload: EnrolmentPayload, model: ServedModel, embedding: Embedding
    ) -> float | None:
        """To the person's other templates of a model; None when there are none."""
        found = self._galleries.person_templates(tenant, payload.gallery, payload.person, model.card.digest)
        others = [template for template in found if template.face != payload.face]
        if not others:
            return None
        for template in others:
            check_model(template, model.card.digest)
        return fuse(embedding, np.array([template.embedding for template in others], np.float32))

    def _make_room(self, tenant: str, gallery: Gallery, payload: EnrolmentPayload, model: ServedModel) -> str | None:
        """Remove the weakest of the person's templates but the newest when he has too many; which face it was.

        Of several enrolled at the same moment each comes to the same answer, whoever sees whom first.
        """
        found = self._galleries.person_templates(tenant, gallery.id, payload.person, model.card.digest)
        newest = max(found, key=_age, default=None)
        former = sorted((t for t in found if t is not newest), key=lambda t: (t.quality, t.created_at))
        surplus = former[: max(0, len(found) - gallery.templates_per_person)]
        for template in surplus:
            self._galleries.withdraw_template(
                tenant, gallery.id, payload.person, template.face, digest=model.card.digest
            )
        return surplus[-1].face if surplus else None

    def _require_person(self, tenant: str, payload: EnrolmentPayload) -> None:
        """Raises PersonChanged unless the person is the one for whom the enrolment was accepted."""
        try:
            person = self._galleries.get_person(tenant, payload.gallery, payload.person)
        except (PersonNotFound, GalleryNotFound):
            person = None
        if person is None or person.uid != payload.person_uid:
            raise PersonChanged(f"The person {payload.person!r} was erased before the enrolment was done.")


def _age(template: Template) -> tuple[datetime, str]:
    """Orders templates by when they were made."""
    return template.created_at, template.face


def _under_way(gallery: Gallery, migration: str) -> Migration:
    """Raises MigrationNotFound unless this one is, and not ending."""
    found = gallery.migration
    if found is None or found.id != migration or found.state is MigrationState.ENDING:
        raise MigrationNotFound(f"The migration {migration!r} of the gallery has ended.")
    return found


def _same_person(model: ServedModel) -> float:
    return verification_profile(SAME_PERSON, model.card.curve).threshold


def _lookalike(warnings: Sequence[EnrolmentWarning]) -> EnrolmentWarning | None:
    return next((warning for warning in warnings if warning.code == "lookalike"), None)


def _not_enrolled(person: str, face: Refusal, warnings: Sequence[EnrolmentWarning] = ()) -> EnrolmentResult:
    return EnrolmentResult(
        verdict=face.verdict,
        reason=face.reason,
        person=person,
        box=face.view.box if face.view else None,
        quality=face.view.quality if face.view else None,
        warnings=list(warnings),
    )
