"""The style worker: repaint a photo, in one forward pass or by optimising its pixels."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

import structlog
import torch
from torch import Tensor

from shared import images
from shared.errors import NeedsTooMuchMemory
from shared.images import ImageFormat, ImageLimits, Provenance
from shared.ml.style import colours, memory, options
from shared.ml.style.memory import TILE
from shared.ml.style.optimisation import StyleImage
from shared.ml.style.options import Colours, Preset
from shared.ml.style.pixels import fit, resize, to_image
from shared.queue import Task
from shared.schemas import (
    FineOptions,
    Job,
    Message,
    Model,
    Progress,
    StyleCosts,
    StyleMode,
    StylizationPayload,
    StylizationResult,
    StylizedImage,
    UsedStyle,
)
from shared.storage.store import ObjectStore, image_key
from shared.style_memory import Work
from workers.app import Handler
from workers.checkpoints import Checkpoints
from workers.memory_gate import MemoryGate
from workers.runner import Held
from workers.services import Services
from workers.style_inputs import StyleInputs, StylePicture, decoding_bytes, fetch_inputs, read_inputs
from workers.style_models import FastWork, FineWork, StyleModels
from workers.style_progress import StepReporter
from workers.visualise import visualisation_tasks

log = structlog.get_logger("worker")

PREVIEW_SIDE = 256  # px


def style_tasks(services: Services) -> Mapping[Task, Handler]:
    """Load and warm up the models; the task that uses them."""
    every = services.settings.workers.checkpoint_seconds
    models = StyleModels.load(services)
    gate = MemoryGate(services.settings.limits.style_memory_bytes - memory.RESIDENT)
    worker = StyleWorker(models, services.store, services.limits, gate, checkpoint_seconds=every)
    run = services.runner.run
    painting: dict[Task, Handler] = {Task.STYLIZE: lambda job_id: run(job_id, StylizationPayload, worker.stylize)}
    return {**painting, **visualisation_tasks(services, models)}


@dataclass(frozen=True, eq=False)
class _Painted:
    """A picture (1, 3, H, W) in [0, 1], what made it, and of an optimisation the costs and all its options."""

    pixels: Tensor
    model: Model
    costs: StyleCosts | None = None
    fine: FineOptions | None = None


class StyleWorker:
    def __init__(
        self,
        models: StyleModels,
        store: ObjectStore,
        limits: ImageLimits,
        gate: MemoryGate,
        *,
        checkpoint_seconds: float,
    ) -> None:
        self._models = models
        self._gate = gate
        self._store = store
        self._limits = limits
        self._checkpoint_seconds = checkpoint_seconds

    def stylize(self, payload: StylizationPayload, held: Held) -> tuple[Message, Model]:
        """Paint, store the picture under the job's key, say what it cost."""
        started = time.monotonic()
        files = fetch_inputs(payload, self._store.get)
        found = self._paint_in_turn(payload, files, held)
        if found is None:
            log.warning("out of memory: again in tiles", job=held.job.id, size=payload.size)
            self._models.free_memory()
            return self.stylize(payload.model_copy(update={"tiled": True}), held)
        inputs, painted = found
        # a look has no picture that could have been given the content's colours before
        recoloured = all(style.pixels is not None for style in inputs.styles)
        shown = to_image(colours.after(painted.pixels, inputs.content, payload.colours, recoloured=recoloured))
        data = images.encode(
            shown, payload.format, _provenance(payload, painted.model, painted.fine), alpha=inputs.alpha
        )
        result = StylizationResult(
            image=self._keep(data, shown.size, payload.format.media_type, held.job),
            mode=payload.mode,
            style_id=payload.styles[0].style_id if len(payload.styles) == 1 else None,
            styles=[UsedStyle(style_id=one.style_id, weight=one.weight) for one in payload.styles],
            strength=payload.strength,
            colours=payload.colours,
            tiled=payload.tiled,
            fine=painted.fine,
            costs=painted.costs,
            memory_bytes=memory_bytes(payload, *shown.size),
            seconds=round(time.monotonic() - started, 3),
        )
        return result, painted.model

    def _paint_in_turn(
        self, payload: StylizationPayload, files: Mapping[str, bytes], held: Held
    ) -> tuple[StyleInputs, _Painted] | None:
        """Decode and paint when there is memory for it; None when the device had too little, but tiles may help.

        Raises:
            WorkerBusy: others have the memory.
        """

        def waiting() -> None:
            held.report(Progress(done=0, total=1, stage="waiting for memory"))

        height, width = fit(*images.measure(files[payload.content_key], self._limits), payload.size)
        decoding = decoding_bytes(files, self._limits, side=payload.size)
        needed = max(memory_bytes(payload, width, height), decoding)
        try:
            # what is resident is there once for all of them
            with self._gate.inside(needed - memory.RESIDENT, waiting=waiting):
                inputs = read_inputs(payload, files, self._limits)
                return inputs, self._paint(payload, inputs, held)
        except torch.OutOfMemoryError:
            if payload.tiled:
                raise NeedsTooMuchMemory(
                    f"The device's memory does not suffice for size={payload.size}, not even in tiles: ask for less."
                ) from None
            return None

    def _paint(self, payload: StylizationPayload, inputs: StyleInputs, held: Held) -> _Painted:
        styles = [_recoloured(style, inputs.content, payload.colours) for style in inputs.styles]
        match payload.mode:
            case StyleMode.FAST:
                return self._fast(payload, inputs, styles, held)
            case StyleMode.FINE:
                return self._fine(payload, inputs, styles, held)

    def _fast(
        self, payload: StylizationPayload, inputs: StyleInputs, styles: list[StylePicture], held: Held
    ) -> _Painted:
        held.report(Progress(done=0, total=1, stage="painting"))
        tile = TILE if payload.tiled else None
        pixels = self._models.paint_fast(FastWork(inputs.content, styles, payload.strength, tile))
        held.report(Progress(done=1, total=1, stage="painting"))
        by_look = any(style.pixels is None for style in styles)
        return _Painted(pixels, self._models.look_model if by_look else self._models.fast_model)

    def _fine(
        self, payload: StylizationPayload, inputs: StyleInputs, styles: list[StylePicture], held: Held
    ) -> _Painted:
        chosen = fine_options(payload)
        used, model = used_options(payload, chosen), self._models.fine_model

        def preview(pixels: Tensor) -> bytes:
            small = resize(inputs.content, *pixels.shape[2:])
            shown = to_image(colours.after(pixels, small, payload.colours))
            shown.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
            return images.encode(shown, ImageFormat.JPEG, _provenance(payload, model, used))

        with Checkpoints(self._store, held.job, every=self._checkpoint_seconds) as checkpoints:
            work = FineWork(
                inputs.content,
                [StyleImage(one.pixels, one.weight, one.mask) for one in styles if one.pixels is not None],
                chosen,
                init=inputs.init,
                keep=inputs.keep,
                tile=TILE if payload.tiled else None,
                state=checkpoints.last(),
            )
            reporter = StepReporter(
                held, self._store, checkpoints, preview_every=payload.preview_every, preview=preview
            )
            done = self._models.paint_fine(work, on_step=reporter)
        costs = StyleCosts(
            content=done.last.content_cost,
            style=done.last.style_cost,
            total=done.last.cost,
            style_at_start=done.first.style_cost,
        )
        return _Painted(done.image, model, costs, used)

    def _keep(self, data: bytes, size: tuple[int, int], media_type: str, job: Job) -> StylizedImage:
        self._store.put(image_key(job.tenant, job.id, media_type), data, media_type)
        width, height = size
        return StylizedImage(
            url=f"/v1/jobs/{job.id}/image",
            media_type=media_type,
            width=width,
            height=height,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )


