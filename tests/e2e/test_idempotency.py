"""A request that is sent again with its Idempotency-Key while gateway and Redis are killed: one job, done once."""

import os
import signal
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest
from pydantic import SecretStr

from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from shared.queue import connect
from shared.settings import RedisSettings
from tests.e2e.conftest import PHOTOS
from tests.live_stack import wait_until_ready

FILES = {"image_a": (PHOTOS / "obama-1.jpg").read_bytes(), "image_b": (PHOTOS / "obama-2.jpg").read_bytes()}


def send(http: httpx.Client, key: str, **headers: str) -> httpx.Response:
    return http.post("/v1/comparisons", files=FILES, headers={"Idempotency-Key": key, **headers})


def until_answered(http: httpx.Client, key: str, seconds: float = 60) -> httpx.Response:
    """As a client does that does not give up: again after what does not answer, and where it is told to come again."""
    until = time.monotonic() + seconds
    while True:
        try:
            answer = send(http, key)
            if answer.is_success:
                return answer
            assert answer.status_code in {409, 503}, answer.text
        except httpx.TransportError:
            pass
        assert time.monotonic() < until, "not in time"
        time.sleep(0.2)


def jobs_since(http: httpx.Client, started: float) -> Counter[str]:
    found = http.get("/v1/jobs?limit=200").json()["jobs"]
    recent = [job for job in found if datetime.fromisoformat(job["created_at"]).timestamp() >= started]
    return Counter(job["id"] for job in recent if job["type"] == "comparison")


def test_fifty_at_once_are_one_job(http: httpx.Client) -> None:
    started, key = time.time(), uuid.uuid4().hex
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: send(http, key), range(50)))
    assert {answer.status_code for answer in answers} <= {200, 202, 409}
    made = {answer.json()["id"] for answer in answers if answer.status_code != 409}
    assert len(made) == 1
    assert set(jobs_since(http, started)) == made
    assert send(http, key, Prefer="wait=30").json()["result"]["verdict"] == "match"


@pytest.mark.parametrize("victim", ["gateway", "redis"])
def test_a_kill_in_the_middle_leads_to_the_same_single_jobs(
    running: Stack, stack: StackInfo, http: httpx.Client, victim: str
) -> None:
    """Twelve clients send and repeat while the server dies under them, at whatever moment of each request."""
    started, keys = time.time(), [uuid.uuid4().hex for _ in range(12)]
    threading.Timer(0.15, lambda: os.kill(running.supervisor.pid(victim), signal.SIGKILL)).start()
    with ThreadPoolExecutor(12) as pool:
        first = list(pool.map(lambda key: until_answered(http, key).json()["id"], keys))
    wait_until_ready(stack)
    again = [until_answered(http, key).json()["id"] for key in keys]
    assert again == first, "the same job for each, after the restart too"
    assert jobs_since(http, started) == Counter(first), "and no other"
    done = [send(http, key, Prefer="wait=30").json() for key in keys]
    assert {job["status"] for job in done} == {"succeeded"}, "with their photos, whoever was told that it was refused"


def test_a_key_that_a_dead_gateway_held_is_taken_over(running: Stack, stack: StackInfo, http: httpx.Client) -> None:
    """The gateway dies between its claim and its job: what it leaves behind is put here by hand."""
    key = uuid.uuid4().hex
    made = send(http, key).json()["id"]
    redis = connect(RedisSettings(url=SecretStr(stack.redis)))
    (record,) = (name for name in redis.scan_iter("likeness:idempotency:*") if redis.hget(name, "id") == made)
    chosen = uuid.uuid4().hex
    redis.hdel(record, "job")
    redis.hset(record, mapping={"id": chosen, "owner": "dead", "until": time.time() + 2})
    former = running.supervisor.pid("gateway")
    os.kill(former, signal.SIGKILL)
    # Its last worker answers for a moment longer: what is asked for is a gateway that knows nothing but Redis.
    until = time.monotonic() + 60
    while running.supervisor.pid("gateway") == former:
        assert time.monotonic() < until
        time.sleep(0.2)
    wait_until_ready(stack)
    assert until_answered(http, key).json()["id"] == chosen
    redis.close()
