"""Which jobs name a person."""

import time

import pytest
from redis import Redis

from shared.jobs import JobStore, NewJob
from shared.person_jobs import PersonJobs
from shared.schemas import DetectionPayload, JobType, Model, RecognitionPayload, VerificationPayload
from shared.settings import JobSettings
from tests.unit.gateway.conftest import RECOGNISED

VERIFICATION = VerificationPayload(gallery="staff", person="ada", image_key="k", policy="p")
RECOGNITION = RecognitionPayload(gallery="staff", image_key="k", top_k=2, policy="p")


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, "test:", JobSettings(retention_seconds=60), lambda *_: None)


def test_a_job_is_known_by_whom_its_request_names(jobs: JobStore) -> None:
    job = jobs.submit(NewJob("acme", JobType.VERIFICATION, VERIFICATION))
    assert jobs.of_person.of("acme", "staff", "ada") == [job.id]
    for elsewhere in (("other", "staff", "ada"), ("acme", "lab", "ada"), ("acme", "staff", "bob")):
        assert jobs.of_person.of(*elsewhere) == []


def test_a_job_is_known_by_everybody_whom_its_answer_names(jobs: JobStore) -> None:
    job = jobs.submit(NewJob("acme", JobType.RECOGNITION, RECOGNITION))
    assert jobs.of_person.of("acme", "staff", "ada") == []
    claimed = jobs.claim(job.id)
    assert claimed is not None
    assert jobs.succeed(claimed, RECOGNISED, Model(name="m", digest="d"))
    assert [jobs.of_person.of("acme", "staff", person) for person in ("ada", "bob")] == [[job.id], [job.id]]


def test_a_job_about_nobody_leaves_nothing(jobs: JobStore, redis: Redis) -> None:
    jobs.submit(NewJob("acme", JobType.DETECTION, DetectionPayload(image_key="k")))
    assert list(redis.scan_iter("test:person-jobs:*")) == []


def test_whom_a_lookalike_resembles_is_named_too(redis: Redis) -> None:
    index = PersonJobs(redis, "test:", 60)
    index.note("acme", "j1", {"gallery": "staff", "person": "eve"}, {"person": "eve", "warnings": [{"person": "ada"}]})
    assert index.of("acme", "staff", "ada") == ["j1"]
    index.forget("acme", "staff", "ada", ["j1"])
    assert index.of("acme", "staff", "ada") == []
    assert index.of("acme", "staff", "eve") == ["j1"]


def test_what_is_noted_does_not_stay_for_ever(jobs: JobStore, redis: Redis) -> None:
    jobs.submit(NewJob("acme", JobType.VERIFICATION, VERIFICATION))
    key = "test:person-jobs:acme:staff:ada"
    assert 0 < redis.ttl(key) <= 120
    redis.zadd(key, {"of-long-ago": time.time() - 121})
    latest = jobs.submit(NewJob("acme", JobType.VERIFICATION, VERIFICATION))
    assert "of-long-ago" not in jobs.of_person.of("acme", "staff", "ada")
    assert latest.id in jobs.of_person.of("acme", "staff", "ada")


@pytest.mark.parametrize("claimed", [False, True])
def test_a_forgotten_job_is_gone_and_its_worker_commits_nothing(jobs: JobStore, claimed: bool) -> None:
    job = jobs.submit(NewJob("acme", JobType.VERIFICATION, VERIFICATION))
    held = jobs.claim(job.id) if claimed else None
    assert jobs.forget("other", job.id) is None
    assert jobs.forget("acme", job.id) == (3 if claimed else 2)
    assert jobs.find(job.id) is None
    assert jobs.events(job.id, block=False) == []
    assert jobs.recent("acme") == []
    assert jobs.claim(job.id) is None
    if held is not None:
        assert not jobs.succeed(held, RECOGNISED, Model(name="m", digest="d"))
    assert jobs.find(job.id) is None
    assert jobs.forget("acme", job.id) is None
