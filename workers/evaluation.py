"""Evaluation and calibration: of a gallery's own templates, or of an archive of photos read with its model."""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np

from shared.errors import FaceNotFound, GalleryChanged, InvalidField
from shared.galleries.feedback import FeedbackStore
from shared.galleries.objects import require_same
from shared.ml.face import people
from shared.ml.face.calibration import (
    Calibrated,
    Thresholds,
    calibrate_identification,
    calibrate_verification,
    raise_model,
)
from shared.ml.face.catalogue import ModelCard
from shared.ml.face.evaluation.evaluate import evaluate
from shared.ml.face.evaluation.files import files, summary
from shared.ml.face.evaluation.pairs import Pairs, read_pairs
from shared.ml.face.evaluation.report import EvaluationReport
from shared.ml.face.face_set import FaceSet
from shared.ml.face.people import read_zip
from shared.ml.face.reading import PhotoReader
from shared.ml.face.verification import policy_name
from shared.schemas import (
    Calibration,
    CalibrationPayload,
    CalibrationResult,
    EvaluationPayload,
    EvaluationResult,
    FileProblem,
    Gallery,
    MeasuredPoint,
    Message,
    Model,
    PolicyKind,
)
from shared.storage.object_file import open_object
from shared.storage.store import report_key
from workers.face_models import FaceModels, ServedModel
from workers.face_reader import FaceReader
from workers.reports import Reports
from workers.runner import Held
from workers.services import Services
from workers.turns import Turns

MOST_LISTED = 200  # files in a job's result; the report lists all


class Evaluator:
    def __init__(self, reader: FaceReader, models: FaceModels, services: Services, turns: Turns) -> None:
        self._turns = turns
        self._detector = reader.detector
        self._models = models
        self._store = services.store
        self._jobs = services.jobs
        self._galleries = services.galleries
        self._feedback = FeedbackStore(services.store)
        self._limits = services.limits

    def evaluate(self, payload: EvaluationPayload, held: Held) -> tuple[Message, Model]:
        """Measure how well the gallery's model tells the people apart; the report goes to the object store.

        Raises:
            InvalidArchive, InsufficientData, InvalidField
            GalleryNotFound: it was deleted meanwhile; nothing is kept.
            GalleryChanged: somebody whom the report names was erased meanwhile; another attempt leaves him out.
        """
        with self._turns.taken():
            gallery, model, faces = self._faces(payload.gallery, payload.archive_key, held)
            name = "archive" if payload.archive_key else f"gallery {gallery.id}"
            pairs = self._pairs(payload.pairs_key, faces)
            report = evaluate(faces, name=name, seed=payload.seed, pairs=pairs, progress=held.progress("comparing"))
            require_same(self._galleries.get_gallery(held.job.tenant, gallery.id), gallery)
            if payload.archive_key is None:
                self._note_people(report, gallery, held)
            self._keep(report, faces, held)
        folds = report.verification.folds
        result = EvaluationResult(
            model=model.identity,
            persons=report.data.people,
            photos=report.data.faces,
            accuracy=folds.accuracy if folds else None,
            accuracy_deviation=folds.deviation if folds else None,
            summary=summary(report),
            unusable=unusable(faces.problems),
        )
        return result, model.identity

    def calibrate(self, payload: CalibrationPayload, held: Held) -> tuple[Message, Model]:
        """Measure the threshold that keeps a target rate, or raise the model's own; make it the gallery's.

        Raises:
            InvalidArchive, InsufficientData, TargetNotSupported
            GalleryNotFound: it was deleted meanwhile.
        """
        with self._turns.taken():
            gallery, model, faces = self._faces(payload.gallery, payload.archive_key, held)
            reports = self._reports(payload, gallery, model, held)
            if payload.measure:
                thresholds = _measured(faces, payload, reports.least, held.progress("comparing"))
            else:
                thresholds = _raised(faces, payload, reports.least, model.card)
        found = _calibration(payload, thresholds, model.identity)
        if payload.feedback:
            found = found.model_copy(update={"feedback": reports.use(thresholds)})
        self._galleries.update_gallery(
            held.job.tenant, gallery.id, lambda now: require_same(now, gallery).with_calibration(found)
        )
        return CalibrationResult(calibration=found, unusable=unusable(faces.problems)), model.identity

    def _reports(self, payload: CalibrationPayload, gallery: Gallery, model: ServedModel, held: Held) -> Reports:
        if not payload.feedback:
            return Reports()
        tenant = held.job.tenant
        found = self._feedback.listed(tenant, gallery.id)
        compared = 1
        if payload.kind is PolicyKind.IDENTIFICATION:
            compared = len(self._galleries.persons_with_templates(tenant, gallery.id, model.card.digest))
        allowed = payload.target / max(1, compared)
        return Reports.of(found, gallery, model.card, search=payload.kind, allowed=allowed)

    def _faces(self, gallery_id: str, archive_key: str | None, held: Held) -> tuple[Gallery, ServedModel, FaceSet]:
        tenant = held.job.tenant
        gallery = self._galleries.get_gallery(tenant, gallery_id)
        model = self._models.of(tenant, gallery.model)
        if archive_key is None:
            return gallery, model, self._own(tenant, gallery, model)
        reader = PhotoReader(self._detector, model.network, self._limits)
        with open_object(self._store, archive_key) as archive:
            return gallery, model, reader.read(read_zip(archive), progress=held.progress("reading photos"))

    def _pairs(self, key: str | None, faces: FaceSet) -> Pairs | None:
        if key is None:
            return None
        try:
            return read_pairs(self._store.get(key).decode("utf-8-sig"), faces)
        except UnicodeDecodeError:
            raise InvalidField("`pairs` must be a text file in UTF-8.") from None

    def _own(self, tenant: str, gallery: Gallery, model: ServedModel) -> FaceSet:
        """The gallery's own templates."""
        templates = list(self._galleries.all_templates(tenant, gallery.id, model.card.digest))
        rows = [np.array(template.embedding, np.float32) for template in templates]
        return FaceSet(
            model_name=model.card.name,
            model_digest=model.card.digest,
            names=tuple(f"{template.person}/{template.face}" for template in templates),
            people=tuple(template.person for template in templates),
            embeddings=np.stack(rows) if rows else np.empty((0, model.card.dimensions), np.float32),
        )

    def _note_people(self, report: EvaluationReport, gallery: Gallery, held: Held) -> None:
        """The report names faces of the gallery: who erases one of these people finds it, or is seen here."""
        tenant = held.job.tenant
        pairs = (*report.closest_impostors, *report.farthest_genuine)
        named = {tuple(name.split("/")) for pair in pairs for name in (pair.a, pair.b)}
        self._jobs.of_person.note_people(tenant, held.job.id, gallery.id, {person for person, _ in named})
        try:
            for person, face in named:
                self._galleries.get_template(tenant, gallery.id, person, report.model.digest, face)
        except FaceNotFound:
            raise GalleryChanged("Faces that the report names were deleted meanwhile.") from None

    def _keep(self, report: EvaluationReport, faces: FaceSet, held: Held) -> None:
        """Under the job's id: another attempt writes the same again."""
        for name, data in files(report, faces).items():
            self._store.put(report_key(held.job.tenant, held.job.id, name), data)


