"""A job's attempt: which outcome each end of the work has, and that uploads go with the job."""

import time
from collections.abc import Callable

import pytest
from redis import Redis

from shared.errors import (
    CorruptImage,
    NumericalError,
    ObjectNotFound,
    QueueUnavailable,
    StorageUnavailable,
    WorkerBusy,
)
from shared.jobs import Beat, JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.schemas import (
    ComparisonPayload,
    ComparisonResult,
    Job,
    JobStatus,
    JobType,
    Message,
    Model,
    Progress,
)
from shared.settings import JobSettings
from shared.storage.store import MemoryStore
from workers.runner import Held, JobRunner, event_interval

MODEL = Model(name="m", digest="d")
RESULT = ComparisonResult(verdict=Verdict.MATCH, policy="p", threshold=0.4)

Work = Callable[[ComparisonPayload, Held], tuple[Message, Model]]


class Bench:
    """A runner with its stores and one accepted job."""

    def __init__(self, redis: Redis, **settings: float) -> None:
        job_settings = JobSettings.model_validate({"retry_seconds": 0, "max_attempts": 2, **settings})
        self.jobs = JobStore(redis, "likeness:", job_settings, lambda *_: None)
        self.store = MemoryStore()
        self.runner = JobRunner(self.jobs, self.store, job_settings.lease_seconds)
        payload = ComparisonPayload(image_a_key="a", image_b_key="b", model=MODEL, policy="p")
        self.id = self.jobs.submit(NewJob("acme", JobType.COMPARISON, payload)).id
        self.store.put(f"uploads/acme/{self.id}/image_a", b"photo")

    def run(self, work: Work) -> Job:
        self.runner.run(self.id, ComparisonPayload, work)
        return self.jobs.get("acme", self.id)

    @property
    def uploads(self) -> list[str]:
        return list(self.store.keys("uploads/"))


@pytest.fixture
def bench(redis: Redis) -> Bench:
    return Bench(redis)


def succeed(_: ComparisonPayload, __: Held) -> tuple[Message, Model]:
    return RESULT, MODEL


def raising(error: Exception) -> Work:
    def work(_: ComparisonPayload, __: Held) -> tuple[Message, Model]:
        raise error

    return work


def test_work_that_returns_succeeds_and_its_photos_are_gone(bench: Bench) -> None:
    job = bench.run(succeed)
    assert job.status is JobStatus.SUCCEEDED
    assert job.result == RESULT.model_dump(mode="json")
    assert bench.uploads == []


def test_a_second_delivery_does_nothing(bench: Bench) -> None:
    bench.run(succeed)
    job = bench.run(raising(AssertionError("must not run")))
    assert job.status is JobStatus.SUCCEEDED
    assert job.attempts == 1


@pytest.mark.parametrize("error", [CorruptImage("bad"), NumericalError("nan")])
def test_what_cannot_be_mended_fails_at_once(bench: Bench, error: Exception) -> None:
    job = bench.run(raising(error))
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.detail == str(error)
    assert bench.uploads == []


@pytest.mark.parametrize("error", [RuntimeError("a bug"), ObjectNotFound("not yet")])
def test_a_fault_is_tried_again_with_its_photos_and_then_fails(bench: Bench, error: Exception) -> None:
    job = bench.run(raising(error))
    assert job.status is JobStatus.QUEUED
    assert bench.uploads
    job = bench.run(raising(error))
    assert job.status is JobStatus.FAILED
    assert bench.uploads == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(RuntimeError("secret"), "internal_error"), (ObjectNotFound("Nothing under secret/"), "object_not_found")],
)
def test_texts_of_the_inside_stay_inside(bench: Bench, error: Exception, code: str) -> None:
    bench.run(raising(error))
    job = bench.run(raising(error))
    assert job.error is not None
    assert job.error.code == code
    assert "secret" not in job.error.detail


def test_waiting_for_a_turn_is_no_failure(bench: Bench) -> None:
    for _ in range(4):  # more than it has attempts
        assert bench.run(raising(WorkerBusy("another long job"))).status is JobStatus.QUEUED
    assert bench.run(succeed).status is JobStatus.SUCCEEDED


