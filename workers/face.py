"""The face worker: detect, align, embed; then verify, compare, recognise or detect (enrol: workers/enrolment.py)."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from shared.access import Outcome
from shared.errors import NoFaceEnrolled
from shared.galleries.store import GalleryStore
from shared.liveness_sessions import LivenessSessions
from shared.ml.face import verification
from shared.ml.face.gallery import fuse
from shared.ml.face.verification import Verdict, VerificationProfile
from shared.presence import Capability
from shared.queue import Task
from shared.schemas import (
    CalibrationPayload,
    ComparisonPayload,
    ComparisonResult,
    DetectionPayload,
    EnrolmentPayload,
    EvaluationPayload,
    Gallery,
    ImportPayload,
    LivenessCheckPayload,
    Message,
    Model,
    RecognisedFace,
    RecognitionPayload,
    RecognitionResult,
    ReembeddingPayload,
    RegistrationPayload,
    TrainingPayload,
    VerificationPayload,
    VerificationResult,
    VerifiedFrame,
)
from workers import thresholds
from workers.app import Handler
from workers.doorkeeper import Door, Doorkeeper
from workers.enrolment import Enroller
from workers.evaluation import Evaluator
from workers.face_models import FaceModels
from workers.face_reader import DETECTOR, Face, FaceReader, Refusal
from workers.faces.enrollees import Enrollees
from workers.faces.enrolment_slots import EnrolmentSlots
from workers.faces.frames import Frame, Probe, other_faces, probe_of
from workers.faces.recognition import Recognised, Search
from workers.imports import Importer
from workers.liveness import LivenessChecker, LivenessGuard
from workers.liveness_rule import Judge, judge
from workers.models import weights_supply
from workers.registration import Registrar
from workers.residents import ResidentGalleries, check_model
from workers.runner import Held
from workers.services import Services
from workers.training import ModelTrainer
from workers.turns import Turns

Answer = TypeVar("Answer", VerificationResult, RecognisedFace, RecognitionResult)


def face_tasks(services: Services) -> tuple[Mapping[Task, Handler], Sequence[Capability]]:
    """Load and warm up the models; the tasks that use them, and what these cannot do here."""
    models = FaceModels(services)
    reader = FaceReader.load(services)
    residents = ResidentGalleries(
        services.galleries,
        models.executor,
        device=models.device,
        capacity=services.settings.workers.resident_templates,
    )
    sessions = LivenessSessions(services.redis, services.settings.redis.key_prefix)
    guard = LivenessGuard.load(
        sessions,
        models.executor,
        device=models.device,
        cache_dir=services.settings.weights_cache,
        supply=weights_supply(services.settings, services.store),
    )
    checker = LivenessChecker(reader, models, sessions, guard)
    enroller = Enroller(
        reader,
        models,
        services.galleries,
        residents,
        enrollees=Enrollees(services.store, services.galleries, services.outbox),
        slots=EnrolmentSlots(services.redis, services.settings.redis.key_prefix),
    )
    doorkeeper = Doorkeeper(services.galleries)
    worker = FaceWorker(reader, models, residents, guard, galleries=services.galleries, doorkeeper=doorkeeper)
    turns = Turns()
    evaluator = Evaluator(reader, models, services, turns)
    trainer = ModelTrainer(reader, models, services, turns)
    registrar = Registrar(models, services.store)
    importer = Importer(
        services.store,
        services.galleries,
        services.outbox,
        lambda tenant, model: models.of(tenant, model).card.dimensions,
    )
    run = services.runner.run
    tasks = {
        Task.ENROL: lambda job_id: run(job_id, EnrolmentPayload, enroller.enrol),
        Task.REEMBED: lambda job_id: run(job_id, ReembeddingPayload, enroller.reembed),
        Task.VERIFY: lambda job_id: run(job_id, VerificationPayload, worker.verify),
        Task.COMPARE: lambda job_id: run(job_id, ComparisonPayload, worker.compare),
        Task.RECOGNISE: lambda job_id: run(job_id, RecognitionPayload, worker.recognise),
        Task.DETECT: lambda job_id: run(job_id, DetectionPayload, worker.detect),
        Task.CHECK_LIVENESS: lambda job_id: run(job_id, LivenessCheckPayload, checker.check),
        Task.EVALUATE: lambda job_id: run(job_id, EvaluationPayload, evaluator.evaluate),
        Task.TRAIN: lambda job_id: run(job_id, TrainingPayload, trainer.train),
        Task.REGISTER: lambda job_id: run(job_id, RegistrationPayload, registrar.register),
        Task.IMPORT: lambda job_id: run(job_id, ImportPayload, importer.run),
        Task.CALIBRATE: lambda job_id: run(job_id, CalibrationPayload, evaluator.calibrate),
    }
    return tasks, () if guard.available else (Capability.PASSIVE_LIVENESS,)


class FaceWorker:
    """What each face task does with the faces of its photos."""

    def __init__(
        self,
        reader: FaceReader,
        models: FaceModels,
        residents: ResidentGalleries,
        guard: LivenessGuard,
        *,
        galleries: GalleryStore,
        doorkeeper: Doorkeeper,
    ) -> None:
        self._reader = reader
        self._models = models
        self._galleries = galleries
        self._residents = residents
        self._guard = guard
        self._doorkeeper = doorkeeper

    def verify(self, payload: VerificationPayload, held: Held) -> tuple[Message, Model]:
        """Compare the face of a photo, or of several frames, with the templates of the claimed person."""
        tenant = held.job.tenant
        gallery = self._galleries.get_gallery(tenant, payload.gallery)
        model = self._models.of(tenant, gallery.model)
        bound = thresholds.for_verification(payload.policy, gallery, model.card)
        answer = {
            "policy": bound.profile.name,
            "threshold": bound.profile.threshold,
            "calibration": bound.calibration,
            "person": payload.person,
        }
        person = self._galleries.get_person(tenant, gallery.id, payload.person)
        templates = self._galleries.templates_of(tenant, gallery.id, person, model.card.digest)
        if not templates:
            raise NoFaceEnrolled(f"The person {payload.person!r} has no enrolled face. Enrol one first.")
        for template in templates:
            check_model(template, model.card.digest)
        if payload.frame_keys:
            faces = self._reader.one_face_each(payload.frame_keys, [model])
        else:
            faces = [self._reader.one_face(payload.image_key or "", [model], payload.choice)]
        probe = probe_of(faces, self._judge(payload, gallery, held), model.card)
        known = np.array([template.embedding for template in templates], np.float32)
        answer["liveness"] = probe.liveness
        if probe.embedding is None:
            answer |= {"verdict": probe.verdict, "reason": probe.reason, "faces": probe.faces}
        else:
            score = fuse(probe.embedding, known)
            answer |= {"verdict": verification.verify(score, bound.profile), "score": score}
            answer["matched_face"] = templates[int(np.argmax(known @ probe.embedding))].face
        if payload.frame_keys:
            answer["frames"] = [_verified(frame, probe, known, bound.profile) for frame in probe.frames]
        result = VerificationResult.model_validate({**answer, "face": probe.view, "warnings": probe.warnings})
        outcome = self._door(payload, gallery, held)(result.verdict, person.id, person.uid)
        return _decided(result, outcome), model.identity

    def compare(self, payload: ComparisonPayload, held: Held) -> tuple[Message, Model]:
        """Compare the faces of two photos."""
        model = self._models.of(held.job.tenant, payload.model)
        profile = verification.verification_profile(payload.policy, model.card.curve)
        a = self._reader.one_face(payload.image_a_key, [model], payload.choice_a)
        b = self._reader.one_face(payload.image_b_key, [model], payload.choice_b)
        answer = {"policy": profile.name, "threshold": profile.threshold, "face_a": a.view, "face_b": b.view}
        answer["warnings"] = [*other_faces(a, "image_a: "), *other_faces(b, "image_b: ")]
        answer |= {f"faces_{name}": face.faces for name, face in (("a", a), ("b", b)) if isinstance(face, Refusal)}
        if isinstance(a, Refusal):
            answer |= {"verdict": a.verdict, "reason": f"image_a: {a.reason}"}
        elif isinstance(b, Refusal):
            answer |= {"verdict": b.verdict, "reason": f"image_b: {b.reason}"}
        else:
            score = float(a.embedding @ b.embedding)
            answer |= {"verdict": verification.verify(score, profile), "score": score}
        return ComparisonResult.model_validate(answer), model.identity

    def recognise(self, payload: RecognitionPayload, held: Held) -> tuple[Message, Model]:
        """Search the gallery for every face that is good enough, or for the one person of several frames."""
        tenant = held.job.tenant
        gallery = self._galleries.get_gallery(tenant, payload.gallery)
        model = self._models.of(tenant, gallery.model)
        search = Search(self._residents, payload, tenant, gallery, model.card)
        judge, door = self._judge(payload, gallery, held), self._door(payload, gallery, held)
        if payload.frame_keys:
            faces = self._reader.one_face_each(payload.frame_keys, [model], thorough=payload.thorough)
            found = search.frames(probe_of(faces, judge, model.card))
        else:
            crowd = self._reader.all_faces(
                payload.image_key or "", model, thorough=payload.thorough, max_faces=payload.max_faces
            )
            found = search.photo(crowd, judge)
        answered = [
            _decided(face, door(face.verdict, face.person, found.uids.get(face.person or ""))) for face in found.faces
        ]
        result = RecognitionResult(
            **_of_all(answered, found, door),
            policy=found.bound.profile.name,
            threshold=found.bound.profile.threshold(found.persons),
            calibration=found.bound.calibration,
            persons=found.persons,
            faces=answered,
            faces_found=found.faces_found,
            frames=found.frames,
        )
        return result, model.identity

    def _door(self, payload: VerificationPayload | RecognitionPayload, gallery: Gallery, held: Held) -> Door:
        """What the gallery's rules make of a verdict and whom it is about, at the device that the request names."""
        return self._doorkeeper.at(held.job.tenant, gallery, payload.device)

    def _judge(self, payload: VerificationPayload | RecognitionPayload, gallery: Gallery, held: Held) -> Judge:
        """By what the request asks for or the gallery's rule does, whichever is stricter."""
        required = payload.liveness.or_stricter(gallery.liveness)
        return judge(self._guard, held, required, payload.liveness_session)

    def detect(self, payload: DetectionPayload, held: Held) -> tuple[Message, Model]:  # noqa: ARG002 - as all
        """Every face of a photo with its landmarks, pose and quality; no embedding is kept."""
        detected = self._reader.detect(
            payload.image_key, self._models.default, thorough=payload.thorough, max_faces=payload.max_faces
        )
        return detected, DETECTOR


