"""Stylisation, end to end."""

import io
import time
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from gateway.client import Client
from tests.e2e.conftest import PHOTOS


def finish(client: Client, job: Any) -> Any:
    return client.jobs.wait(job["id"], None).document


@pytest.mark.parametrize("image_format", ["jpeg", "png", "webp"])
def test_fast_mode_returns_a_marked_picture_of_the_asked_size(client: Client, image_format: str) -> None:
    job = client.stylizations.start(
        PHOTOS / "collins.png", "great-wave", mode="fast", size=256, format=image_format
    ).document
    job = finish(client, job)
    assert job["status"] == "succeeded", job
    image = Image.open(io.BytesIO(client.jobs.get(job["id"]).image()))
    image.load()
    assert image.format == image_format.upper()
    assert max(image.size) == 256
    xmp = str(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    assert "compositeWithTrainedAlgorithmicMedia" in xmp
    assert "Likeness" in xmp


def test_a_style_can_be_any_picture(client: Client, http: httpx.Client) -> None:
    files = {
        "content": ("c.jpg", (PHOTOS / "ardern-2018.jpg").read_bytes()),
        "style": ("s.jpg", (PHOTOS / "hopper.jpg").read_bytes()),
    }
    accepted = http.post("/v1/stylizations", files=files, data={"size": "200"})
    assert accepted.status_code == 202, accepted.text
    job = finish(client, accepted.json())
    with (
        Image.open(PHOTOS / "ardern-2018.jpg") as content,
        Image.open(io.BytesIO(client.jobs.get(job["id"]).image())) as made,
    ):
        assert max(made.size) == 200
        assert made.width / made.height == pytest.approx(content.width / content.height, rel=0.02)


def test_a_look_paints_in_fast_mode(client: Client) -> None:
    (look, *_) = (style["id"] for style in client.styles.list() if style["kind"] == "look")
    job = finish(client, client.stylizations.start(PHOTOS / "collins.png", look, size=128).document)
    assert (job["status"], job["result"]["styles"]) == ("succeeded", [{"style_id": look, "weight": 1.0}])
    assert (
        job["model"]["name"]
        != finish(client, client.stylizations.start(PHOTOS / "collins.png", "poppies", size=128).document)["model"][
            "name"
        ]
    )


def test_two_styles_blend_and_a_part_is_left_alone(client: Client, http: httpx.Client) -> None:
    with Image.open(PHOTOS / "collins.png") as content:
        width, height = content.size
        photo = content.convert("RGB").resize((96, round(96 * height / width)))
    mask = Image.new("L", (width, height))
    mask.paste(255, (0, 0, width // 2, height))
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    fields = {
        "style_id": ["great-wave", "poppies"],
        "style_weights": "[0.6, 0.4]",
        "mode": "fine",
        "size": "96",
        "steps": "20",
        "format": "png",
    }
    files = {"content": ("c.png", (PHOTOS / "collins.png").read_bytes()), "keep": ("k.png", buffer.getvalue())}
    accepted = http.post("/v1/stylizations", data=fields, files=files)
    assert accepted.status_code == 202, accepted.text
    job = finish(client, accepted.json())
    assert job["status"] == "succeeded", job
    with Image.open(io.BytesIO(client.jobs.get(job["id"]).image())) as made:
        change = np.abs(np.asarray(made.convert("RGB"), np.int16) - np.asarray(photo, np.int16)).mean(2)
    assert change[:, :46].mean() < 4
    assert change[:, 50:].mean() > 10


def test_fine_mode_reports_progress_and_lowers_the_style_cost(client: Client) -> None:
    job = client.stylizations.start(
        PHOTOS / "collins.png", "great-wave", mode="fine", size=128, steps=30, format="png"
    ).document
    seen = [event.data["done"] for event in client.jobs.follow(job["id"]) if event.event == "progress"]
    job = client.jobs.get(job["id"]).document
    assert job["status"] == "succeeded", job
    assert len(set(seen)) > 3, "progress was seen on the way"
    assert seen == sorted(seen)
    costs = job["result"]["costs"]
    assert costs["style"] < costs["style_at_start"] / 5


def test_a_running_stylisation_can_be_cancelled(client: Client, http: httpx.Client) -> None:
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=256, steps=900).document
    for event in client.jobs.follow(job["id"]):
        if event.data.get("done", 0) >= 2:
            break
    asked = time.monotonic()
    http.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status()
    assert finish(client, job)["status"] == "cancelled"
    assert time.monotonic() - asked < 30


def test_a_fast_job_does_not_wait_for_a_fine_one(client: Client, http: httpx.Client) -> None:
    fine = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=128, steps=400).document
    fast = finish(client, client.stylizations.start(PHOTOS / "collins.png", "poppies", mode="fast", size=128).document)
    assert fast["status"] == "succeeded"
    assert client.jobs.get(fine["id"]).status == "running"
    http.post(f"/v1/jobs/{fine['id']}/cancel").raise_for_status()
    finish(client, fine)


def test_the_event_stream_tells_the_whole_story(client: Client, http: httpx.Client) -> None:
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=96, steps=8).document
    with http.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        lines = [line for line in response.iter_lines() if line.startswith("event:")]
    events = [line.split(":", 1)[1].strip() for line in lines]
    assert events[0] == "queued"
    assert events[1] == "running"
    assert "progress" in events
    assert events[-1] == "succeeded"
