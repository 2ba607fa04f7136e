"""What a POST that works answers: 202 and where to look, or 200 with the result, and never a lost upload."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import structlog
from redis import Redis

from gateway.app import create_app
from gateway.auth import Scope
from gateway.context import Services
from gateway.wsgi import assemble
from shared.errors import StorageUnavailable
from shared.jobs import JobStore
from shared.queue import Queue, Task
from shared.schemas import Job, JobError, JobStatus
from shared.settings import JobSettings, Settings
from shared.storage.store import UPLOADS, MemoryStore
from tests.unit.gateway.conftest import MATCH, PHOTO, PREFIX, Api, FakeWorker

VERIFY = "/v1/galleries/staff/verifications"


def verify(api: Api, prefer: str | None = None, **fields: str) -> Any:
    headers = {} if prefer is None else {"Prefer": prefer}
    return api.upload(VERIFY, {"person": "ada", **fields}, image=PHOTO, headers=headers)


def work_in_a_moment(worker: FakeWorker, seconds: float = 0.2) -> threading.Thread:
    def work() -> None:
        while not worker.published:
            time.sleep(0.01)
        time.sleep(seconds)
        worker.succeed(MATCH)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.usefixtures("staff")
def test_an_accepted_job_is_202_with_where_to_look(api: Api) -> None:
    answer = verify(api)
    assert answer.status_code == 202
    job = answer.json
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert answer.headers["Retry-After"] == "1"
    assert "Preference-Applied" not in answer.headers
    assert (job["type"], job["status"], job["attempts"]) == ("verification", "queued", 0)


@pytest.mark.usefixtures("staff")
def test_a_job_done_in_time_is_200_with_its_result(api: Api, worker: FakeWorker) -> None:
    thread = work_in_a_moment(worker)
    answer = verify(api, "wait=10")
    thread.join()
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=10"
    assert answer.json["status"] == "succeeded"
    assert answer.json["result"]["verdict"] == "match"


@pytest.mark.usefixtures("staff")
def test_a_job_that_fails_in_time_is_200_too(api: Api, worker: FakeWorker) -> None:
    def fail() -> None:
        while not worker.published:
            time.sleep(0.01)
        worker.jobs.fail(worker.claim(), JobError(code="corrupt_image", detail="It broke."))

    thread = threading.Thread(target=fail)
    thread.start()
    answer = verify(api, "wait=10")
    thread.join()
    assert answer.status_code == 200
    assert (answer.json["status"], answer.json["error"]["code"]) == ("failed", "corrupt_image")
    assert "result" not in answer.json


@pytest.mark.usefixtures("staff")
def test_a_job_not_done_in_time_is_202(api: Api) -> None:
    started = time.monotonic()
    answer = verify(api, "wait=1")
    assert 0.9 < time.monotonic() - started < 3
    assert answer.status_code == 202
    assert answer.headers["Preference-Applied"] == "wait=1"


@pytest.mark.usefixtures("staff")
def test_when_many_wait_no_more_do(services: Services, settings: Settings) -> None:
    few = settings.model_copy(update={"limits": settings.limits.model_copy(update={"waiting_requests": 1})})
    token = services.keys.create("default", Scope)
    assert token is not None
    api = Api(create_app(few, services), token)
    with ThreadPoolExecutor(5) as pool:
        begun = time.monotonic()
        answers = list(pool.map(lambda _: verify(api, "wait=1"), range(5)))
    assert {answer.status_code for answer in answers} == {202}
    assert len([1 for answer in answers if "Preference-Applied" in answer.headers]) == 1
    assert time.monotonic() - begun < 4, "nobody waited in line"
    assert "Preference-Applied" in verify(api, "wait=0").headers, "and the place is free again"


@pytest.mark.usefixtures("staff")
def test_a_long_wait_is_cut_and_the_answer_says_so(api: Api, worker: FakeWorker) -> None:
    thread = work_in_a_moment(worker)
    answer = verify(api, "wait=3600")
    thread.join()
    assert answer.headers["Preference-Applied"] == "wait=30"


@pytest.mark.usefixtures("staff")
def test_shutting_down_ends_the_wait(api: Api, services: Services) -> None:
    threading.Timer(0.2, services.stopping.set).start()
    started = time.monotonic()
    assert verify(api, "wait=30").status_code == 202
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("staff")
def test_the_priority_chooses_the_queue(api: Api, worker: FakeWorker) -> None:
    verify(api)
    verify(api, priority="bulk")
    assert [(task, queue) for task, _, queue in worker.published] == [
        (Task.VERIFY, Queue.FACE_INTERACTIVE),
        (Task.VERIFY, Queue.FACE_BULK),
    ]


@pytest.mark.usefixtures("staff")
def test_the_upload_lies_where_the_payload_says(api: Api, worker: FakeWorker, store: MemoryStore) -> None:
    job_id = verify(api).json["id"]
    job = worker.claim()
    assert job.payload["image_key"] == f"{UPLOADS}default/{job_id}/image"
    assert store.get(job.payload["image_key"]) == PHOTO


@pytest.mark.usefixtures("staff")
def test_a_request_and_its_job_have_one_trace_which_is_not_what_the_client_wrote(api: Api, worker: FakeWorker) -> None:
    with structlog.testing.capture_logs() as logs:
        api.upload(VERIFY, {"person": "ada"}, image=PHOTO, headers={"X-Request-Id": "ada-at-the-door"})
    (line,) = logs
    assert (line["request_id"], line["trace"]) == ("ada-at-the-door", worker.claim().trace)
    assert re.fullmatch("[0-9a-f]{32}", line["trace"])


# --- when something is down ---


class Broken(MemoryStore):
    """Reads work, writes of uploads do not."""

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        if key.startswith(UPLOADS) and key.endswith("image_b"):
            raise StorageUnavailable("The object store cannot be reached.")
        super().put(key, data, content_type)


def job_store(redis: Redis, settings: JobSettings) -> JobStore:
    return JobStore(redis, PREFIX, settings, lambda *_: None)


def api_over(settings: Settings, store: MemoryStore, redis: Redis, jobs: JobStore) -> Api:
    services = replace(assemble(settings, store, redis, lambda *_: None), jobs=jobs)
    token = services.keys.create("default", Scope)
    assert token is not None
    return Api(create_app(settings, services), token)


@pytest.fixture
def nowhere() -> Redis:
    """A client of a Redis that is not there."""
    return Redis.from_url("redis://127.0.0.1:1/0", decode_responses=True)


def compare(api: Api) -> Any:
    return api.upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO)


def assert_unavailable(answer: Any, code: str) -> None:
    assert answer.status_code == 503
    assert answer.json["code"] == code
    assert int(answer.headers["Retry-After"]) > 0


def test_without_redis_no_job_is_accepted_and_no_upload_stays(
    settings: Settings, store: MemoryStore, nowhere: Redis
) -> None:
    api = api_over(settings, store, nowhere, job_store(nowhere, settings.jobs))
    assert_unavailable(compare(api), "queue_unavailable")
    assert list(store.keys(UPLOADS)) == []


def test_without_storage_no_job_is_accepted_and_no_upload_stays(settings: Settings, redis: Redis) -> None:
    store = Broken()
    api = api_over(settings, store, redis, job_store(redis, settings.jobs))
    assert_unavailable(compare(api), "storage_unavailable")
    assert list(store.keys(UPLOADS)) == []
    assert list(redis.scan_iter(f"{PREFIX}job:*")) == []


def test_a_full_queue_is_503_and_no_upload_stays(settings: Settings, redis: Redis, store: MemoryStore) -> None:
    api = api_over(settings, store, redis, job_store(redis, JobSettings(queue_limit=1)))
    accepted = compare(api).json["id"]
    assert_unavailable(compare(api), "queue_full")
    assert {key.split("/")[2] for key in store.keys(UPLOADS)} == {accepted}


def test_a_job_accepted_before_redis_failed_is_202_not_503(
    settings: Settings, redis: Redis, store: MemoryStore, nowhere: Redis
) -> None:
    """503 would make the client send it again, and it would be done twice."""

    class LosesRedis(JobStore):
        def wait(self, job: Job, seconds: float) -> Job:
            return job_store(nowhere, settings.jobs).wait(job, seconds)

    jobs = LosesRedis(redis, PREFIX, settings.jobs, lambda *_: None)
    api = api_over(settings, store, redis, jobs)
    answer = api.upload("/v1/comparisons", image_a=PHOTO, image_b=PHOTO, headers={"Prefer": "wait=5"})
    assert answer.status_code == 202
    assert answer.json is not None
    assert jobs.get("default", answer.json["id"]).status is JobStatus.QUEUED


def test_a_job_whose_record_cannot_be_read_back_is_accepted_and_keeps_its_photos(
    settings: Settings, redis: Redis, store: MemoryStore, nowhere: Redis
) -> None:
    class LosesRedis(JobStore):
        def get(self, tenant: str, job_id: str) -> Job:
            return job_store(nowhere, settings.jobs).get(tenant, job_id)

    answer = compare(api_over(settings, store, redis, LosesRedis(redis, PREFIX, settings.jobs, lambda *_: None)))
    assert answer.status_code == 202
    accepted = job_store(redis, settings.jobs).get("default", answer.json["id"])
    assert (accepted.status, answer.json["status"]) == (JobStatus.QUEUED, "queued")
    assert store.get(accepted.payload["image_a_key"]) == PHOTO
