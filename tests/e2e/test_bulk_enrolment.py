"""Enrolling many people at once through the whole system: every photo is accounted for, whatever dies meanwhile."""

import io
import os
import signal
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from gateway.client import Client
from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from shared.storage.s3_store import S3Store
from shared.storage.store import BATCHES
from tests.e2e.conftest import PHOTOS
from tests.live_stack import wait_until_ready

FACES = ("biden", "obama-1", "hopper", "macron-2025", "sunak", "ardern-2018")
SIDE = 320


def faces() -> list[Image.Image]:
    found = []
    for name in FACES:
        with Image.open(PHOTOS / f"{name}.jpg") as image:
            small = image.convert("RGB")
            small.thumbnail((SIDE, SIDE))
            found.append(small)
    return found


def jpeg(image: Image.Image, number: int) -> bytes:
    """A photo, each a little different."""
    marked = image.copy()
    marked.paste((number % 256, number // 256, 90), (0, 0, 8, 8))
    buffer = io.BytesIO()
    marked.save(buffer, "JPEG")
    return buffer.getvalue()


def people(count: int, *, damaged: int = 0, faceless: int = 0) -> bytes:
    """A ZIP of people with a photo each: the first ones damaged (half of one, or text), then some without a face."""
    known, packed = faces(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(count):
            data = jpeg(known[number % len(known)], number)
            if number < damaged:
                data = data[: len(data) // 2] if number % 2 else b"no picture"
            elif number < damaged + faceless:
                data = jpeg(Image.new("RGB", (SIDE, SIDE), "grey"), number)
            archive.writestr(f"person-{number:04d}/1.jpg", data)
    return packed.getvalue()


@pytest.fixture
def enrol(http: httpx.Client, gallery: str) -> Callable[[bytes], str]:
    """Starts a batch of enrolments; its id."""

    def start(archive: bytes) -> str:
        made = http.post("/v1/uploads", json={"bytes": len(archive)}).json()
        assert httpx.put(made["url"], content=archive, headers=made["headers"]).status_code == 200
        answer = http.post(f"/v1/galleries/{gallery}/enrolment-batches", json={"archive": made["reference"]})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    return start


def wait_for(
    http: httpx.Client, batch: str, until: Callable[[dict[str, Any]], bool], seconds: float = 240
) -> dict[str, Any]:
    """The batch when it is so; while the system cannot be reached it is asked again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = http.get(f"/v1/batches/{batch}")
            if answer.status_code == 200 and until(answer.json()):
                found: dict[str, Any] = answer.json()
                return found
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("not in time")


def finished(batch: dict[str, Any]) -> bool:
    return batch["finished_at"] is not None


def items(http: httpx.Client, batch: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = "0"
    while cursor is not None:
        page = http.get(f"/v1/batches/{batch}/items", params={"limit": 1000, "cursor": cursor}).json()
        yield from page["items"]
        cursor = page["next_cursor"]


def test_hundreds_of_photos_are_all_accounted_for(
    http: httpx.Client, client: Client, gallery: str, enrol: Callable[[bytes], str], s3: S3Store
) -> None:
    batch = enrol(people(300, damaged=10, faceless=10))
    done = wait_for(http, batch, finished)
    assert (done["status"], done["counts"]["done"], done["counts"]["failed"]) == ("succeeded", 280, 20)
    found = list(items(http, batch))
    assert [one["person"] for one in found] == [f"person-{number:04d}" for number in range(300)]
    errors = Counter(one["error"]["code"] for one in found if one["error"])
    assert errors == {"unsupported_image": 5, "corrupt_image": 5, "no_face": 10}
    assert len({one["enrolment"]["face"] for one in found if one["status"] == "succeeded"}) == 280
    told = http.get(f"/v1/batches/{batch}/manifest").text.splitlines()
    assert len(told) == 300
    assert client.faces.verify(gallery, "person-0024", PHOTOS / "biden.jpg").result["verdict"] == "match"
    assert list(s3.keys(f"{BATCHES}default/{batch}/inputs/")) == [], "no photo stays"


@pytest.mark.parametrize("process", ["face-1", "housekeeping", "gateway"])
def test_a_process_that_is_killed_in_the_middle_costs_no_photo(
    running: Stack, stack: StackInfo, http: httpx.Client, enrol: Callable[[bytes], str], process: str
) -> None:
    batch = enrol(people(150))
    wait_for(http, batch, lambda found: found["counts"]["done"] >= 3)
    os.kill(running.supervisor.pid(process), signal.SIGKILL)
    done = wait_for(http, batch, finished)
    assert (done["counts"]["done"], done["counts"]["failed"]) == (150, 0)
    faces_made = [one["enrolment"]["face"] for one in items(http, batch)]
    assert len(set(faces_made)) == 150, "each once"
    wait_until_ready(stack)  # the tests that follow find everything there
