"""Alive and ready: two questions that need no key."""

from dataclasses import replace

import pytest
from apiflask import APIFlask
from redis import Redis

from gateway.app import create_app
from gateway.context import Services
from shared.errors import StorageUnavailable
from shared.presence import Presence
from shared.queue import Queue
from shared.settings import Settings
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PREFIX

EACH = (Queue.FACE_INTERACTIVE, Queue.STYLE_INTERACTIVE, Queue.STYLE_BULK)


def test_a_process_that_answers_is_alive(app: APIFlask) -> None:
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_ready_with_redis_storage_and_a_warm_worker_of_each_kind(app: APIFlask, services: Services) -> None:
    services.presence.beat("w1", EACH)
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("missing", EACH)
def test_not_ready_without_a_worker(app: APIFlask, services: Services, missing: Queue) -> None:
    services.presence.beat("w1", set(EACH) - {missing})
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    body = answer.get_json(force=True)
    assert (body["code"], body["missing"]) == ("not_ready", [f"a warm worker for {missing.value}"])


def test_a_worker_that_left_is_missed(app: APIFlask, services: Services) -> None:
    services.presence.beat("w1", EACH)
    services.presence.leave("w1", EACH)
    assert len(app.test_client().get("/readyz").get_json(force=True)["missing"]) == len(EACH)


def test_not_ready_without_redis_and_storage(settings: Settings, services: Services) -> None:
    class Down(MemoryStore):
        def ping(self) -> None:
            raise StorageUnavailable("The object store cannot be reached.")

    nowhere = Presence(Redis.from_url("redis://127.0.0.1:1/0"), PREFIX)
    broken = replace(services, store=Down(), presence=nowhere)
    answer = create_app(settings, broken).test_client().get("/readyz")
    assert answer.status_code == 503
    storage, redis = answer.get_json(force=True)["missing"]
    assert "object storage" in storage
    assert "Redis" in redis


def test_not_ready_when_redis_is_full(app: APIFlask, services: Services, redis: Redis) -> None:
    services.presence.beat("w1", EACH)
    redis.config_set("maxmemory", 1)
    try:
        answer = app.test_client().get("/readyz")
    finally:
        redis.config_set("maxmemory", 0)
    assert answer.status_code == 503
    (missing,) = answer.get_json(force=True)["missing"]
    assert "takes nothing" in missing
    assert app.test_client().get("/readyz").status_code == 200


def test_the_root_leads_to_the_console(app: APIFlask) -> None:
    answer = app.test_client().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/console")
