"""Long stylisations: what their progress tells, previews, and going on from a checkpoint."""

import io
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from redis import Redis

from shared.errors import StorageUnavailable
from shared.ml.style.optimisation import Stylised
from shared.ml.style.options import Optimiser
from shared.schemas import FineOptions, JobStatus, Message, Model, Progress, StyleMode, StylizationPayload
from shared.storage.store import MemoryStore, preview_key
from tests.unit.workers.conftest import Painted, StyleBench
from workers import memory_gate
from workers.memory_gate import MemoryGate
from workers.runner import Held
from workers.style_models import FineWork, StyleModels
from workers.style_progress import MOST_PREVIEWS

STEPS = 8
SHALLOW: dict[str, Any] = {"content_layers": {"relu2_1": 1.0}, "style_layers": {"relu1_1": 0.5, "relu2_1": 0.5}}
ADAM = FineOptions(steps=STEPS, optimiser=Optimiser.ADAM, **SHALLOW)

Work = Callable[[StylizationPayload, Held], tuple[Message, Model]]


@pytest.fixture
def saving(redis: Redis, style_models: StyleModels) -> StyleBench:
    """A worker that writes a checkpoint after every step."""
    return StyleBench(redis, style_models, checkpoint_seconds=1e-9)


class FailingStore(MemoryStore):
    """Refuses keys with this word in them."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        if self._word in key:
            raise StorageUnavailable("down")
        super().put(key, data, content_type)


def checkpoints(bench: StyleBench) -> list[str]:
    return [key for key in bench.store.keys("uploads/") if key.endswith("checkpoint")]


def dying(bench: StyleBench, at: int) -> Work:
    """The work, ended by a fault when it reports its step `at`."""

    class Dying(Held):
        def report(self, progress: Progress) -> None:
            super().report(progress)
            if progress.done == at:
                raise RuntimeError("the power went")

    return lambda payload, held: bench.worker.stylize(payload, Dying(bench.jobs, held.job))


def interrupted(bench: StyleBench, fine: FineOptions, at: int = STEPS - 2, **given: Any) -> str:
    """A job whose first attempt ended at that step; its id."""
    job_id, _ = bench.accept(StyleMode.FINE, fine=fine, **given)
    bench.runner.run(job_id, StylizationPayload, dying(bench, at))
    assert bench.jobs.get("acme", job_id).status is JobStatus.QUEUED
    return job_id


def second_attempt(painted: Painted) -> list[dict[str, Any]]:
    """The progress that was told after the job ran again."""
    last = max(place for place, event in enumerate(painted.events) if event.event == "running")
    return [event.data for event in painted.events[last:] if event.event == "progress"]


def pixels(painted: Painted) -> np.typing.NDArray[np.int16]:
    return np.asarray(painted.image.convert("RGB"), dtype=np.int16)


# --- progress ----------------------------------------------------------------------------------------------


def test_progress_tells_both_costs_and_the_time_to_the_end(style_bench: StyleBench) -> None:
    told = style_bench.paint(StyleMode.FINE, fine=ADAM, preview_every=1).progress
    assert [step["done"] for step in told] == list(range(1, STEPS + 1))
    assert all(step["content_cost"] >= 0 < step["style_cost"] for step in told)
    assert "eta_seconds" not in told[0], "one step says nothing about the next"
    assert told[-1]["eta_seconds"] == 0
    assert all(later["eta_seconds"] < 60 for later in told[1:])


# --- previews ----------------------------------------------------------------------------------------------


def test_every_preview_that_was_asked_for_is_told_and_stored(style_bench: StyleBench) -> None:
    painted = style_bench.paint(StyleMode.FINE, fine=ADAM, preview_every=3)
    told = [(step["done"], step["preview"]) for step in painted.progress if "preview" in step]
    assert told == [(step, f"/v1/jobs/{painted.job.id}/previews/{step}") for step in (3, 6)]
    for step, _ in told:
        data = style_bench.store.get(preview_key("acme", painted.job.id, step))
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "JPEG"
            assert b"compositeWithTrainedAlgorithmicMedia" in image.info["xmp"], "a preview is a generated picture, too"
            assert image.size == painted.image.size


def test_a_preview_is_at_most_256_px_a_side(style_bench: StyleBench) -> None:
    painted = style_bench.paint(
        StyleMode.FINE, fine=FineOptions(steps=2, levels=1, **SHALLOW), size=300, preview_every=2
    )
    with Image.open(io.BytesIO(style_bench.store.get(preview_key("acme", painted.job.id, 2)))) as image:
        assert image.size == (256, 160)


def test_there_are_never_more_than_a_hundred_previews(style_bench: StyleBench) -> None:
    layer = {"relu1_1": 1.0}
    fine = FineOptions(steps=250, levels=1, optimiser=Optimiser.ADAM, content_layers=layer, style_layers=layer)
    painted = style_bench.paint(StyleMode.FINE, fine=fine, size=32, preview_every=1)
    told = [step["done"] for step in painted.progress if "preview" in step]
    assert 80 <= len(told) <= MOST_PREVIEWS
    assert {later - earlier for earlier, later in pairwise(told)} == {3}


def test_without_being_asked_for_there_are_none(style_bench: StyleBench) -> None:
    painted = style_bench.paint(StyleMode.FINE, fine=ADAM)
    assert not any("preview" in step for step in painted.progress)
    assert list(style_bench.store.keys("reports/")) == []


def test_a_preview_that_cannot_be_stored_ends_nothing(redis: Redis, style_models: StyleModels) -> None:
    bench = StyleBench(redis, style_models, store=FailingStore("preview"))
    painted = bench.paint(StyleMode.FINE, fine=ADAM, preview_every=2)
    assert not any("preview" in step for step in painted.progress)


# --- checkpoints -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimiser", Optimiser)
def test_another_attempt_goes_on_where_the_last_one_was_and_paints_the_same(
    saving: StyleBench, optimiser: Optimiser
) -> None:
    fine = FineOptions(steps=STEPS, optimiser=optimiser, **SHALLOW)
    whole = saving.paint(StyleMode.FINE, fine=fine)
    job_id = interrupted(saving, fine, preview_every=1)
    resumed = saving.painted(saving.run(job_id))
    assert second_attempt(resumed)[0]["done"] >= 3
    assert np.abs(pixels(resumed) - pixels(whole)).max() <= 1
    assert resumed.result.costs is not None
    assert whole.result.costs is not None
    assert resumed.result.costs.model_dump() == pytest.approx(whole.result.costs.model_dump(), rel=1e-3)


def test_without_a_checkpoint_it_begins_anew(style_bench: StyleBench) -> None:
    job_id = interrupted(style_bench, ADAM, preview_every=1)
    assert checkpoints(style_bench) == []
    assert second_attempt(style_bench.painted(style_bench.run(job_id)))[0]["done"] == 1


@pytest.mark.parametrize("damaged", [b"", b"no checkpoint at all", "half"])
def test_a_damaged_checkpoint_is_refused_and_the_job_begins_anew(saving: StyleBench, damaged: bytes | str) -> None:
    job_id = interrupted(saving, ADAM, preview_every=1)
    (key,) = checkpoints(saving)
    good = saving.store.get(key)
    saving.store.put(key, good[: len(good) // 2] if isinstance(damaged, str) else damaged)
    assert second_attempt(saving.painted(saving.run(job_id)))[0]["done"] == 1


def test_a_checkpoint_of_another_picture_is_refused(saving: StyleBench) -> None:
    job_id = interrupted(saving, ADAM, preview_every=1)
    other = interrupted(saving, ADAM.model_copy(update={"steps": STEPS + 1}))
    mine, theirs = (next(key for key in checkpoints(saving) if one in key) for one in (job_id, other))
    saving.store.put(mine, saving.store.get(theirs))
    assert second_attempt(saving.painted(saving.run(job_id)))[0]["done"] == 1


def test_checkpoints_go_with_the_job(saving: StyleBench) -> None:
    job_id = interrupted(saving, ADAM)
    assert checkpoints(saving) == [f"uploads/acme/{job_id}/checkpoint"]
    saving.run(job_id)
    assert list(saving.store.keys("uploads/")) == []


def test_a_checkpoint_that_cannot_be_written_ends_nothing(redis: Redis, style_models: StyleModels) -> None:
    bench = StyleBench(redis, style_models, store=FailingStore("checkpoint"), checkpoint_seconds=1e-9)
    assert bench.paint(StyleMode.FINE, fine=ADAM).job.attempts == 1


# --- memory ------------------------------------------------------------------------------------------------


class SmallDevice:
    """The models on a device that holds no whole picture; `tiles` says in what tiles it was asked to paint."""

    def __init__(self, models: StyleModels, *, holds_tiles: bool = True) -> None:
        self._models = models
        self._holds_tiles = holds_tiles
        self.tiles: list[int | None] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._models, name)

    def paint_fine(self, work: FineWork, **given: Any) -> Stylised:
        self.tiles.append(work.tile)
        if work.tile is None or not self._holds_tiles:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self._models.paint_fine(work, **given)


def test_what_the_device_cannot_hold_is_painted_in_tiles(redis: Redis, style_models: StyleModels) -> None:
    device: Any = SmallDevice(style_models)
    painted = StyleBench(redis, device).paint(StyleMode.FINE, fine=ADAM)
    assert painted.result.tiled
    assert painted.job.attempts == 1
    assert len(device.tiles) == 2


def test_what_the_device_cannot_hold_in_tiles_either_fails_at_once(redis: Redis, style_models: StyleModels) -> None:
    device: Any = SmallDevice(style_models, holds_tiles=False)
    told = StyleBench(redis, device).refuse(StyleMode.FINE, fine=ADAM)
    assert told.startswith("needs_too_much_memory")
    assert "ask for less" in told


def test_a_job_that_finds_the_memory_taken_goes_back_to_the_queue_and_is_painted_later(
    redis: Redis, style_models: StyleModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_gate, "PATIENCE_S", 0.0)
    gate = MemoryGate(0)
    bench = StyleBench(redis, style_models, gate=gate)
    job_id, _ = bench.accept(StyleMode.FAST)
    with gate.inside(2**30, waiting=lambda: None):
        assert bench.run(job_id).status is JobStatus.QUEUED
    assert bench.run(job_id).status is JobStatus.SUCCEEDED
