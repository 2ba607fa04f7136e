"""Housekeeping's sweep: of a job that has ended nothing stays, also when the object store was away at that moment."""

import time
from functools import partial

import pytest
from redis import Redis

from shared.errors import StorageUnavailable
from shared.galleries.store import GalleryStore
from shared.jobs import JobStore, NewJob
from shared.schemas import DetectionPayload, EnrolmentPayload, JobStatus, JobType
from shared.settings import JobSettings
from shared.storage.store import MemoryStore, upload_folder
from tests.unit.workers.test_retention import GALLERY, PREFIX, TENANT, enrol, enrollees
from workers.housekeeping import Sweeper
from workers.retention import withdraw_unfinished
from workers.runner import JobRunner


class LeavingStore(MemoryStore):
    """An object store that is away when it is told to be."""

    away = False

    def delete_prefix(self, prefix: str) -> int:
        if self.away:
            raise StorageUnavailable("The object store cannot be reached.")
        return super().delete_prefix(prefix)


def expire(jobs: JobStore, galleries: GalleryStore, store: MemoryStore, person: str) -> str:
    """The id of an enrolment that is over its deadline while a worker has it, photo and face stored."""
    payload = EnrolmentPayload(
        gallery=GALLERY, person=person, person_uid=enrol(galleries, person), face=f"f-{person}", image_key="k"
    )
    job = jobs.submit(NewJob(TENANT, JobType.ENROLMENT, payload)).id
    jobs.claim(job)
    store.put(f"{upload_folder(TENANT, job)}image", b"photo")
    return job


def test_what_could_not_be_cleared_away_when_its_job_ended_goes_later(redis: Redis) -> None:
    store = LeavingStore()
    galleries = GalleryStore(store, redis, PREFIX)
    galleries.create_gallery(TENANT, GALLERY)
    jobs = JobStore(redis, PREFIX, JobSettings(face_deadline=0.05), lambda *_: None)
    sweeper = Sweeper(
        jobs, JobRunner(jobs, store, 15, withdraw=partial(withdraw_unfinished, enrollees(store, galleries, redis)))
    )
    ended = [expire(jobs, galleries, store, person) for person in ("ada", "bob")]
    time.sleep(0.1)
    store.away = True
    sweeper.sweep()
    sweeper.sweep()
    assert [jobs.get(TENANT, job).status for job in ended] == [JobStatus.EXPIRED] * 2
    assert len(list(store.keys("uploads/"))) == 2
    store.away = False
    sweeper.sweep()
    assert list(store.keys("uploads/")) == []
    assert [key for key in store.keys("galleries/") if "/templates/" in key] == []


def test_a_message_that_cannot_be_published_costs_no_cleaning_up(redis: Redis) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionError

    store = MemoryStore()
    galleries = GalleryStore(store, redis, PREFIX)
    galleries.create_gallery(TENANT, GALLERY)
    jobs = JobStore(redis, PREFIX, JobSettings(face_deadline=0.3, republish_seconds=0.01), refuse)
    sweeper = Sweeper(
        jobs, JobRunner(jobs, store, 15, withdraw=partial(withdraw_unfinished, enrollees(store, galleries, redis)))
    )
    ended = expire(jobs, galleries, store, "ada")
    time.sleep(0.35)
    jobs.submit(NewJob(TENANT, JobType.DETECTION, DetectionPayload(image_key="k")))
    time.sleep(0.05)
    with pytest.raises(ConnectionError):
        sweeper.sweep()
    assert jobs.get(TENANT, ended).status is JobStatus.EXPIRED
    time.sleep(0.35)  # until the other one is over, too
    sweeper.sweep()
    assert list(store.keys("uploads/")) == []
    assert [key for key in store.keys("galleries/") if "/templates/" in key] == []
