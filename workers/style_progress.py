"""What a client sees of an optimisation while it runs: progress with costs and an ETA, previews; and checkpoints."""

import time
from collections.abc import Callable
from math import ceil

import structlog
from torch import Tensor

from shared.errors import Unavailable
from shared.ml.style.optimisation import Step
from shared.schemas import Progress
from shared.storage.store import ObjectStore, preview_key
from workers.checkpoints import Checkpoints
from workers.runner import Held
from workers.style_models import Glance

log = structlog.get_logger("worker")

MOST_PREVIEWS = 100  # of one job


class StepReporter:
    """Called after each step; what it raises (the job was cancelled, is no longer ours) ends the optimisation.

    Args:
        held: the job.
        store: where previews go.
        checkpoints: the job's.
        preview_every: steps between two previews; None: there are none.
        preview: makes the JPEG to show of the optimisation's picture, (1, 3, h, w).
    """

    def __init__(
        self,
        held: Held,
        store: ObjectStore,
        checkpoints: Checkpoints,
        *,
        preview_every: int | None,
        preview: Callable[[Tensor], bytes],
    ) -> None:
        self._held = held
        self._store = store
        self._checkpoints = checkpoints
        self._preview_every = preview_every
        self._make_preview = preview
        self._began: tuple[float, float] | None = None  # time and fraction of the first step seen

    def __call__(self, step: Step, glance: Glance) -> None:
        self._held.report(
            Progress(
                done=step.step,
                total=step.total,
                stage="optimising",
                cost=step.cost,
                content_cost=step.content_cost,
                style_cost=step.style_cost,
                eta_seconds=self._eta(step),
                preview=self._preview(step, glance),
            )
        )
        if self._checkpoints.is_due():
            self._checkpoints.save(glance.state())

    def _eta(self, step: Step) -> float | None:
        """By the share of the work, for the steps of a larger picture take longer. Unknown after one step."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, step.fraction)
            return None
        since, first = self._began
        if step.fraction <= first:
            return None
        return round((now - since) * (1 - step.fraction) / (step.fraction - first), 1)

    def _preview(self, step: Step, glance: Glance) -> str | None:
        """Store one when it is time; its path in the API."""
        if self._preview_every is None or step.step % max(self._preview_every, ceil(step.total / MOST_PREVIEWS)):
            return None
        job = self._held.job
        data = self._make_preview(glance.image())
        try:
            self._store.put(preview_key(job.tenant, job.id, step.step), data, "image/jpeg")
        except Unavailable as error:
            log.warning("preview not stored", job=job.id, problem=str(error))  # the picture does not depend on it
            return None
        return f"/v1/jobs/{job.id}/previews/{step.step}"
