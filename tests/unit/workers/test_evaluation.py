"""Evaluating a gallery's own faces: whoever is named in the report leads to it, and nobody is who was erased."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from redis import Redis

from shared.errors import GalleryChanged
from shared.galleries.store import GalleryStore, Template
from shared.images import ImageLimits
from shared.jobs import JobStore, NewJob
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.schemas import EvaluationPayload, JobType, Model
from shared.settings import JobSettings
from shared.storage.store import MemoryStore, report_key
from workers.evaluation import Evaluator
from workers.face_models import FaceModels
from workers.face_reader import FaceReader
from workers.runner import Held
from workers.services import Services
from workers.turns import Turns

TENANT, GALLERY = "acme", "staff"
PEOPLE = ("ada", "bob", "eve")
MODEL = Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)


class Bench:
    def __init__(self, redis: Redis) -> None:
        self.store = MemoryStore()
        self.galleries = GalleryStore(self.store, redis, "test:")
        self.galleries.create_gallery(TENANT, GALLERY)
        self.jobs = JobStore(redis, "test:", JobSettings(), lambda *_: None)
        draw = np.random.default_rng(0)
        for person in PEOPLE:
            uid = self.galleries.ensure_person(TENANT, GALLERY, person).uid
            for number in range(2):
                vector = draw.normal(size=DEFAULT_MODEL.dimensions)
                face = Template(
                    person=person, face=f"{person}-{number}", embedding=tuple(vector / np.linalg.norm(vector)),
                    model_digest=DEFAULT_MODEL.digest, quality=1.0, created_at=datetime.now(UTC), person_uid=uid,
                )  # fmt: skip
                self.galleries.put_template(TENANT, GALLERY, face)
        services = SimpleNamespace(
            store=self.store, galleries=self.galleries, jobs=self.jobs, limits=ImageLimits(2**20, 10**6, 2000, 16)
        )
        served = SimpleNamespace(card=DEFAULT_MODEL, identity=MODEL)
        self.evaluator = Evaluator(
            cast("FaceReader", SimpleNamespace(detector=None)),
            cast("FaceModels", SimpleNamespace(of=lambda *_: served)),
            cast("Services", services),
            Turns(),
        )

    def evaluate(self) -> str:
        """The job's id."""
        payload = EvaluationPayload(gallery=GALLERY, archive_key=None, seed=0)
        job = self.jobs.claim(self.jobs.submit(NewJob(TENANT, JobType.EVALUATION, payload)).id)
        assert job is not None
        self.evaluator.evaluate(payload, Held(self.jobs, job))
        return job.id


@pytest.fixture
def bench(redis: Redis) -> Bench:
    return Bench(redis)


def test_whoever_is_named_in_a_report_leads_to_it(bench: Bench) -> None:
    job = bench.evaluate()
    report = bench.store.get(report_key(TENANT, job, "report.json"))
    assert b"ada/ada-0" in report
    assert [bench.jobs.of_person.of(TENANT, GALLERY, person) for person in PEOPLE] == [[job]] * 3


def test_somebody_who_is_erased_meanwhile_is_in_no_report(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    every: Callable[..., Any] = bench.galleries.all_templates

    def read_and_erase(*arguments: str) -> Any:
        found = list(every(*arguments))
        uid = bench.galleries.get_person(TENANT, GALLERY, "ada").uid
        bench.galleries.remove_person(TENANT, GALLERY, "ada", uid, before=None)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(bench.galleries, "all_templates", read_and_erase)
        with pytest.raises(GalleryChanged):
            bench.evaluate()
    assert list(bench.store.keys("reports/")) == []
    job = bench.evaluate()
    assert b"ada" not in bench.store.get(report_key(TENANT, job, "report.json"))
