"""Large files through the whole system: straight to the object store, and used from there."""

import io
import time
import zipfile
from typing import Any

import httpx

from gateway.client import Client
from shared.storage.s3_store import S3Store
from shared.storage.store import UPLOADS
from tests.e2e.conftest import PHOTOS

BODY_LIMIT = 64 * 2**20


def sent(http: httpx.Client, data: bytes) -> str:
    """The reference of a file that was put where the answer says, as it says, without an API key."""
    made: dict[str, Any] = http.post("/v1/uploads", json={"bytes": len(data)}).json()
    assert httpx.request(made["method"], made["url"], content=data, headers=made["headers"]).status_code == 200
    return str(made["reference"])


def test_photos_that_were_sent_before_are_recognised(http: httpx.Client, client: Client, gallery: str) -> None:
    photo = (PHOTOS / "obama-1.jpg").read_bytes()
    faces = f"/v1/galleries/{gallery}/persons/obama/faces"
    answer = http.post(faces, json={"image": sent(http, photo)}, headers={"Prefer": "wait=20"})
    assert answer.json()["result"]["verdict"] == "enrolled", answer.text
    assert client.faces.verify(gallery, "obama", PHOTOS / "obama-2.jpg").result["verdict"] == "match"


def test_an_archive_that_no_body_could_carry_is_measured(http: httpx.Client, gallery: str, s3: S3Store) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(1, 5):
            archive.write(PHOTOS / f"obama-{number}.jpg", f"obama/{number}.jpg")
        for name in ("macron-2014", "macron-2025", "ardern-2018", "ardern-2022"):
            archive.write(PHOTOS / f"{name}.jpg", f"{name.split('-')[0]}/{name}.jpg")
        archive.writestr("notes/large.txt", bytes(BODY_LIMIT))
    assert len(packed.getvalue()) > BODY_LIMIT
    body = {"archive": sent(http, packed.getvalue())}
    answer = http.post(f"/v1/galleries/{gallery}/evaluations", json=body)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    while job["finished_at"] is None:
        time.sleep(0.1)
        job = http.get(job["links"]["self"]).json()
    assert job["status"] == "succeeded", job
    assert job["result"]["persons"] == 3
    assert list(s3.keys(f"{UPLOADS}default/inbound/")) == []
    end = time.monotonic() + 10
    while list(s3.keys(f"{UPLOADS}default/{job['id']}/")):  # its worker tidies up once the result is there
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_part_of_a_picture_is_sent(http: httpx.Client, client: Client) -> None:
    job = client.jobs.wait(client.stylizations.start(PHOTOS / "collins.png", "poppies", size=64).id, None).document
    whole = http.get(job["links"]["image"]).content
    part = http.get(job["links"]["image"], headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
