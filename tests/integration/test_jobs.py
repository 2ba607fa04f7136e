"""A job's life against a real Redis: accepted means done, once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.errors import JobFinished, JobNotFound, QueueFull, QueueUnavailable
from shared.jobs import Beat, JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.queue import Queue, Task, connect
from shared.schemas import (
    ComparisonPayload,
    ComparisonResult,
    Job,
    JobError,
    JobStatus,
    JobType,
    Model,
    Priority,
    Progress,
)
from shared.settings import JobSettings, RedisSettings

MODEL = Model(name="m", digest="d")
PAYLOAD = ComparisonPayload(image_a_key="a", image_b_key="b", model=MODEL, policy="p")
RESULT = ComparisonResult(verdict=Verdict.MATCH, policy="p", threshold=0.4)
FAULT = JobError(code="fault", detail="something broke")
PREFIX = "likeness:"

Published = list[tuple[Task, str, Queue]]


@pytest.fixture
def published() -> Published:
    return []


@pytest.fixture
def make(redis: Redis, published: Published) -> Callable[..., JobStore]:
    """A JobStore with some settings changed."""

    def build(**settings: float) -> JobStore:
        return JobStore(
            redis,
            PREFIX,
            JobSettings.model_validate(settings),
            lambda task, job_id, queue: published.append((task, job_id, queue)),
        )

    return build


@pytest.fixture
def jobs(make: Callable[..., JobStore]) -> JobStore:
    return make()


def submit(jobs: JobStore, **changes: object) -> Job:
    fields: dict[str, object] = {"tenant": "acme", "type": JobType.COMPARISON, "payload": PAYLOAD, **changes}
    return jobs.submit(NewJob(**fields))  # type: ignore[arg-type]


def test_an_accepted_job_is_recorded_and_published(jobs: JobStore, published: Published) -> None:
    job = submit(jobs)
    assert job.status is JobStatus.QUEUED
    assert job.payload == PAYLOAD.model_dump()
    assert published == [(Task.COMPARE, job.id, Queue.FACE_INTERACTIVE)]


def test_bulk_jobs_go_to_the_bulk_queue(jobs: JobStore, published: Published) -> None:
    submit(jobs, priority=Priority.BULK)
    assert published[0][2] is Queue.FACE_BULK


def test_the_record_is_there_before_the_message(redis: Redis) -> None:
    seen: list[JobStatus] = []

    def publish(_: Task, job_id: str, __: Queue) -> None:
        seen.append(store.get("acme", job_id).status)

    store = JobStore(redis, PREFIX, JobSettings(), publish)
    submit(store)
    assert seen == [JobStatus.QUEUED]


def test_a_job_whose_message_could_not_be_sent_is_published_later(redis: Redis) -> None:
    sent: list[str] = []

    def publish(_: Task, job_id: str, __: Queue) -> None:
        if not broken:
            sent.append(job_id)
        else:
            raise ConnectionError

    broken = True
    jobs = JobStore(redis, PREFIX, JobSettings(republish_seconds=0.05), publish)
    job = submit(jobs)
    broken = False
    time.sleep(0.1)
    assert jobs.republish() == 1
    assert sent == [job.id]


def test_a_long_backlog_is_not_published_again(make: Callable[..., JobStore], redis: Redis) -> None:
    """As long as the queue holds a message for every waiting job, none was lost."""
    jobs = make(republish_seconds=0.01)
    for _ in range(3):
        submit(jobs)
        redis.lpush(f"{PREFIX}{Queue.FACE_INTERACTIVE.value}", "message")
    time.sleep(0.05)
    assert jobs.republish() == 0
    redis.lpop(f"{PREFIX}{Queue.FACE_INTERACTIVE.value}")
    assert jobs.republish() == 1


def test_a_job_is_claimed_once(jobs: JobStore) -> None:
    job = submit(jobs)
    with ThreadPoolExecutor(16) as pool:
        claims = [claim for claim in pool.map(lambda _: jobs.claim(job.id), range(16)) if claim]
    assert len(claims) == 1
    assert claims[0].status is JobStatus.RUNNING
    assert claims[0].attempts == 1


def test_a_committed_result_is_read_back(jobs: JobStore) -> None:
    job = submit(jobs)
    claim = jobs.claim(job.id)
    assert claim is not None
    assert jobs.succeed(claim, RESULT, MODEL)
    done = jobs.get("acme", job.id)
    assert done.status is JobStatus.SUCCEEDED
    assert done.result == RESULT.model_dump(mode="json")
    assert done.model == MODEL
    assert not jobs.succeed(claim, RESULT, MODEL), "a second commit changes nothing"


def test_a_stale_token_cannot_commit(make: Callable[..., JobStore]) -> None:
    """The first worker hung, its lease ran out, a second worker has the job: only the second commits."""
    jobs = make(lease_seconds=0.05)
    job = submit(jobs)
    first = jobs.claim(job.id)
    time.sleep(0.1)
    jobs.sweep()
    second = jobs.claim(job.id)
    assert first is not None
    assert second is not None
    assert second.attempts == 2
    assert jobs.beat(first) is Beat.LOST
    assert not jobs.succeed(first, RESULT, MODEL)
    assert jobs.succeed(second, RESULT, MODEL)


def test_a_renewed_lease_keeps_the_job(make: Callable[..., JobStore]) -> None:
    jobs = make(lease_seconds=0.3)
    job = submit(jobs)
    claim = jobs.claim(job.id)
    assert claim is not None
    for _ in range(4):
        time.sleep(0.1)
        assert jobs.beat(claim) is Beat.OK
    jobs.sweep()
    assert jobs.get("acme", job.id).status is JobStatus.RUNNING


def test_a_dropped_job_is_published_again_at_once(make: Callable[..., JobStore], published: Published) -> None:
    jobs = make(lease_seconds=0.05)
    job = submit(jobs)
    jobs.claim(job.id)
    published.clear()
    time.sleep(0.1)
    jobs.sweep()
    assert jobs.republish() == 1
    assert published == [(Task.COMPARE, job.id, Queue.FACE_INTERACTIVE)]


def test_a_worker_lost_too_often_makes_a_dead_letter(make: Callable[..., JobStore]) -> None:
    jobs = make(lease_seconds=0.01, max_attempts=2)
    job = submit(jobs)
    for _ in range(2):
        assert jobs.claim(job.id) is not None
        time.sleep(0.03)
        ended = jobs.sweep()
    assert [gone.id for gone in ended] == [job.id]
    dead = jobs.get("acme", job.id)
    assert dead.status is JobStatus.FAILED
    assert dead.error is not None
    assert dead.error.code == "worker_lost"
    assert jobs.dead_letters() == [job.id]


def test_faults_are_retried_and_then_fail(make: Callable[..., JobStore]) -> None:
    jobs = make(max_attempts=2, retry_seconds=0)
    job = submit(jobs)
    outcomes = []
    for _ in range(2):
        claim = jobs.claim(job.id)
        assert claim is not None
        outcomes.append(jobs.release(claim, FAULT))
    assert outcomes == ["queued", "failed"]
    assert jobs.get("acme", job.id).error == FAULT
    assert jobs.dead_letters() == [job.id]


def test_a_clients_mistake_is_no_dead_letter(jobs: JobStore) -> None:
    claim = jobs.claim(submit(jobs).id)
    assert claim is not None
    jobs.fail(claim, FAULT)
    assert jobs.get("acme", claim.id).status is JobStatus.FAILED
    assert jobs.dead_letters() == []


def test_an_outage_uses_up_no_attempts(make: Callable[..., JobStore]) -> None:
    jobs = make(max_attempts=1, retry_seconds=0)
    job = submit(jobs)
    for _ in range(3):
        claim = jobs.claim(job.id)
        assert claim is not None
        assert jobs.release(claim, FAULT, outage=True) == "queued"


def test_a_queued_job_past_its_deadline_expires(make: Callable[..., JobStore]) -> None:
    jobs = make(face_deadline=0.05)
    swept, claimed = submit(jobs), submit(jobs)
    time.sleep(0.1)
    assert jobs.claim(claimed.id) is None
    assert [job.id for job in jobs.sweep()] == [swept.id]
    assert jobs.get("acme", swept.id).status is JobStatus.EXPIRED
    assert jobs.get("acme", claimed.id).status is JobStatus.EXPIRED


def test_a_running_job_is_told_that_its_time_is_over(make: Callable[..., JobStore]) -> None:
    jobs = make(face_deadline=0.05)
    claim = jobs.claim(submit(jobs).id)
    assert claim is not None
    time.sleep(0.1)
    assert jobs.beat(claim) is Beat.EXPIRED


def test_cancelling_a_queued_job_ends_it(jobs: JobStore) -> None:
    job = submit(jobs)
    assert jobs.cancel("acme", job.id).status is JobStatus.CANCELLED
    assert jobs.claim(job.id) is None
    with pytest.raises(JobFinished):
        jobs.cancel("acme", job.id)


def test_cancelling_a_running_job_asks_its_worker(jobs: JobStore) -> None:
    claim = jobs.claim(submit(jobs).id)
    assert claim is not None
    assert jobs.cancel("acme", claim.id).status is JobStatus.RUNNING
    assert jobs.beat(claim) is Beat.CANCEL
    assert jobs.end(claim, JobStatus.CANCELLED)


def test_another_tenants_job_is_not_found(jobs: JobStore) -> None:
    job = submit(jobs)
    for call in (jobs.get, jobs.cancel):
        with pytest.raises(JobNotFound):
            call("other", job.id)
    assert jobs.recent("other") == []


def test_a_full_queue_refuses(make: Callable[..., JobStore], published: Published) -> None:
    jobs = make(queue_limit=1)
    submit(jobs)
    with pytest.raises(QueueFull):
        submit(jobs)
    assert len(published) == 1
    submit(jobs, priority=Priority.BULK)


def test_jobs_are_listed_newest_first_and_page(jobs: JobStore) -> None:
    ids = [submit(jobs).id for _ in range(5)][::-1]
    first = jobs.recent("acme", limit=2)
    rest = jobs.recent("acme", before=first[-1].created_at, limit=10)
    assert [job.id for job in first + rest] == ids


def test_events_tell_the_story_and_resume_anywhere(jobs: JobStore) -> None:
    job = submit(jobs)
    claim = jobs.claim(job.id)
    assert claim is not None
    for done in (1, 2):
        jobs.beat(claim, Progress(done=done, total=2, stage="working"))
    jobs.succeed(claim, RESULT, MODEL)
    events = jobs.events(job.id)
    assert [event.event for event in events] == ["queued", "running", "progress", "progress", "succeeded"]
    assert events[2].data == {"done": 1, "total": 2, "stage": "working"}
    assert events[-1].final
    for cut in range(len(events)):
        assert jobs.events(job.id, events[cut].id, block=False) == events[cut + 1 :]


def test_wait_returns_the_finished_job_at_once(jobs: JobStore) -> None:
    job = submit(jobs)

    def work() -> None:
        claim = jobs.claim(job.id)
        assert claim is not None
        jobs.beat(claim, Progress(done=1, total=2, stage="working"))
        time.sleep(0.1)
        jobs.succeed(claim, RESULT, MODEL)

    worker = threading.Thread(target=work)
    worker.start()
    started = time.monotonic()
    assert jobs.wait(job, 10).status is JobStatus.SUCCEEDED
    assert time.monotonic() - started < 5
    worker.join()


def test_wait_gives_up_in_time(jobs: JobStore) -> None:
    started = time.monotonic()
    assert jobs.wait(submit(jobs), 0.2).status is JobStatus.QUEUED
    assert 0.15 < time.monotonic() - started < 3


def test_a_dead_redis_is_named_as_such() -> None:
    gone = connect(RedisSettings.model_validate({"url": "redis://127.0.0.1:9"}))
    with pytest.raises(QueueUnavailable):
        submit(JobStore(gone, PREFIX, JobSettings(), lambda *_: None))
