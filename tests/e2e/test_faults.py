"""What happens when things break: nothing accepted is lost, nothing is done twice."""

import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest
from redis import Redis

from gateway.client import Client
from shared.embedded import servers
from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from shared.embedded.supervisor import is_alive
from tests.e2e.conftest import PHOTOS
from tests.live_stack import wait_until_ready


def steps_done(client: Client, job: str) -> int:
    progress = client.jobs.get(job).progress
    return progress["done"] if progress else 0


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "not in time"
        time.sleep(0.1)


def accept_verifications(http: httpx.Client, gallery: str, count: int) -> list[str]:
    """Ask without waiting whether a photo shows Obama; the ids of the accepted jobs."""
    photo = (PHOTOS / "obama-2.jpg").read_bytes()
    path = f"/v1/galleries/{gallery}/verifications"
    return [
        http.post(path, files={"image": ("a.jpg", photo)}, data={"person": "obama"}).json()["id"] for _ in range(count)
    ]


def test_jobs_of_a_killed_worker_are_done_by_another(
    running: Stack, stack: StackInfo, client: Client, http: httpx.Client, gallery: str
) -> None:
    """Both face workers die with jobs in hand; every accepted job still succeeds, once."""
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    accepted = accept_verifications(http, gallery, 12)
    for name in ("face-1", "face-2"):
        os.kill(running.supervisor.pid(name), signal.SIGKILL)
    jobs = [client.jobs.wait(job_id, None).document for job_id in accepted]
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert {job["result"]["verdict"] for job in jobs} == {"match"}
    wait_until_ready(stack)


def test_a_killed_style_worker_is_replaced_and_its_job_finished(
    running: Stack, stack: StackInfo, client: Client
) -> None:
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=96, steps=60).document
    wait_for(lambda: steps_done(client, job["id"]) >= 2, 60)
    os.kill(running.supervisor.pid("style"), signal.SIGKILL)
    done = client.jobs.wait(job["id"], None).document
    assert done["status"] == "succeeded"
    assert done["attempts"] == 2
    wait_until_ready(stack)


def test_a_killed_redis_loses_no_accepted_job(
    running: Stack, stack: StackInfo, client: Client, http: httpx.Client, gallery: str
) -> None:
    client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
    accepted = accept_verifications(http, gallery, 8)
    os.kill(running.supervisor.pid("redis"), signal.SIGKILL)
    wait_for(lambda: servers.redis_answers(stack.redis), 30)

    def all_done() -> bool:
        answers = [http.get(f"/v1/jobs/{job_id}") for job_id in accepted]
        assert all(answer.status_code in {200, 503} for answer in answers)
        return all(answer.is_success and answer.json()["status"] == "succeeded" for answer in answers)

    wait_for(all_done, 90)
    wait_until_ready(stack)


BAD_UPLOADS = {
    "empty": (b"", {400, 422}),
    "text named .jpg": (b"this is no picture", {415, 422}),
    "truncated": ((PHOTOS / "obama-1.jpg").read_bytes()[:20_000], {422}),
}


@pytest.mark.parametrize("name", list(BAD_UPLOADS))
def test_bad_pictures_are_refused_with_a_problem(http: httpx.Client, gallery: str, name: str) -> None:
    data, statuses = BAD_UPLOADS[name]
    answer = http.post(f"/v1/galleries/{gallery}/recognitions", files={"image": ("a.jpg", data)})
    assert answer.status_code in statuses
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"]


def test_every_worker_is_alive_after_it_all(stack: StackInfo, running: Stack, client: Client) -> None:
    """Runs last in this file: the same processes still serve, and Redis holds no dead letter."""
    assert all(is_alive(process) for process in running.supervisor.processes())
    with Redis.from_url(stack.redis) as redis:
        assert redis.llen("likeness:dead") == 0
    assert client.faces.compare(PHOTOS / "obama-1.jpg", PHOTOS / "obama-2.jpg").result["verdict"] == "match"
