"""Webhooks through the whole system: what happens is told, signed, in time, whoever dies or dawdles meanwhile."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest
from standardwebhooks import Webhook

from gateway.client import Client
from shared.embedded.stack import Stack
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS, key_of
from tests.receivers import Answer, Received, Receiver, receiving


@pytest.fixture
def api_key(s3: S3Store, tenant: str) -> str:
    """Of a tenant of its own: nobody here is told of what other tests have left running."""
    return key_of(s3, tenant)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


Subscribe = Callable[..., dict[str, Any]]


@pytest.fixture
def subscribe(http: httpx.Client) -> Iterator[Subscribe]:
    """Make a webhook that goes again with the test."""
    made: list[str] = []

    def make(receiver: Receiver, *events: str) -> dict[str, Any]:
        answer = http.post("/v1/webhooks", json={"url": receiver.url, "events": list(events)})
        assert answer.status_code == 201, answer.text
        webhook: dict[str, Any] = answer.json()
        made.append(webhook["id"])
        return webhook

    yield make
    for webhook_id in made:
        http.delete(f"/v1/webhooks/{webhook_id}")


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)


def detect(http: httpx.Client) -> str:
    """The id of a job that succeeds."""
    picture = (PHOTOS / "obama-1.jpg").read_bytes()
    answer = http.post("/v1/detections", files={"image": picture}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def told(receiver: Receiver, job: str) -> list[Received]:
    return [one for one in list(receiver.received) if json.loads(one.body)["data"]["id"] == job]


def test_a_finished_job_is_told_within_seconds_and_verified_by_the_official_library(
    http: httpx.Client, receiver: Receiver, subscribe: Subscribe
) -> None:
    webhook = subscribe(receiver, "job.succeeded")
    job = detect(http)
    wait_for(lambda: told(receiver, job), 5)
    (received,) = told(receiver, job)
    said = Webhook(webhook["secret"]).verify(received.body, received.headers)
    assert said["type"] == "job.succeeded"
    assert said["data"] == {
        "id": job, "type": "detection", "status": "succeeded", "links": {"self": f"/v1/jobs/{job}"},
    }  # fmt: skip
    log = f"/v1/webhooks/{webhook['id']}/deliveries"
    wait_for(lambda: http.get(log).json()["deliveries"][0]["state"] == "delivered", 5)
    (delivery,) = http.get(log).json()["deliveries"]
    assert delivery["id"] == received.headers["webhook-id"]
    assert [attempt["status"] for attempt in delivery["attempts"]] == [200]


def test_a_batchs_end_is_told(client: Client, receiver: Receiver, subscribe: Subscribe) -> None:
    subscribe(receiver, "batch.finished")
    batch = client.batches.paint({"a.png": PHOTOS / "collins.png"}, "poppies", size=64)["id"]
    wait_for(lambda: told(receiver, batch), 60)
    data = json.loads(receiver.received[0].body)["data"]
    assert (data["status"], data["total"], data["done"]) == ("succeeded", 1, 1)


def test_a_receiver_that_fails_for_a_while_hears_of_it_later(
    http: httpx.Client, receiver: Receiver, subscribe: Subscribe
) -> None:
    receiver.respond = lambda _: Answer(500 if len(receiver.received) < 3 else 200)
    webhook = subscribe(receiver, "job.succeeded")
    job = detect(http)
    wait_for(lambda: len(told(receiver, job)) == 3)
    assert len({one.headers["webhook-id"] for one in told(receiver, job)}) == 1
    for one in told(receiver, job):
        Webhook(webhook["secret"]).verify(one.body, one.headers)


def test_410_ends_it_and_enabling_begins_anew(http: httpx.Client, receiver: Receiver, subscribe: Subscribe) -> None:
    receiver.respond = lambda _: Answer(410)
    path = f"/v1/webhooks/{subscribe(receiver, 'job.succeeded')['id']}"
    detect(http)
    wait_for(lambda: http.get(path).json()["status"] == "disabled")
    assert "410" in http.get(path).json()["disabled_reason"]
    receiver.respond = lambda _: Answer()
    http.patch(path, json={"status": "enabled"}).raise_for_status()
    job = detect(http)
    wait_for(lambda: told(receiver, job))


def test_a_killed_worker_costs_no_message(
    running: Stack, http: httpx.Client, receiver: Receiver, subscribe: Subscribe
) -> None:
    subscribe(receiver, "job.succeeded")
    jobs = [detect(http)]
    os.kill(running.supervisor.pid("webhooks"), signal.SIGKILL)
    jobs += [detect(http) for _ in range(3)]
    wait_for(lambda: all(told(receiver, job) for job in jobs), 90)


def test_a_dead_receiver_holds_up_nobody(http: httpx.Client, receiver: Receiver, subscribe: Subscribe) -> None:
    def dawdle(_: Received) -> Answer:
        time.sleep(5)  # longer than we wait for it
        return Answer()

    with receiving(dawdle) as tarpit:
        stuck = subscribe(tarpit, "webhook.ping")
        for _ in range(20):
            http.post(f"/v1/webhooks/{stuck['id']}/ping").raise_for_status()
        wait_for(lambda: tarpit.received)
        subscribe(receiver, "job.succeeded")
        job = detect(http)
        wait_for(lambda: told(receiver, job), 5)
        log = http.get(f"/v1/webhooks/{stuck['id']}/deliveries").json()["deliveries"]
        assert not [one for one in log if one["state"] == "delivered"]


def test_our_own_network_is_out_of_reach(http: httpx.Client) -> None:
    for host in ("10.0.0.1", "169.254.169.254", "192.168.1.1", "[::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"):
        answer = http.post("/v1/webhooks", json={"url": f"http://{host}:8080/"})
        assert (answer.status_code, answer.json()["code"]) == (422, "forbidden_target"), host


def test_the_worker_is_small_and_does_not_load_the_models(running: Stack) -> None:
    worker = psutil.Process(running.supervisor.pid("webhooks"))
    assert worker.memory_info().rss < 200 * 2**20
    assert not any("torch" in mapped.path for mapped in worker.memory_maps())
