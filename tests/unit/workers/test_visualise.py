"""Visualisations on a real queue, with the published weights: the sheet, what is said of it, and how it gives way."""

import io
import threading
import zipfile
from typing import Any

import pytest
import torch
from PIL import Image
from redis import Redis

from shared.jobs import JobStore, NewJob
from shared.ml.style.options import Method
from shared.schemas import (
    Job,
    JobStatus,
    JobType,
    Message,
    Model,
    VisualisationKind,
    VisualisationPayload,
    VisualisationResult,
)
from shared.settings import JobSettings
from shared.storage.store import MemoryStore, report_key
from tests.unit.workers.conftest import LIMITS, picture
from workers.runner import Held, JobRunner
from workers.style_inputs import StylePicture
from workers.style_models import FastWork, StyleModels
from workers.visualise import Visualiser

TENANT = "acme"


class Bench:
    def __init__(self, redis: Redis, models: StyleModels) -> None:
        settings = JobSettings.model_validate({"retry_seconds": 0})
        self.jobs = JobStore(redis, "likeness:", settings, lambda *_: None)
        self.store = MemoryStore()
        self.runner = JobRunner(self.jobs, self.store, settings.lease_seconds)
        self.visualiser = Visualiser(models, self.store, LIMITS)

    def accept(self, kind: VisualisationKind, files: dict[str, bytes], layer: str | None = None, **options: Any) -> str:
        job_id = NewJob.new_id()
        key = f"uploads/{TENANT}/{job_id}/archive"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as packed:
            for name, data in files.items():
                packed.writestr(name, data)
        self.store.put(key, buffer.getvalue())
        units = (7, 2) if layer else None
        fields = {"units": units, **options}
        payload = VisualisationPayload(archive_key=key, kind=kind, layer=layer, **fields)
        self.jobs.submit(NewJob(TENANT, JobType.VISUALISATION, payload, id=job_id))
        return job_id

    def run(self, job_id: str) -> Job:
        self.runner.run(job_id, VisualisationPayload, self.visualiser.visualise)
        return self.jobs.get(TENANT, job_id)


@pytest.fixture
def bench(redis: Redis, style_models: StyleModels) -> Bench:
    return Bench(redis, style_models)


FILES = {"a/1.png": picture(40, 30), "2.png": picture(30, 40, swap=True), "3.png": b"no picture", "4.txt": b"text"}


def test_the_sheet_of_units_is_the_jobs_report(bench: Bench) -> None:
    job = bench.run(bench.accept(VisualisationKind.UNITS, FILES, "relu1_2"))
    assert job.status is JobStatus.SUCCEEDED, job.error
    assert job.model is not None
    assert job.model.name.startswith("vgg16")
    result = VisualisationResult.model_validate(job.result)
    assert (result.layer, result.units, result.pictures) == ("relu1_2", [7, 2], 2)
    assert {problem.file for problem in result.problems} == {"3.png", "4.txt"}
    with Image.open(io.BytesIO(bench.store.get(report_key(TENANT, job.id, "sheet.png")))) as sheet:
        assert sheet.format == "PNG"
    stages = [event.data["stage"] for event in bench.jobs.events(job.id, block=False) if event.event == "progress"]
    assert stages[0] == "looking at pictures"
    assert stages[-1] == "going back to the pixels"


def test_so_many_units_are_chosen_and_shown_by_the_way_back_that_is_asked_for(bench: Bench) -> None:
    sheets = []
    for method in Method:
        asked = {"units": None, "count": 3, "method": method}
        job = bench.run(bench.accept(VisualisationKind.UNITS, FILES, "relu1_2", **asked))
        assert job.status is JobStatus.SUCCEEDED, job.error
        assert len(VisualisationResult.model_validate(job.result).units) == 3
        sheets.append(bench.store.get(report_key(TENANT, job.id, "sheet.png")))
    assert sheets[0] != sheets[1]


def test_the_photos_are_deleted_and_the_sheet_is_kept(bench: Bench) -> None:
    job = bench.run(bench.accept(VisualisationKind.UNITS, FILES, "relu1_2"))
    assert list(bench.store.keys("")) == [report_key(TENANT, job.id, "sheet.png")]


@pytest.mark.parametrize(
    ("files", "code"),
    [({"3.png": b"no picture"}, "insufficient_data"), ({}, "insufficient_data")],
)
def test_an_archive_without_a_usable_picture_fails(bench: Bench, files: dict[str, bytes], code: str) -> None:
    job = bench.run(bench.accept(VisualisationKind.UNITS, files, "relu1_2"))
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == code


def test_a_unit_that_the_layer_does_not_have_fails_and_says_which_there_are(bench: Bench) -> None:
    job_id = bench.accept(VisualisationKind.UNITS, FILES, "relu1_2")

    def visualise(payload: VisualisationPayload, held: Held) -> tuple[Message, Model]:
        return bench.visualiser.visualise(payload.model_copy(update={"units": (64,)}), held)

    bench.runner.run(job_id, VisualisationPayload, visualise)
    error = bench.jobs.get(TENANT, job_id).error
    assert error is not None
    assert (error.code, "0 to 63, not 64" in error.detail) == ("invalid_field", True)


def test_a_cancelled_one_ends_between_two_pictures(bench: Bench) -> None:
    many = {f"{number}.png": picture(40, 30) for number in range(50)}
    job_id = bench.accept(VisualisationKind.CONTENT, many)
    worker = threading.Thread(target=bench.run, args=(job_id,))
    worker.start()
    while not any(event.event == "progress" for event in bench.jobs.events(job_id, block=True)):
        pass
    bench.jobs.cancel(TENANT, job_id)
    worker.join(timeout=60)
    assert not worker.is_alive()
    assert bench.jobs.get(TENANT, job_id).status is JobStatus.CANCELLED
    assert not list(bench.store.keys(""))


def test_a_fast_picture_does_not_wait_for_its_end(bench: Bench, style_models: StyleModels) -> None:
    job_id = bench.accept(VisualisationKind.STYLE, {"1.png": picture(200, 150), "2.png": picture(200, 150)})
    worker = threading.Thread(target=bench.run, args=(job_id,))
    worker.start()
    while not any(event.event == "progress" for event in bench.jobs.events(job_id, block=True)):
        pass
    grey = torch.full((1, 3, 64, 64), 0.5)
    style_models.paint_fast(FastWork(grey, [StylePicture("grey", grey, 1.0)]))
    assert bench.jobs.get(TENANT, job_id).status is JobStatus.RUNNING
    bench.jobs.cancel(TENANT, job_id)
    worker.join(timeout=60)
    assert not worker.is_alive()
