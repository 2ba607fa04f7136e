"""The face worker: detect, align, embed; then enrol, verify, compare or recognise."""

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from shared.errors import GalleryNotFound, NoFaceEnrolled, PersonChanged, PersonNotFound
from shared.gallery_store import GalleryStore, Template
from shared.ml.face import verification
from shared.ml.face.gallery import fuse
from shared.ml.face.verification import Verdict
from shared.queue import Task
from shared.schemas import (
    Candidate,
    ComparisonPayload,
    ComparisonResult,
    EnrolmentPayload,
    EnrolmentResult,
    Message,
    Model,
    RecognisedFace,
    RecognitionPayload,
    RecognitionResult,
    VerificationPayload,
    VerificationResult,
)
from workers.app import Handler
from workers.face_reader import Face, FaceReader, Refusal
from workers.residents import ResidentGalleries, check_model
from workers.runner import Held
from workers.services import Services


def face_tasks(services: Services) -> Mapping[Task, Handler]:
    """Load and warm up the models; the tasks that use them."""
    reader = FaceReader.load(services)
    residents = ResidentGalleries(
        services.galleries,
        reader.executor,
        device=reader.device,
        model_digest=reader.model.digest,
        capacity=services.settings.workers.resident_templates,
    )
    worker = FaceWorker(reader, services.galleries, residents)
    run = services.runner.run
    return {
        Task.ENROL: lambda job_id: run(job_id, EnrolmentPayload, worker.enrol),
        Task.VERIFY: lambda job_id: run(job_id, VerificationPayload, worker.verify),
        Task.COMPARE: lambda job_id: run(job_id, ComparisonPayload, worker.compare),
        Task.RECOGNISE: lambda job_id: run(job_id, RecognitionPayload, worker.recognise),
    }


