"""The style worker: repaint a photo, in one forward pass or by optimising its pixels."""

import hashlib
import time
from collections.abc import Mapping
from importlib.metadata import version

from PIL import Image
from torch import Tensor

from shared import images
from shared.images import ImageLimits, Provenance
from shared.ml.style import options
from shared.ml.style.optimisation import Step
from shared.ml.style.pixels import fit, resize, to_image, to_tensor
from shared.queue import Task
from shared.schemas import (
    FineOptions,
    Message,
    Model,
    Progress,
    StyleCosts,
    StyleMode,
    StylizationPayload,
    StylizationResult,
    StylizedImage,
)
from shared.storage import ObjectStore, image_key
from workers.app import Handler
from workers.runner import Held
from workers.services import Services
from workers.style_models import StyleModels


def style_tasks(services: Services) -> Mapping[Task, Handler]:
    """Load and warm up the models; the task that uses them."""
    worker = StyleWorker(StyleModels.load(services), services.store, services.limits)
    run = services.runner.run
    return {Task.STYLIZE: lambda job_id: run(job_id, StylizationPayload, worker.stylize)}


class StyleWorker:
    def __init__(self, models: StyleModels, store: ObjectStore, limits: ImageLimits) -> None:
        self._models = models
        self._store = store
        self._limits = limits

    def stylize(self, payload: StylizationPayload, held: Held) -> tuple[Message, Model]:
        """Paint, store the picture under the job's key, say what it cost."""
        started = time.monotonic()
        style_data = self._store.get(payload.style_key)
        content = self._picture(self._store.get(payload.content_key), payload.size)
        match payload.mode:
            case StyleMode.FAST:
                model, costs = self._models.fast_model, None
                style_name = hashlib.sha256(style_data).hexdigest()
                held.report(Progress(done=0, total=1, stage="painting"))
                style = to_tensor(images.decode(style_data, self._limits))
                painted = self._models.paint_fast(content, style, style_name=style_name, strength=payload.strength)
                held.report(Progress(done=1, total=1, stage="painting"))
            case StyleMode.FINE:
                model = self._models.fine_model
                style = self._picture(style_data, payload.size)
                painted, costs = self._fine(content, style, payload.fine or FineOptions(), held)
        picture = self._keep(to_image(painted), payload, held, model)
        result = StylizationResult(
            image=picture,
            mode=payload.mode,
            style_id=payload.style_id,
            costs=costs,
            seconds=round(time.monotonic() - started, 3),
        )
        return result, model

    def _fine(self, content: Tensor, style: Tensor, asked: FineOptions, held: Held) -> tuple[Tensor, StyleCosts]:
        chosen = fine_options(asked)

        def report(step: Step) -> None:
            held.report(Progress(done=step.step, total=chosen.steps, stage="optimising", cost=step.cost))

        done = self._models.paint_fine(content, style, chosen, on_step=report)
        costs = StyleCosts(
            content=done.last.content_cost,
            style=done.last.style_cost,
            total=done.last.cost,
            style_at_start=done.first.style_cost,
        )
        return done.image, costs

    def _picture(self, data: bytes, long_side: int) -> Tensor:
        """(1, 3, H, W) float32 RGB in [0, 1], the longer side as asked, the shape kept."""
        image = images.decode(data, self._limits)
        return resize(to_tensor(image), *fit(image.width, image.height, long_side))

    def _keep(self, image: Image.Image, payload: StylizationPayload, held: Held, model: Model) -> StylizedImage:
        asked = payload.model_dump(exclude_none=True, exclude={"content_key", "style_key"}, mode="json")
        provenance = Provenance(
            software=f"Likeness {version('likeness')}",
            model=f"{model.name} {model.digest}",
            settings=" ".join(f"{name}={value}" for name, value in asked.items()),
        )
        data = images.encode(image, payload.format, provenance)
        job = held.job
        self._store.put(image_key(job.tenant, job.id, payload.format.media_type), data, payload.format.media_type)
        return StylizedImage(
            url=f"/v1/jobs/{job.id}/image",
            media_type=payload.format.media_type,
            width=image.width,
            height=image.height,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )


def fine_options(asked: FineOptions) -> options.FineOptions:
    """What was asked for, with the defaults of the model code for the rest."""
    return options.FineOptions(**asked.model_dump(exclude_none=True))