def fine_options(payload: StylizationPayload) -> options.FineOptions:
    """What was asked for: the preset, and what was said beside it."""
    given = (payload.fine or FineOptions()).model_dump(exclude_none=True)
    return options.FineOptions.of(given.pop("preset", Preset.BALANCED), strength=payload.strength, **given)


def memory_bytes(payload: StylizationPayload, width: int, height: int) -> int:
    """What the gateway reckoned with when it let the job in, at this size."""
    masks = sum(one.mask_key is not None for one in payload.styles) + (payload.keep_key is not None)
    chosen = fine_options(payload) if payload.mode is StyleMode.FINE else None
    work = Work(payload.mode, payload.tiled, chosen, len(payload.styles), masks)
    return work.memory_bytes(width, height)


def used_options(payload: StylizationPayload, chosen: options.FineOptions) -> FineOptions:
    """Every option as it was used; `levels` and `learning_rate` are None where they follow from the rest."""
    asked = payload.fine or FineOptions()
    values = {name: getattr(chosen, name) for name in FineOptions.model_fields if name != "preset"}
    return FineOptions(preset=asked.preset or Preset.BALANCED, **values)


def _recoloured(style: StylePicture, content: Tensor, kept: Colours) -> StylePicture:
    """The style's picture as it is painted with; its name says for which content when it depends on that."""
    if style.pixels is None or kept is Colours.STYLE:
        return style
    name = f"{style.name} {kept} {hashlib.sha256(content.numpy().tobytes()).hexdigest()}"
    return replace(style, name=name, pixels=colours.before(style.pixels, content, kept))


def _provenance(payload: StylizationPayload, model: Model, fine: FineOptions | None) -> Provenance:
    """What the picture says about itself: the styles by their ids ("upload" for a picture that was sent)."""
    asked = payload.model_dump(include={"mode", "size", "format", "strength", "colours", "tiled"}, mode="json")
    if fine:
        asked |= fine.model_dump(exclude_none=True, mode="json")
    styles = ",".join(f"{one.style_id or 'upload'}:{one.weight:g}" for one in payload.styles)
    return Provenance(
        software=f"Likeness {version('likeness')}",
        model=f"{model.name} {model.digest}",
        settings=" ".join([f"styles={styles}", *(f"{name}={value}" for name, value in asked.items())]),
    )
