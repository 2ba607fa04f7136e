"""How much a key may ask, and how many jobs may wait."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from apiflask import APIFlask
from pydantic import SecretStr
from redis import Redis

from gateway.app import create_app
from gateway.web.rates import Rates
from gateway.wsgi import assemble
from shared.settings import JobSettings, RedisSettings, Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, PREFIX, Api, MakeLimited, refused

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
