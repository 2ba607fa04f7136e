"""The client's main flows against the whole system, in both flavours."""

import asyncio
import io
import os
import signal
import time
import zipfile
from pathlib import Path

import pytest

from gateway.client import AsyncClient, Client, JobFailed, NotAuthenticated
from gateway.client._async.uploads import LARGE_BYTES
from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from tests.e2e.conftest import PHOTOS
from tests.live_stack import wait_until_ready


def test_enrol_verify_recognise_follow_and_erase(client: Client, gallery: str, tmp_path: Path) -> None:
    assert client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg").result["verdict"] == "enrolled"
    assert client.faces.verify(gallery, "obama", PHOTOS / "obama-2.jpg").result["verdict"] == "match"
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=96, steps=6)
    events = list(job.follow())
    assert [event.event for event in events if event.event != "progress"] == ["queued", "running", "succeeded"]
    assert len({event.id for event in events}) == len(events)
    assert job.save_image(tmp_path / "wave.jpg") == job.result["image"]["bytes"]
    erased = client.persons.erase(gallery, "obama")
    assert (erased["person"], erased["templates"]) == ("obama", 1)
    assert client.faces.recognise(gallery, PHOTOS / "obama-3.jpg").result["person"] is None


def test_the_same_asynchronously(stack: StackInfo, gallery: str, tmp_path: Path) -> None:
    async def use() -> None:
        async with AsyncClient(stack.url, stack.api_key) as client:
            enrolled = await client.faces.enrol(gallery, "obama", PHOTOS / "obama-1.jpg")
            assert enrolled.result["verdict"] == "enrolled"
            photos = ("obama-2.jpg", "sunak.jpg", "obama-3.jpg")
            asked = (client.faces.recognise(gallery, PHOTOS / photo) for photo in photos)
            answers = [job.result["person"] for job in await asyncio.gather(*asked)]
            assert answers == ["obama", None, "obama"]
            job = await client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=96, steps=6)
            events = [event async for event in job.follow()]
            assert (events[0].event, events[-1].event) == ("queued", "succeeded")
            assert await job.save_image(tmp_path / "wave.jpg") > 0
            assert [person["id"] async for person in client.persons.list(gallery)] == ["obama"]

    asyncio.run(use())


def test_a_large_archive_goes_by_way_of_the_object_store(client: Client, gallery: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        for person in ("obama", "biden"):
            made.write(PHOTOS / ("obama-1.jpg" if person == "obama" else "biden.jpg"), f"{person}/1.jpg")
        made.writestr("notes/padding.txt", b"x" * (LARGE_BYTES + 1))
    batch = client.batches.enrol(gallery, archive=archive.getvalue())
    assert list(client.batches.follow(batch["id"]))[-1].event == "succeeded"
    assert {person["id"] for person in client.persons.list(gallery)} >= {"obama", "biden"}


def test_a_creation_that_is_repeated_is_one(client: Client, gallery: str) -> None:
    once = client.with_options(idempotency_key=f"visit-{gallery}")
    jobs = [once.faces.recognise(gallery, PHOTOS / "obama-1.jpg", wait=0).id for _ in range(3)]
    assert len(set(jobs)) == 1


def test_a_cancelled_job_says_so(client: Client) -> None:
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=128, steps=900)
    job.cancel()
    assert job.wait(30).status == "cancelled"
    with pytest.raises(JobFailed, match="cancelled"):
        _ = job.result


def test_a_gateway_that_dies_is_outlasted(running: Stack, stack: StackInfo, client: Client) -> None:
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=96, steps=60)
    following = job.follow()
    events = [next(following)]
    killed = running.supervisor.pid("gateway")
    os.kill(killed, signal.SIGKILL)
    events += following
    assert [event.event for event in events if event.event != "progress"] == ["queued", "running", "succeeded"]
    assert len({event.id for event in events}) == len(events)
    while running.supervisor.pid("gateway") == killed:
        time.sleep(0.1)
    assert client.jobs.wait(job.id).status == "succeeded"
    wait_until_ready(stack)


def test_a_key_that_was_revoked_is_not_taken_any_more(client: Client, stack: StackInfo) -> None:
    made = client.keys.create(role="door", name="to be revoked")
    with Client(stack.url, made["token"]) as door:
        assert set(door.keys.whoami()["scopes"]) == {"verify", "recognise"}
        client.keys.revoke(made["id"])
        with pytest.raises(NotAuthenticated):
            _ask_until_refused(door)


def _ask_until_refused(client: Client) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        client.keys.whoami()
        time.sleep(0.1)
