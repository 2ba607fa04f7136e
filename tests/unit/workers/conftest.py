"""A style worker with the published weights on a real queue and an in-memory store."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from redis import Redis

from shared.images import ImageFormat, ImageLimits
from shared.jobs import JobStore, NewJob
from shared.ml.style.fast import FastStyliser
from shared.ml.style.features import Vgg16Features
from shared.ml.style.multistyle import LookStyliser
from shared.ml.weights import VGG16, load
from shared.schemas import (
    Job,
    JobEvent,
    JobStatus,
    JobType,
    StyleInput,
    StyleMode,
    StylizationPayload,
    StylizationResult,
)
from shared.settings import JobSettings
from shared.storage.store import MemoryStore, image_key
from workers.memory_gate import MemoryGate
from workers.runner import JobRunner
from workers.style import StyleWorker
from workers.style_models import StyleModels

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=10**6, max_side=2000, min_side=16)
SIZE = 48
NEVER_S = 1e6


@pytest.fixture(scope="session")
def style_models(weights_dir: Path) -> StyleModels:
    cpu = torch.device("cpu")
    fast = FastStyliser.from_weights(cpu, cache_dir=weights_dir)
    by_look = LookStyliser.from_weights(cpu, cache_dir=weights_dir)
    return StyleModels(fast, by_look, Vgg16Features(load(VGG16, weights_dir)))


def picture(width: int, height: int, *, swap: bool = False, mode: str = "RGB") -> bytes:
    """A colourful PNG."""
    across = Image.linear_gradient("L").resize((width, height))
    down = Image.radial_gradient("L").resize((width, height))
    flat = Image.new("L", (width, height), 90)
    bands = (flat, across, down) if swap else (across, down, flat)
    return png(Image.merge("RGB", bands).convert(mode))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class StyleBench:
    """A worker with its stores; `accept` puts a job with its uploads into them."""

    def __init__(
        self,
        redis: Redis,
        models: StyleModels,
        *,
        store: MemoryStore | None = None,
        gate: MemoryGate | None = None,
        checkpoint_seconds: float = NEVER_S,
    ) -> None:
        settings = JobSettings.model_validate({"retry_seconds": 0})
        self.jobs = JobStore(redis, "likeness:", settings, lambda *_: None)
        self.store = store or MemoryStore()
        self.runner = JobRunner(self.jobs, self.store, settings.lease_seconds)
        gate = gate or MemoryGate(2**33)
        self.worker = StyleWorker(models, self.store, LIMITS, gate, checkpoint_seconds=checkpoint_seconds)

    def upload(self, name: str, data: bytes) -> str:
        """Keep a picture for the jobs to come; its key."""
        key = f"pictures/{name}"
        self.store.put(key, data)
        return key

    def accept(self, mode: StyleMode, *, style_id: str | None = None, **given: Any) -> tuple[str, StylizationPayload]:
        job_id = NewJob.new_id()
        folder = f"uploads/acme/{job_id}"
        self.store.put(f"{folder}/content", picture(96, 60))
        self.store.put(f"{folder}/style", picture(50, 70, swap=True))
        wanted: dict[str, Any] = {
            "styles": (StyleInput(key=f"{folder}/style", style_id=style_id),),
            "size": SIZE,
            "format": ImageFormat.PNG,
            **given,
        }
        payload = StylizationPayload(content_key=f"{folder}/content", mode=mode, **wanted)
        self.jobs.submit(NewJob("acme", JobType.STYLIZATION, payload, id=job_id))
        return job_id, payload

    def run(self, job_id: str) -> Job:
        self.runner.run(job_id, StylizationPayload, self.worker.stylize)
        return self.jobs.get("acme", job_id)

    def paint(self, mode: StyleMode, **given: Any) -> "Painted":
        job_id, _ = self.accept(mode, **given)
        return self.painted(self.run(job_id))

    def refuse(self, mode: StyleMode, **given: Any) -> str:
        """Why the job failed, with its code in front."""
        job_id, _ = self.accept(mode, **given)
        job = self.run(job_id)
        assert job.status is JobStatus.FAILED
        assert job.error is not None
        return f"{job.error.code}: {job.error.detail}"

    def painted(self, job: Job) -> "Painted":
        assert job.status is JobStatus.SUCCEEDED, job.error
        return Painted(job, StylizationResult.model_validate(job.result), self)

    def images(self) -> list[str]:
        return list(self.store.keys("images/"))


class Painted:
    def __init__(self, job: Job, result: StylizationResult, bench: StyleBench) -> None:
        self.job = job
        self.result = result
        self.data = bench.store.get(image_key(job.tenant, job.id, result.image.media_type))
        self.events: list[JobEvent] = bench.jobs.events(job.id, block=False)

    @property
    def progress(self) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.event == "progress"]

    @property
    def image(self) -> Image.Image:
        with Image.open(io.BytesIO(self.data)) as found:
            found.load()
            return found


@pytest.fixture
def style_bench(redis: Redis, style_models: StyleModels) -> StyleBench:
    return StyleBench(redis, style_models)