def test_an_outage_waits_instead_of_failing(bench: Bench) -> None:
    for _ in range(4):
        assert bench.run(raising(StorageUnavailable("down"))).status is JobStatus.QUEUED
    assert bench.run(succeed).status is JobStatus.SUCCEEDED


def test_cancelling_stops_the_work_at_its_next_report(bench: Bench) -> None:
    steps = []

    def work(_: ComparisonPayload, held: Held) -> tuple[Message, Model]:
        for step in range(1, 1000):
            if step == 3:
                bench.jobs.cancel("acme", bench.id)
            steps.append(step)
            held.report(Progress(done=step, total=1000, stage="steps"))
            time.sleep(0.05)
        return RESULT, MODEL

    assert bench.run(work).status is JobStatus.CANCELLED
    assert len(steps) < 20
    assert bench.uploads == []


def test_cancelling_takes_effect_at_the_next_step_however_short_steps_are(bench: Bench) -> None:
    steps = []

    def work(_: ComparisonPayload, held: Held) -> tuple[Message, Model]:
        for step in range(1, 1000):
            steps.append(step)
            if step == 3:
                bench.jobs.cancel("acme", bench.id)
            held.report(Progress(done=step, total=1000, stage="steps"))
        return RESULT, MODEL

    assert bench.run(work).status is JobStatus.CANCELLED
    assert steps == [1, 2, 3]


def test_of_many_short_steps_few_become_events_but_every_preview_does(bench: Bench) -> None:
    def work(_: ComparisonPayload, held: Held) -> tuple[Message, Model]:
        for step in range(1, 201):
            preview = f"/preview/{step}" if step % 50 == 0 else None
            held.report(Progress(done=step, total=200, stage="steps", preview=preview))
        return RESULT, MODEL

    job = bench.run(work)
    told = [event.data for event in bench.jobs.events(job.id, block=False) if event.event == "progress"]
    assert [data["preview"] for data in told if "preview" in data] == [f"/preview/{n}" for n in (50, 100, 150, 200)]
    assert len(told) < 50


def test_an_hours_events_fit_into_the_jobs_stream() -> None:
    age, events = 0.0, 0
    while age < 3600:
        age += event_interval(age)
        events += 1
    assert 400 < events < 1900, "beside a hundred previews, below the 2,000 that are kept"


def test_an_unreachable_redis_holds_no_step_up(bench: Bench) -> None:
    class Deaf(JobStore):
        beats = 0

        def beat(self, job: Job, progress: Progress | None = None) -> Beat:  # noqa: ARG002 - as the real one
            Deaf.beats += 1
            raise QueueUnavailable("down")

    deaf = Deaf(Redis(port=1), "likeness:", JobSettings(), lambda *_: None)
    held = Held(deaf, bench.jobs.get("acme", bench.id))
    for step in range(1, 100):
        held.report(Progress(done=step, total=1000, stage="steps"))
    assert Deaf.beats == 1


def test_long_work_keeps_its_lease(redis: Redis) -> None:
    bench = Bench(redis, lease_seconds=0.3)

    def work(_: ComparisonPayload, __: Held) -> tuple[Message, Model]:
        time.sleep(1)
        bench.jobs.sweep()
        return RESULT, MODEL

    job = bench.run(work)
    assert job.status is JobStatus.SUCCEEDED
    assert job.attempts == 1


def test_work_past_its_deadline_stops_and_expires(redis: Redis) -> None:
    bench = Bench(redis, face_deadline=0.2)

    def work(_: ComparisonPayload, held: Held) -> tuple[Message, Model]:
        for step in range(1, 1000):
            held.report(Progress(done=step, total=1000, stage="steps"))
            time.sleep(0.05)
        return RESULT, MODEL

    assert bench.run(work).status is JobStatus.EXPIRED


def test_a_worker_that_lost_its_job_commits_nothing(redis: Redis) -> None:
    bench = Bench(redis)

    def work(_: ComparisonPayload, held: Held) -> tuple[Message, Model]:
        bench.jobs.end(held.job, JobStatus.CANCELLED)
        return RESULT, MODEL

    job = bench.run(work)
    assert job.status is JobStatus.CANCELLED
    assert job.result is None
