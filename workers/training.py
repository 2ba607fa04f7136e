"""Training in a face worker: an archive of people becomes a model of the tenant's own."""

import tempfile
from pathlib import Path

from shared.errors import UnknownModel
from shared.face_models import FaceModelStore, card_of
from shared.ml.face.people import read_zip
from shared.ml.face.reading import PhotoReader
from shared.ml.face.training.checkpoints import EpochResult
from shared.ml.face.training.dataset import FaceData, read_faces
from shared.ml.face.training.session import Job, Outcome, Parts, files, tune_encoder
from shared.ml.face.training.trainer import Event, Plan, Step
from shared.ml.weights import SFACE, load
from shared.schemas import Message, Model, Progress, TrainingPayload, TrainingResult
from shared.storage.object_file import open_object
from shared.storage.store import report_key
from workers.evaluation import MOST_LISTED, unusable
from workers.face_models import FaceModels
from workers.face_reader import FaceReader
from workers.models import weights_supply
from workers.runner import Held
from workers.services import Services
from workers.turns import Turns


class ModelTrainer:
    def __init__(self, reader: FaceReader, models: FaceModels, services: Services, turns: Turns) -> None:
        self._turns = turns
        self._detector = reader.detector
        self._models = models
        self._services = services

    def train(self, payload: TrainingPayload, held: Held) -> tuple[Message, Model]:
        """Fine-tune SFace; a model that is better on the validation people is registered, the report kept.

        Raises:
            InvalidArchive, InvalidDataset, InvalidField: a name that will not do.
        """
        with self._turns.taken():
            return self._train(payload, held)

    def _train(self, payload: TrainingPayload, held: Held) -> tuple[Message, Model]:
        job = Job(name=payload.name, device=self._models.device)
        data = self._read(payload.archive_key, held)
        parts = Parts.of(data.samples, seed=payload.seed)
        settings = self._services.settings
        state = load(SFACE, settings.weights_cache, supply=weights_supply(settings, self._services.store))
        plan = Plan(mining=payload.mining, margin=payload.margin, epochs=payload.epochs, seed=payload.seed)
        with tempfile.TemporaryDirectory(prefix="likeness-training-") as scratch:
            outcome = tune_encoder(
                state,
                parts,
                job,
                plan=plan,
                checkpoint=Path(scratch) / "checkpoint.pt",
                on_event=lambda event: held.report(_progress(event, payload.epochs)),
            )
        self._keep(outcome, payload.name, held)
        registered = self._register(outcome, held.job.tenant)
        result = TrainingResult(
            model=registered,
            summary=_summary(outcome, registered=registered is not None),
            accuracy_before=outcome.comparison.before.accuracy,
            accuracy_after=outcome.comparison.after.accuracy,
            persons=parts.train.persons,
            photos=len(parts.train.people),
            unusable=unusable(data.problems),
            too_few=list(data.too_few[:MOST_LISTED]),
        )
        return result, self._models.default.identity

    def _read(self, archive_key: str, held: Held) -> FaceData:
        reader = PhotoReader(self._detector, self._models.default.network, self._services.limits)
        with open_object(self._services.store, archive_key) as archive:
            return read_faces(read_zip(archive), reader, progress=held.progress("reading photos"))

    def _register(self, outcome: Outcome, tenant: str) -> Model | None:
        """None when there is nothing to register, or nothing could be decided with it."""
        if outcome.model is None:
            return None
        try:
            card_of(outcome.model.manifest)
        except UnknownModel:
            return None
        FaceModelStore(self._services.store).put(tenant, outcome.model.manifest, outcome.model.content)
        return Model(name=outcome.model.manifest.name, digest=outcome.model.manifest.digest)

    def _keep(self, outcome: Outcome, name: str, held: Held) -> None:
        for file, text in files(outcome, name).items():
            self._services.store.put(report_key(held.job.tenant, held.job.id, file), text.encode())


def _progress(event: Event, epochs: int) -> Progress:
    match event:
        case Step():
            done, total = (event.epoch - 1) * event.batches + event.batch, epochs * event.batches
            return Progress(done=min(done, total - 1), total=total, stage=f"epoch {event.epoch}", cost=event.loss)
        case EpochResult():
            stage = f"epoch {event.epoch}: validation TAR {event.validation:.2%}"
            return Progress(done=event.epoch, total=epochs + 1, stage=stage)


def _summary(outcome: Outcome, *, registered: bool) -> str:
    if outcome.model is None:
        return "Nothing did better than the original on the validation people: it stays."
    if not registered:
        return "Something did better, but too few people were left to measure its thresholds on: the original stays."
    return outcome.comparison.gain.shown