class FaceWorker:
    """What each face task does with the faces of its photos."""

    def __init__(self, reader: FaceReader, galleries: GalleryStore, residents: ResidentGalleries) -> None:
        self._reader = reader
        self._galleries = galleries
        self._residents = residents

    def enrol(self, payload: EnrolmentPayload, held: Held) -> tuple[Message, Model]:
        """Store one template of the largest face.

        Raises:
            PersonChanged: the person was erased in the meantime; nothing of him is left behind.
        """
        face = self._reader.one_face(payload.image_key)
        if isinstance(face, Refusal):
            return _not_enrolled(payload.person, face), self._reader.model
        template = Template(
            person=payload.person,
            face=payload.face,
            embedding=tuple(face.embedding.tolist()),
            model_digest=self._reader.model.digest,
            quality=face.view.quality.score,
            created_at=datetime.now(UTC),
        )
        tenant = held.job.tenant
        self._require_person(tenant, payload)
        self._galleries.put_template(tenant, payload.gallery, template)
        try:
            # Looked for again after the write: whoever erased the person before this moment has either seen
            # the template and deleted it, or is seen here.
            self._require_person(tenant, payload)
        except PersonChanged:
            self._galleries.withdraw_template(tenant, payload.gallery, payload.person, payload.face)
            raise
        enrolled = EnrolmentResult(
            verdict=Verdict.ENROLLED,
            person=payload.person,
            face=payload.face,
            box=face.view.box,
            quality=face.view.quality,
        )
        return enrolled, self._reader.model

    def verify(self, payload: VerificationPayload, held: Held) -> tuple[Message, Model]:
        """Compare the largest face with the templates of the claimed person."""
        profile = verification.verification_profile(payload.policy)
        answer = {"policy": profile.name, "threshold": profile.threshold, "person": payload.person}
        templates = self._galleries.person_templates(held.job.tenant, payload.gallery, payload.person)
        if not templates:
            self._galleries.get_person(held.job.tenant, payload.gallery, payload.person)
            raise NoFaceEnrolled(f"The person {payload.person!r} has no enrolled face. Enrol one first.")
        for template in templates:
            check_model(template, self._reader.model.digest)
        face = self._reader.one_face(payload.image_key)
        if isinstance(face, Refusal):
            refused = VerificationResult.model_validate(
                {**answer, "verdict": face.verdict, "reason": face.reason, "face": face.view}
            )
            return refused, self._reader.model
        enrolled = np.array([template.embedding for template in templates], np.float32)
        score = fuse(face.embedding, enrolled)
        decided = VerificationResult.model_validate(
            {**answer, "verdict": verification.verify(score, profile), "score": score, "face": face.view}
        )
        return decided, self._reader.model

    def compare(self, payload: ComparisonPayload, held: Held) -> tuple[Message, Model]:  # noqa: ARG002 - as all
        """Compare the largest faces of two photos."""
        profile = verification.verification_profile(payload.policy)
        a = self._reader.one_face(payload.image_a_key)
        b = self._reader.one_face(payload.image_b_key)
        answer = {"policy": profile.name, "threshold": profile.threshold, "face_a": a.view, "face_b": b.view}
        if isinstance(a, Refusal):
            answer |= {"verdict": a.verdict, "reason": f"image_a: {a.reason}"}
        elif isinstance(b, Refusal):
            answer |= {"verdict": b.verdict, "reason": f"image_b: {b.reason}"}
        else:
            score = float(a.embedding @ b.embedding)
            answer |= {"verdict": verification.verify(score, profile), "score": score}
        return ComparisonResult.model_validate(answer), self._reader.model

    def recognise(self, payload: RecognitionPayload, held: Held) -> tuple[Message, Model]:
        """Search the gallery for every face that is good enough."""
        profile = verification.identification_profile(payload.policy)
        faces = self._reader.all_faces(payload.image_key)
        good = [face for face in faces if isinstance(face, Face)]
        probes = np.stack([face.embedding for face in good]) if good else np.empty((0, 128), np.float32)
        # Two at least: the second-best is what ambiguity is measured by.
        found, persons = self._residents.search(held.job.tenant, payload.gallery, probes, top_k=max(2, payload.top_k))
        if not persons:
            self._galleries.get_gallery(held.job.tenant, payload.gallery)  # deleted since it was accepted?
        candidates = iter(found)
        seen: list[RecognisedFace] = []
        for face in faces:
            if isinstance(face, Refusal):
                seen.append(_refused(face))
                continue
            ranked = next(candidates)
            who = verification.identify(ranked, profile, persons=persons)
            seen.append(
                RecognisedFace(
                    verdict=who.verdict,
                    box=face.view.box,
                    quality=face.view.quality,
                    person=who.person,
                    score=who.score,
                    candidates=[Candidate(person=c.person, score=c.score) for c in ranked[: payload.top_k]],
                )
            )
        result = RecognitionResult(
            verdict=seen[0].verdict if seen else Verdict.NO_FACE,
            person=seen[0].person if seen else None,
            policy=profile.name,
            threshold=profile.threshold(persons),
            persons=persons,
            faces=seen,
        )
        return result, self._reader.model

    def _require_person(self, tenant: str, payload: EnrolmentPayload) -> None:
        """Raises PersonChanged unless the person is the one for whom the enrolment was accepted."""
        try:
            person = self._galleries.get_person(tenant, payload.gallery, payload.person)
        except (PersonNotFound, GalleryNotFound):
            person = None
        if person is None or person.uid != payload.person_uid:
            raise PersonChanged(f"The person {payload.person!r} was erased before the enrolment was done.")


def _not_enrolled(person: str, face: Refusal) -> EnrolmentResult:
    return EnrolmentResult(
        verdict=face.verdict,
        reason=face.reason,
        person=person,
        box=face.view.box if face.view else None,
        quality=face.view.quality if face.view else None,
    )


def _refused(face: Refusal) -> RecognisedFace:
    if face.view is None:
        raise AssertionError("a face that was seen has a view")
    return RecognisedFace(verdict=face.verdict, reason=face.reason, box=face.view.box, quality=face.view.quality)
