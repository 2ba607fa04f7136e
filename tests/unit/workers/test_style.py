"""The style worker on a real queue and an in-memory store, its networks of the real shape but untrained."""

import hashlib
import io
from typing import Any

import pytest
import torch
from PIL import Image
from redis import Redis

from shared.errors import CorruptImage, JobCancelled
from shared.images import ImageFormat, ImageLimits
from shared.jobs import JobStore, NewJob
from shared.ml.style import options
from shared.ml.style.fast import FastStyliser
from shared.ml.style.features import Vgg16Features
from shared.ml.style.magenta import StylePredictor, StyleTransformer
from shared.ml.torchvision_guard import models
from shared.schemas import (
    FineOptions,
    Job,
    JobEvent,
    JobStatus,
    JobType,
    Message,
    Model,
    StyleMode,
    StylizationPayload,
    StylizationResult,
)
from shared.settings import JobSettings
from shared.storage import MemoryStore, image_key
from workers.runner import Held, JobRunner
from workers.style import StyleWorker, fine_options
from workers.style_models import StyleModels

LIMITS = ImageLimits(max_bytes=2**20, max_pixels=10**6, max_side=2000, min_side=16)
SIZE = 48
STEPS = 3


@pytest.fixture(scope="module")
def style_models() -> StyleModels:
    """No weights are needed to see that the worker moves pictures: random ones of a fixed seed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fast = FastStyliser(StylePredictor(), StyleTransformer(), device=torch.device("cpu"))
        convolutions = models.vgg16(weights=None, init_weights=False).features
    return StyleModels(
        fast, Vgg16Features({f"features.{key}": value for key, value in convolutions.state_dict().items()})
    )


class Bench:
    """A worker with its stores; `accept` puts a job with its two uploads into them."""

    def __init__(self, redis: Redis, style_models: StyleModels) -> None:
        settings = JobSettings.model_validate({"retry_seconds": 0})
        self.jobs = JobStore(redis, "likeness:", settings, lambda *_: None)
        self.store = MemoryStore()
        self.runner = JobRunner(self.jobs, self.store, settings.lease_seconds)
        self.worker = StyleWorker(style_models, self.store, LIMITS)

    def accept(self, mode: StyleMode, **given: Any) -> tuple[str, StylizationPayload]:
        job_id = NewJob.new_id()
        folder = f"uploads/acme/{job_id}"
        self.store.put(f"{folder}/content", photo(96, 60))
        self.store.put(f"{folder}/style", photo(50, 70, swap=True))
        wanted: dict[str, Any] = {"style_id": None, "size": SIZE, "format": ImageFormat.PNG, **given}
        payload = StylizationPayload(content_key=f"{folder}/content", style_key=f"{folder}/style", mode=mode, **wanted)
        self.jobs.submit(NewJob("acme", JobType.STYLIZATION, payload, id=job_id))
        return job_id, payload

    def run(self, job_id: str) -> Job:
        self.runner.run(job_id, StylizationPayload, self.worker.stylize)
        return self.jobs.get("acme", job_id)

    def paint(self, mode: StyleMode, **given: Any) -> "Painted":
        job_id, payload = self.accept(mode, **given)
        job = self.run(job_id)
        assert job.status is JobStatus.SUCCEEDED, job.error
        return Painted(job, payload, StylizationResult.model_validate(job.result), self)

    def images(self) -> list[str]:
        return list(self.store.keys("images/"))


class Painted:
    def __init__(self, job: Job, payload: StylizationPayload, result: StylizationResult, bench: Bench) -> None:
        self.job = job
        self.result = result
        self.data = bench.store.get(image_key(job.tenant, job.id, payload.format.media_type))
        self.events: list[JobEvent] = bench.jobs.events(job.id, block=False)

    @property
    def progress(self) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.event == "progress"]


def photo(width: int, height: int, *, swap: bool = False) -> bytes:
    """A colourful PNG."""
    across = Image.linear_gradient("L").resize((width, height))
    down = Image.radial_gradient("L").resize((width, height))
    flat = Image.new("L", (width, height), 90)
    bands = (flat, across, down) if swap else (across, down, flat)
    buffer = io.BytesIO()
    Image.merge("RGB", bands).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def bench(redis: Redis, style_models: StyleModels) -> Bench:
    return Bench(redis, style_models)


FINE = {"fine": FineOptions(steps=STEPS)}
BOTH = pytest.mark.parametrize(("mode", "given"), [(StyleMode.FAST, {}), (StyleMode.FINE, FINE)], ids=["fast", "fine"])


@BOTH
def test_the_picture_has_the_asked_size_and_the_contents_shape(
    bench: Bench, mode: StyleMode, given: dict[str, Any]
) -> None:
    painted = bench.paint(mode, **given)
    with Image.open(io.BytesIO(painted.data)) as image:
        image.load()
        assert image.format == "PNG"
        assert image.size == (SIZE, 30)
    assert (painted.result.image.width, painted.result.image.height) == (SIZE, 30)


@BOTH
def test_the_answer_describes_the_stored_picture(bench: Bench, mode: StyleMode, given: dict[str, Any]) -> None:
    painted = bench.paint(mode, **given)
    image = painted.result.image
    assert image.sha256 == hashlib.sha256(painted.data).hexdigest()
    assert image.bytes == len(painted.data)
    assert image.media_type == "image/png"
    assert image.url == f"/v1/jobs/{painted.job.id}/image"
    assert painted.result.mode is mode


@pytest.mark.parametrize("image_format", ImageFormat)
def test_the_picture_lies_under_the_jobs_key_in_the_asked_format(bench: Bench, image_format: ImageFormat) -> None:
    painted = bench.paint(StyleMode.FAST, format=image_format)
    assert bench.images() == [f"images/acme/{painted.job.id}.{image_format.value}"]
    with Image.open(io.BytesIO(painted.data)) as image:
        assert image.format == image_format.name
    assert painted.result.image.media_type == image_format.media_type


@BOTH
def test_the_picture_says_what_made_it(bench: Bench, mode: StyleMode, given: dict[str, Any]) -> None:
    painted = bench.paint(mode, style_id="great-wave", **given)
    assert painted.job.model is not None
    for said in (
        "Likeness ",
        "compositeWithTrainedAlgorithmicMedia",
        f"{painted.job.model.name} {painted.job.model.digest}",
        f"mode={mode.value}",
        f"size={SIZE}",
        "style_id=great-wave",
    ):
        assert said.encode() in painted.data


def test_where_the_photos_lay_is_not_in_the_picture(bench: Bench) -> None:
    assert b"uploads/" not in bench.paint(StyleMode.FAST).data


def test_the_fast_mode_reports_its_end_and_has_no_costs(bench: Bench) -> None:
    painted = bench.paint(StyleMode.FAST)
    assert painted.progress[-1] == {"done": 1, "total": 1, "stage": "painting"}
    assert painted.result.costs is None


def test_the_fine_mode_reports_its_steps_with_their_costs(bench: Bench) -> None:
    painted = bench.paint(StyleMode.FINE, **FINE)
    last = painted.progress[-1]
    assert (last["done"], last["total"], last["stage"]) == (STEPS, STEPS, "optimising")
    assert last["cost"] > 0
    assert [step["done"] for step in painted.progress] == sorted({step["done"] for step in painted.progress})


def test_the_fine_mode_tells_the_costs_at_its_start_and_end(bench: Bench) -> None:
    costs = bench.paint(StyleMode.FINE, **FINE).result.costs
    assert costs is not None
    assert 0 < costs.style < costs.style_at_start
    assert costs.total >= costs.content > 0


def test_the_two_modes_name_their_own_model(bench: Bench, style_models: StyleModels) -> None:
    assert bench.paint(StyleMode.FAST).job.model == style_models.fast_model
    assert bench.paint(StyleMode.FINE, **FINE).job.model == style_models.fine_model
    assert style_models.fast_model != style_models.fine_model


def test_the_same_job_twice_gives_the_same_picture(bench: Bench) -> None:
    assert bench.paint(StyleMode.FAST).data == bench.paint(StyleMode.FAST).data


def test_another_strength_gives_another_picture(bench: Bench) -> None:
    assert bench.paint(StyleMode.FAST, strength=0.2).data != bench.paint(StyleMode.FAST).data


@BOTH
def test_a_cancelled_job_stops_and_leaves_no_picture(bench: Bench, mode: StyleMode, given: dict[str, Any]) -> None:
    job_id, payload = bench.accept(mode, **given)
    job = bench.jobs.claim(job_id)
    assert job is not None
    bench.jobs.cancel("acme", job_id)
    with pytest.raises(JobCancelled):
        bench.worker.stylize(payload, Held(bench.jobs, job))
    assert bench.images() == []


def test_cancelling_ends_the_optimisation_long_before_its_last_step(bench: Bench) -> None:
    job_id, _ = bench.accept(StyleMode.FINE, fine=FineOptions(steps=100_000))

    def cancel_and_work(payload: StylizationPayload, held: Held) -> tuple[Message, Model]:
        bench.jobs.cancel("acme", job_id)
        return bench.worker.stylize(payload, held)

    bench.runner.run(job_id, StylizationPayload, cancel_and_work)
    assert bench.jobs.get("acme", job_id).status is JobStatus.CANCELLED


@pytest.mark.parametrize("upload", ["content", "style"])
@BOTH
def test_a_damaged_photo_fails_the_job_with_its_own_code(
    bench: Bench, mode: StyleMode, given: dict[str, Any], upload: str
) -> None:
    job_id, _ = bench.accept(mode, **given)
    bench.store.put(f"uploads/acme/{job_id}/{upload}", photo(60, 60)[:-200])
    job = bench.run(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == CorruptImage.code


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        pytest.param(
            StyleMode.FAST,
            {},
            id="fast",
        ),
        pytest.param(StyleMode.FINE, FINE, id="fine"),
    ],
)
def test_a_photo_too_narrow_at_the_asked_size_fails_at_once(
    bench: Bench, mode: StyleMode, given: dict[str, Any]
) -> None:
    job_id, _ = bench.accept(mode, **given)
    bench.store.put(f"uploads/acme/{job_id}/content", photo(1900, 16))
    job = bench.run(job_id)
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert "pixels on each side" in job.error.detail


# --- options -----------------------------------------------------------------------------------------------

VALUES: dict[str, Any] = {
    "steps": 7,
    "alpha": 2.5,
    "beta": 0.5,
    "tv_weight": 0.25,
    "content_layers": {"relu3_1": 2.0},
    "style_layers": {"relu1_1": 1.0, "relu2_1": 0.5},
    "init": options.Init.NOISE,
    "optimiser": options.Optimiser.ADAM,
    "learning_rate": 0.125,
    "seed": 9,
}


def test_every_option_of_the_message_is_covered_below() -> None:
    assert VALUES.keys() == FineOptions.model_fields.keys()


@pytest.mark.parametrize("name", FineOptions.model_fields)
def test_an_option_reaches_the_model_code(name: str) -> None:
    found = getattr(fine_options(FineOptions.model_validate({name: VALUES[name]})), name)
    assert found == VALUES[name]
    assert found != getattr(options.FineOptions(), name)


@pytest.mark.parametrize("name", FineOptions.model_fields)
def test_an_option_that_was_sent_as_json_reaches_the_model_code(name: str) -> None:
    asked = FineOptions.model_validate({name: VALUES[name]}).model_dump_json()
    found = getattr(fine_options(FineOptions.model_validate_json(asked)), name)
    assert found == VALUES[name]
    assert isinstance(found, type(VALUES[name]))


def test_what_was_not_asked_for_has_the_model_codes_default() -> None:
    assert fine_options(FineOptions()) == options.FineOptions()
