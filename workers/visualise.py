"""Visualisations: what the network sees, drawn as a sheet. Each piece of the work takes its turn on the device."""

import time
from collections.abc import Mapping

from shared.images import ImageLimits
from shared.ml.style.features import Vgg16Features
from shared.ml.style.picture_files import PictureFile, in_zip
from shared.ml.style.reconstruction import Kept
from shared.ml.style.sheets import to_png
from shared.ml.style.visualisation import Picture, ReconstructionVisualisation, UnitVisualisation, Visualised
from shared.queue import Task
from shared.schemas import (
    FileProblem,
    Message,
    Model,
    Progress,
    VisualisationKind,
    VisualisationPayload,
    VisualisationResult,
)
from shared.storage.object_file import open_object
from shared.storage.store import ObjectStore, report_key
from workers.app import Handler
from workers.runner import Held
from workers.services import Services
from workers.style_models import StyleModels

UNITS_SIDE = 448  # px, the longer side: deep layers see up to 196 of them at once
RECONSTRUCTED_SIDE = 224  # px: five optimisations per picture
MOST_LISTED = 200  # files in a job's result

_Visualisation = UnitVisualisation | ReconstructionVisualisation


def visualisation_tasks(services: Services, models: StyleModels) -> Mapping[Task, Handler]:
    visualiser = Visualiser(models, services.store, services.limits)
    run = services.runner.run
    return {Task.VISUALISE: lambda job_id: run(job_id, VisualisationPayload, visualiser.visualise)}


class Visualiser:
    def __init__(self, models: StyleModels, store: ObjectStore, limits: ImageLimits) -> None:
        self._models = models
        self._store = store
        self._limits = limits

    def visualise(self, payload: VisualisationPayload, held: Held) -> tuple[Message, Model]:
        """Draw the sheet, store it under the job's id.

        Raises:
            InvalidArchive, InsufficientData, InvalidField
        """
        started = time.monotonic()
        with open_object(self._store, payload.archive_key) as archive:
            found = in_zip(archive)
            side = UNITS_SIDE if payload.kind is VisualisationKind.UNITS else RECONSTRUCTED_SIDE
            pictures = [self._picture(file, side) for file in found.files]
            made = self._make(payload, pictures, held)
        # under the job's id: another attempt writes the same again
        self._store.put(report_key(held.job.tenant, held.job.id, "sheet.png"), to_png(made.sheet), "image/png")
        result = VisualisationResult(
            layer=payload.layer,
            units=list(made.units),
            pictures=made.pictures,
            problems=[
                FileProblem(file=problem.file, reason=problem.reason)
                for problem in (*found.problems, *made.problems)[:MOST_LISTED]
            ],
            seconds=round(time.monotonic() - started, 3),
        )
        return result, self._models.fine_model

    def _make(self, payload: VisualisationPayload, pictures: list[Picture], held: Held) -> Visualised:
        making = self._models.compute(lambda features: _visualisation(features, payload, pictures))
        pieces = iter(making)
        while (piece := self._models.compute(lambda _: next(pieces, None))) is not None:
            held.report(Progress(done=piece.done, total=piece.total, stage=piece.stage))
        return making.result()

    def _picture(self, file: PictureFile, side: int) -> Picture:
        return Picture(file.name, lambda: file.pixels(self._limits, side))


def _visualisation(features: Vgg16Features, payload: VisualisationPayload, pictures: list[Picture]) -> _Visualisation:
    match payload.kind:
        case VisualisationKind.UNITS:
            layer, units = payload.layer or "", payload.units
            return UnitVisualisation(features, pictures, layer, units=units, count=payload.count, method=payload.method)
        case VisualisationKind.CONTENT:
            return ReconstructionVisualisation(features, pictures, Kept.CONTENT, seed=payload.seed)
        case VisualisationKind.STYLE:
            return ReconstructionVisualisation(features, pictures, Kept.STYLE, seed=payload.seed)
