"""How much a key may ask, how often a person may be tried, how many jobs may wait."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from apiflask import APIFlask
from pydantic import SecretStr
from redis import Redis
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.auth import Scope
from gateway.web.rates import Rates
from gateway.wsgi import assemble
from shared.attempts import Attempts
from shared.jobs import JobStore
from shared.ml.face.verification import Verdict
from shared.schemas import JobError
from shared.settings import JobSettings, RateSettings, RedisSettings, Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import MATCH, PHOTO, PREFIX, Api, FakeWorker

NO_MATCH = MATCH.model_copy(update={"verdict": Verdict.NO_MATCH, "score": 0.1})
SPOOF = MATCH.model_copy(update={"verdict": Verdict.SPOOF_SUSPECTED, "score": None})
NO_FACE = MATCH.model_copy(update={"verdict": Verdict.NO_FACE, "score": None, "face": None})

MakeLimited = Callable[..., Api]


def refused(answer: TestResponse, status: int, code: str) -> int:
    """The seconds to wait."""
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code), answer.text
    return int(answer.headers["Retry-After"])


@pytest.fixture
def limited(settings: Settings, store: MemoryStore, redis: Redis, worker: FakeWorker, staff: str) -> MakeLimited:
    """The API with some rates of its own."""
    assert staff

    def make(**rates: float) -> Api:
        changed = settings.model_copy(update={"rates": RateSettings.model_validate(rates)})
        services = assemble(changed, store, redis, worker.publish)
        return Api(create_app(changed, services), services.keys.create("default", Scope) or "")

    return make


# --- of one key ---


def test_every_answer_says_what_is_left(limited: MakeLimited) -> None:
    api = limited(key_per_minute=100)
    answers = [api.get("/v1/whoami"), api.get("/v1/jobs/none"), api.post("/v1/galleries", json={})]
    assert [answer.status_code for answer in answers] == [200, 404, 422]
    for used, answer in enumerate(answers, 1):
        assert answer.headers["RateLimit-Policy"] == '"key";q=100;w=60'
        left = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
        assert left is not None
        assert int(left[1]) == 100 - used
        assert 0 <= int(left[2]) <= 60


def test_beyond_it_is_429_that_says_when_to_come_again(limited: MakeLimited) -> None:
    api = limited(key_per_minute=3)
    answers = [api.get("/v1/whoami") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < refused(answers[3], 429, "rate_limited") <= 60
    assert '"key";r=0;' in answers[3].headers["RateLimit"]
    assert answers[3].content_type == "application/problem+json"


def test_each_key_has_its_own(limited: MakeLimited) -> None:
    api = limited(key_per_minute=2)
    other = Api(api.app, api.app.extensions["likeness"].services.keys.create("default", []))
    assert [api.get("/v1/whoami").status_code for _ in range(3)] == [200, 200, 429]
    assert other.get("/v1/whoami").status_code == 200


def test_gateways_count_together(redis_url: str, redis: Redis) -> None:
    del redis
    settings = RedisSettings(url=SecretStr(redis_url), key_prefix=PREFIX)
    one, two = Rates(settings, 3), Rates(settings, 3)
    admitted = [allowance.admitted for each in (one, two, one, two) if (allowance := each.hit("k"))]
    assert admitted == [True, True, True, False]


def test_at_once_no_more_get_in_than_may(limited: MakeLimited) -> None:
    api = limited(key_per_minute=10)
    with ThreadPoolExecutor(30) as pool:
        codes = list(pool.map(lambda _: api.get("/v1/whoami").status_code, range(30)))
    assert (codes.count(200), codes.count(429)) == (10, 20)


def test_without_redis_the_gateway_counts_for_itself() -> None:
    away = Rates(RedisSettings(url=SecretStr("redis://127.0.0.1:1/0")), 2)
    started = time.monotonic()
    admitted = [allowance.admitted for _ in range(100) if (allowance := away.hit("k"))]
    assert admitted == [True, True] + [False] * 98
    assert time.monotonic() - started < 3, "it is not asked each time"


def test_zero_is_no_limit(limited: MakeLimited) -> None:
    answer = limited(key_per_minute=0).get("/v1/whoami")
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


def test_strangers_use_nothing_up(limited: MakeLimited) -> None:
    api = limited(key_per_minute=1)
    assert api.app.test_client().get("/v1/whoami").status_code == 401
    assert api.app.test_client().get("/healthz").status_code == 200
    assert api.get("/v1/whoami").status_code == 200


# --- of one person ---


def verify(api: Api, person: str = "ada", **headers: str) -> TestResponse:
    return api.upload("/v1/galleries/staff/verifications", {"person": person}, image=PHOTO, headers=headers)


@pytest.mark.parametrize("failure", [NO_MATCH, SPOOF])
def test_failures_lock_the_persons_verification_for_a_while(
    limited: MakeLimited, worker: FakeWorker, failure: type
) -> None:
    api = limited(person_failures=3, lock_seconds=1)
    api.put("/v1/galleries/staff/persons/bob")
    for _ in range(3):
        assert verify(api).status_code == 202
        worker.succeed(failure)
    assert refused(verify(api), 429, "person_locked") == 1
    assert refused(verify(api), 429, "person_locked") == 1
    assert verify(api, "bob").status_code == 202, "nobody else is locked"
    assert api.upload("/v1/galleries/staff/recognitions", image=PHOTO).status_code == 202
    time.sleep(1.1)
    assert verify(api).status_code == 202
    assert len(worker.published) == 3


def test_a_success_resets_the_count(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=3)
    for outcome in (NO_MATCH, NO_MATCH, MATCH, NO_MATCH, NO_MATCH):
        assert verify(api).status_code == 202
        worker.succeed(outcome)
    assert verify(api).status_code == 202


def test_what_says_nothing_about_the_face_is_no_failure(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=2)
    for _ in range(4):
        assert verify(api).status_code == 202
        worker.succeed(NO_FACE)
    verify(api)
    worker.jobs.fail(worker.claim(), JobError(code="person_changed", detail="gone"))
    cancelled = verify(api).get_json()
    api.post(cancelled["links"]["cancel"])
    assert verify(api).status_code == 202


def test_a_thousand_at_once_gain_nothing(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=5)
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: verify(api).status_code, range(60)))
    assert (codes.count(202), codes.count(429)) == (5, 55)
    for _ in range(5):
        worker.succeed(NO_MATCH)
    assert refused(verify(api), 429, "person_locked") > 200


def test_failures_count_no_longer_than_they_should(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=2, failure_seconds=0.5)
    for _ in range(2):
        verify(api)
        worker.succeed(NO_MATCH)
    time.sleep(0.6)
    assert verify(api).status_code == 202


def test_one_person_is_tried_only_so_often(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_per_minute=3)
    for _ in range(3):
        assert verify(api).status_code == 202
        worker.succeed(MATCH)
    assert 50 < refused(verify(api), 429, "person_locked") <= 60


def test_what_did_not_become_a_job_does_not_count(limited: MakeLimited, worker: FakeWorker, redis: Redis) -> None:
    api = limited(person_failures=2, person_per_minute=2)
    full = JobStore(redis, PREFIX, JobSettings(queue_limit=1), worker.publish)
    object.__setattr__(api.app.extensions["likeness"].services, "jobs", full)
    assert verify(api).status_code == 202
    for _ in range(3):
        refused(verify(api), 503, "queue_full")
    worker.succeed(MATCH)
    assert verify(api).status_code == 202


def test_a_repetition_by_its_key_is_no_attempt(limited: MakeLimited) -> None:
    api = limited(person_per_minute=1)
    answers = [verify(api, **{"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 202]
    refused(verify(api), 429, "person_locked")


def test_zeros_are_no_limits(limited: MakeLimited, worker: FakeWorker) -> None:
    api = limited(person_failures=0, person_per_minute=0)
    for _ in range(15):
        assert verify(api).status_code == 202
        worker.succeed(NO_MATCH)


def test_an_attempt_whose_answer_was_lost_is_begun_once(redis: Redis) -> None:
    attempts = Attempts(redis, PREFIX, RateSettings(person_failures=2, person_per_minute=2), lifetime=120)
    for _ in range(3):
        with attempts.counted("t", "g", "ada", job_id="same") as wait:
            assert wait == 0
    with attempts.counted("t", "g", "ada", job_id="other") as wait:
        assert wait == 0
    with attempts.counted("t", "g", "ada", job_id="third") as wait:
        assert wait == 1


def test_nothing_is_kept_of_a_person_who_is_forgotten(redis: Redis) -> None:
    attempts = Attempts(redis, PREFIX, RateSettings(person_failures=1), lifetime=120)
    for _ in range(2):
        with attempts.counted("t", "g", "ada", job_id="j1"):
            pass
    assert list(redis.scan_iter(f"{PREFIX}attempts:*"))
    for key in redis.scan_iter(f"{PREFIX}attempts:*"):
        assert 0 < int(redis.ttl(key)) <= 300, "and it goes by itself"
    attempts.forget("t", "g", "ada")
    assert list(redis.scan_iter(f"{PREFIX}attempts:*")) == []


# --- of the queue ---


@pytest.mark.parametrize(("priority", "room"), [("interactive", 2), ("bulk", 3)])
def test_a_full_queue_is_503_at_once_and_says_for_how_long(
    settings: Settings, store: MemoryStore, redis: Redis, priority: str, room: int
) -> None:
    changed = settings.model_copy(update={"jobs": JobSettings(queue_limit=3, interactive_limit=2)})
    services = assemble(changed, store, redis, lambda *_: None)
    app: APIFlask = create_app(changed, services)
    api = Api(app, services.keys.create_first() or "")
    for _ in range(room):
        accepted = api.upload("/v1/detections", {"priority": priority}, image=PHOTO)
        assert accepted.status_code == 202
    full = api.upload("/v1/detections", {"priority": priority}, image=PHOTO, headers={"Prefer": "wait=30"})
    assert refused(full, 503, "queue_full") == 1
    for job in redis.scan_iter(f"{PREFIX}job:*"):
        redis.hset(job, "created_at", time.time() - 20)
    assert 20 <= refused(api.upload("/v1/detections", {"priority": priority}, image=PHOTO), 503, "queue_full") <= 22
