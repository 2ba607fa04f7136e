"""Where tests enrol: real galleries, jobs and searches; what is in a photo is said by the test."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from redis import Redis

from gateway.faces.enrollees import enrollee
from shared.erasures.eraser import Eraser
from shared.erasures.log import ErasureReason
from shared.galleries.store import GalleryStore, Template
from shared.jobs import JobStore, NewJob
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL, ModelCard
from shared.ml.face.verification import Verdict
from shared.outbox import Outbox
from shared.schemas import (
    EnrolmentPayload,
    EnrolmentResult,
    FaceBox,
    FaceView,
    GalleryRules,
    Job,
    JobStatus,
    JobType,
    Model,
    Quality,
    ReembeddingPayload,
)
from shared.settings import JobSettings
from shared.storage.store import MemoryStore
from workers.enrolment import Enroller
from workers.face_models import Embedding, FaceModels
from workers.face_reader import Face, FaceReader, Refusal
from workers.faces.enrollees import Enrollees
from workers.faces.enrolment_slots import EnrolmentSlots
from workers.residents import ResidentGalleries
from workers.retention import withdraw_unfinished
from workers.runner import JobRunner

TENANT, GALLERY, PREFIX = "acme", "staff", "test:"
BLANK = np.full((112, 112, 3), 90, np.uint8)
PHOTOS_ALIKE = 0.8  # cosine of two photos of one person


def model_of(card: ModelCard) -> Model:
    return Model(name=card.name, digest=card.digest)


def embedding(name: str, number: int, dimensions: int) -> Embedding:
    """Of a photo of a person: strangers are at right angles, one's own photos are alike."""
    person, photo = sum(name.encode()) % 40, 40 + number % 40
    vector = np.zeros(dimensions, np.float32)
    vector[person], vector[photo] = PHOTOS_ALIKE**0.5, (1 - PHOTOS_ALIKE) ** 0.5
    return vector


class UnguardedSlots:
    """As when every slot had run out."""

    @contextmanager
    def taken(self, *_: str) -> Iterator[None]:
        yield


class Desk:
    def __init__(self, redis: Redis, *, guarded: bool = True, store: MemoryStore | None = None, **rules: Any) -> None:
        self.store = store or MemoryStore()
        self.galleries = GalleryStore(self.store, redis, PREFIX)
        self.galleries.create_gallery(TENANT, GALLERY, rules=GalleryRules(**rules))
        self.jobs = JobStore(redis, PREFIX, JobSettings.model_validate({"retry_seconds": 0.001}), lambda *_: None)
        self.outbox = Outbox(redis, PREFIX)
        self.eraser = Eraser(self.store, self.galleries, self.jobs, self.outbox, keepers={}, settle_seconds=60)
        self.enrollees = Enrollees(self.store, self.galleries, self.outbox)
        self.before_the_end: Callable[[], None] = lambda: None  # called when a photo was looked at
        served = {
            card.digest: SimpleNamespace(card=card, identity=model_of(card)) for card in (DEFAULT_MODEL, ACCURATE_MODEL)
        }
        slots = EnrolmentSlots(redis, PREFIX) if guarded else UnguardedSlots()
        self.enroller = Enroller(
            cast("FaceReader", SimpleNamespace(one_face=self._look)),
            cast("FaceModels", SimpleNamespace(of=lambda _, model: served[model.digest])),
            self.galleries,
            ResidentGalleries(self.galleries, ThreadPoolExecutor(1), device=torch.device("cpu"), capacity=1000),
            enrollees=self.enrollees,
            slots=cast("EnrolmentSlots", slots),
        )
        self.runner = JobRunner(
            self.jobs, self.store, 15, withdraw=lambda job: withdraw_unfinished(self.enrollees, job)
        )

    def _look(self, key: str, models: list[Any], _: object) -> Face | Refusal:
        """`ada-1` is a photo of ada; the name of a verdict is one that cannot be used."""
        if key in {verdict.value for verdict in Verdict}:
            return Refusal(Verdict(key), "why")
        name, _, number = key.partition("-")
        view = FaceView(box=FaceBox(x=1, y=2, width=30, height=40), quality=Quality(score=0.9 - int(number) / 100))
        found = tuple(embedding(name, int(number), model.card.dimensions) for model in models)
        self.before_the_end()
        return Face(view, found, cast("Any", ()), BLANK)

    # --- what clients do ---

    def accept(self, person: str, photo: str, **said: Any) -> Job:
        gallery = self.galleries.get_gallery(TENANT, GALLERY)
        meant = enrollee(
            gallery, self.galleries.present_person(TENANT, GALLERY, person), record_key=said.pop("record_key", None)
        )
        payload = EnrolmentPayload(
            gallery=GALLERY,
            person=person,
            person_uid=meant.uid,
            new_person=meant.new,
            face=NewJob.new_id(),
            image_key=photo,
            **said,
        )
        return self.jobs.submit(NewJob(TENANT, JobType.ENROLMENT, payload))

    def work(self, job: Job) -> Job:
        """What became of it; an attempt that found the gallery changed is repeated."""
        for _ in range(20):
            self.runner.run(job.id, EnrolmentPayload, self.enroller.enrol)
            found = self.jobs.find(job.id)
            if found is None or found.status.finished:
                break
        return found or job

    def enrol(self, person: str, photo: str, **said: Any) -> EnrolmentResult:
        return result_of(self.work(self.accept(person, photo, **said)))

    def enrol_at_once(self, *wanted: tuple[str, str]) -> list[EnrolmentResult]:
        """Accepted before the first is begun, then all at the same moment."""
        jobs = [self.accept(person, photo) for person, photo in wanted]
        with ThreadPoolExecutor(len(jobs)) as pool:
            return [result_of(job) for job in pool.map(self.work, jobs)]

    def reembed(self, person: str, photo: str, migration: str, **said: Any) -> EnrolmentResult:
        found = self.galleries.get_person(TENANT, GALLERY, person)
        payload = ReembeddingPayload(
            gallery=GALLERY,
            migration=migration,
            person=person,
            person_uid=found.uid,
            face=NewJob.new_id(),
            image_key=photo,
            **said,
        )
        job = self.jobs.submit(NewJob(TENANT, JobType.REEMBEDDING, payload))
        self.runner.run(job.id, ReembeddingPayload, self.enroller.reembed)
        return result_of(self.jobs.get(TENANT, job.id))

    def erase(self, person: str) -> None:
        self.eraser.erase(TENANT, GALLERY, person, reason=ErasureReason.REQUESTED)

    # --- what is there ---

    def people(self) -> list[str]:
        return [person.id for person in self.galleries.persons_there(TENANT, GALLERY)]

    def faces(self, person: str, card: ModelCard = DEFAULT_MODEL) -> list[Template]:
        return self.galleries.person_templates(TENANT, GALLERY, person, card.digest)

    def objects(self) -> list[str]:
        return [key for key in self.store.keys("galleries/") if "/templates/" in key or "/persons/" in key]


def result_of(job: Job) -> EnrolmentResult:
    assert job.status is JobStatus.SUCCEEDED, job.error
    return EnrolmentResult.model_validate(job.result)
