"""Long stylisations on the whole stack: what is seen of them, how they end, and that a killed worker costs little."""

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from gateway.client import Client
from shared.embedded.stack import Stack
from shared.storage.s3_store import S3Store
from tests.e2e.conftest import PHOTOS
from tests.e2e.test_faults import steps_done, wait_for

STEPS = 60
LONG: dict[str, str | float] = {"mode": "fine", "size": 128, "levels": 1, "steps": STEPS, "format": "png"}


def start(client: Client, **options: Any) -> str:
    return client.stylizations.start(PHOTOS / "collins.png", "great-wave", **{**LONG, **options}).id


def finish(client: Client, job: str) -> Any:
    return client.jobs.wait(job, None).document


def events(http: httpx.Client, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The job's events from the first to the last, as they come."""
    with http.stream("GET", f"/v1/jobs/{job}/events") as response:
        kind = ""
        for line in response.iter_lines():
            name, _, text = line.partition(": ")
            if name == "event":
                kind = text
            elif name == "data":
                yield kind, json.loads(text)


def picture(client: Client, job: dict[str, Any]) -> np.typing.NDArray[np.int16]:
    with Image.open(io.BytesIO(client.jobs.get(job["id"]).image())) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def test_a_killed_worker_goes_on_from_its_checkpoint_to_the_same_picture(
    running: Stack, client: Client, http: httpx.Client, s3: S3Store
) -> None:
    whole = finish(client, start(client))
    job_id = start(client)
    checkpoint = f"uploads/default/{job_id}/checkpoint"
    wait_for(lambda: checkpoint in s3.keys("uploads/"), 60)
    wait_for(lambda: steps_done(client, job_id) >= STEPS // 2, 120)
    os.kill(running.supervisor.pid("style"), signal.SIGKILL)
    resumed = finish(client, job_id)

    assert (resumed["status"], resumed["attempts"]) == ("succeeded", 2)
    told = list(events(http, job_id))
    again = max(place for place, (kind, _) in enumerate(told) if kind == "running")
    first = next(data["done"] for kind, data in told[again:] if kind == "progress")
    assert first > STEPS // 4, "it did not begin anew"
    assert np.abs(picture(client, resumed) - picture(client, whole)).mean() < 0.5
    for name, cost in whole["result"]["costs"].items():
        assert resumed["result"]["costs"][name] == pytest.approx(cost, rel=0.01)
    assert list(s3.keys(f"uploads/default/{job_id}/")) == []


def test_the_event_stream_has_every_preview_and_each_can_be_read(client: Client, http: httpx.Client) -> None:
    job_id = start(client, steps=16, preview_every=4, size=260)
    previews = []
    for kind, data in events(http, job_id):
        if kind == "progress" and "preview" in data:
            answer = http.get(data["preview"])
            assert answer.headers["content-type"] == "image/jpeg"
            with Image.open(io.BytesIO(answer.content)) as image:
                assert max(image.size) == 256
            previews.append(data["done"])
    assert previews == [4, 8, 12, 16]


def test_progress_tells_costs_and_the_time_to_the_end(client: Client, http: httpx.Client) -> None:
    told = [data for kind, data in events(http, start(client, steps=30)) if kind == "progress"]
    assert all(data["content_cost"] >= 0 < data["style_cost"] for data in told)
    left = [data["eta_seconds"] for data in told[1:]]
    assert left[-1] == 0
    assert left[len(left) // 4] > left[-2]


def test_cancelling_takes_effect_at_once(client: Client, http: httpx.Client) -> None:
    job_id = start(client, steps=1000)
    wait_for(lambda: steps_done(client, job_id) >= 3, 60)
    asked = time.monotonic()
    http.post(f"/v1/jobs/{job_id}/cancel").raise_for_status()
    assert finish(client, job_id)["status"] == "cancelled"
    assert time.monotonic() - asked < 5