def _decided(answer: Answer, outcome: Outcome) -> Answer:
    """With the door's decision; a face's own reason says more than the decision's."""
    decision = {"decision": outcome.decision, "denial": outcome.denial, "reason": answer.reason or outcome.sentence}
    return answer.model_copy(update=decision)


def _of_all(faces: Sequence[RecognisedFace], found: Recognised, door: Door) -> dict[str, Any]:
    """What the one verdict of several frames, or that of the largest face, says for the whole request."""
    if faces:
        return faces[0].model_dump(include={"verdict", "person", "decision", "denial", "reason"})
    verdict, reason = found.whole or (Verdict.NO_FACE, None)
    outcome = door(verdict, None, None)
    return {
        "verdict": verdict,
        "decision": outcome.decision,
        "denial": outcome.denial,
        "reason": reason or outcome.sentence,
    }


def _verified(
    frame: Frame, probe: Probe, templates: npt.NDArray[np.float32], profile: VerificationProfile
) -> VerifiedFrame:
    """What a frame says by itself; nothing of whom it shows when not all of them were compared."""
    verdict, reason = frame.refused or (probe.verdict or Verdict.NO_MATCH, None)
    score = None
    if probe.embedding is not None and frame.refused is None and isinstance(frame.face, Face):
        score = fuse(frame.face.embedding, templates)
        verdict = verification.verify(score, profile)
    view = frame.face.view
    return VerifiedFrame(
        verdict=verdict,
        reason=reason,
        box=view.box if view else None,
        quality=view.quality if view else None,
        liveness=frame.alive.status,
        score=score,
    )