def _measured(
    faces: FaceSet, payload: CalibrationPayload, least: float, progress: Callable[[int, int], None]
) -> Thresholds:
    match payload.kind:
        case PolicyKind.VERIFICATION:
            return calibrate_verification(
                faces.embeddings, faces.labels, target_fmr=payload.target, least=least, progress=progress
            )
        case PolicyKind.IDENTIFICATION:
            return calibrate_identification(
                faces.embeddings, faces.labels, target_fpir=payload.target, least=least, progress=progress
            )


def _raised(faces: FaceSet, payload: CalibrationPayload, least: float, card: ModelCard) -> Thresholds:
    search, people = payload.kind is PolicyKind.IDENTIFICATION, len(set(faces.people))
    return raise_model(card.curve, target=payload.target, people=people, search=search, least=least)


def _calibration(payload: CalibrationPayload, found: Thresholds, model: Model) -> Calibration:
    rate = found.measured if isinstance(found, Calibrated) else None
    return Calibration(
        id=f"cal-{uuid.uuid4().hex[:12]}",
        policy=policy_name(payload.target, search=payload.kind is PolicyKind.IDENTIFICATION),
        kind=payload.kind,
        target=payload.target,
        created_at=datetime.now(UTC),
        model=model,
        points=[
            MeasuredPoint(false_match_rate=point.false_match_rate, threshold=point.threshold) for point in found.points
        ],
        threshold=found.threshold,
        persons=found.people,
        comparisons=rate.trials if rate else 0,
        errors=rate.errors if rate else 0,
        interval=(rate.low, rate.high) if rate else (0.0, 1.0),
        source=_source(payload),
    )


def _source(payload: CalibrationPayload) -> str:
    if not payload.measure:
        return "model"
    return "archive" if payload.archive_key else "gallery"


def unusable(problems: Sequence[people.FileProblem]) -> list[FileProblem]:
    """For a job's result: the first of the files that were left out."""
    return [FileProblem(file=problem.file, reason=problem.reason) for problem in problems[:MOST_LISTED]]
