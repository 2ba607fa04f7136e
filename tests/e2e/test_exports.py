"""A gallery that was exported, deleted and imported decides as it did."""

import gzip
import uuid

import httpx
import pytest

from tests.e2e.conftest import PHOTOS
from tests.e2e.test_erasure import WAIT, done

PROBES = ("obama-3.jpg", "obama-4.jpg", "biden.jpg")


def make(http: httpx.Client) -> str:
    name = f"g-{uuid.uuid4().hex[:8]}"
    assert http.post("/v1/galleries", json={"id": name}).status_code == 201
    return name


def scores(http: httpx.Client, gallery: str) -> list[float]:
    """Of each probe against Obama, by a verification and by a search."""
    found = []
    for photo in PROBES:
        image = {"image": (PHOTOS / photo).read_bytes()}
        sent = http.post(f"/v1/galleries/{gallery}/verifications", files=image, data={"person": "obama"}, headers=WAIT)
        found.append(done(http, sent)["result"]["score"])
        sent = http.post(f"/v1/galleries/{gallery}/recognitions", files=image, headers=WAIT)
        (face,) = done(http, sent)["result"]["faces"]
        found += [candidate["score"] for candidate in face["candidates"] if candidate["person"] == "obama"]
    return found


def test_a_gallery_moves_with_its_decisions(http: httpx.Client) -> None:
    gallery = make(http)
    for person, photo in (("obama", "obama-1.jpg"), ("obama", "obama-2.jpg"), ("biden", "biden.jpg")):
        image = {"image": (PHOTOS / photo).read_bytes()}
        done(http, http.post(f"/v1/galleries/{gallery}/persons/{person}/faces", files=image, headers=WAIT))
    http.put(f"/v1/galleries/{gallery}/persons/obama", json={"name": "Barack Obama", "external_id": "44"})
    before = scores(http, gallery)
    export = http.get(f"/v1/galleries/{gallery}/export").content
    assert http.delete(f"/v1/galleries/{gallery}").status_code == 204

    fresh = make(http)
    packed = {"archive": gzip.compress(export)}
    job = done(http, http.post(f"/v1/galleries/{fresh}/imports", files=packed, headers=WAIT))
    assert job["status"] == "succeeded", job
    assert (job["result"]["persons"], job["result"]["templates"], job["result"]["invalid"]) == (2, 3, 0)
    assert scores(http, fresh) == pytest.approx(before, abs=1e-6)
    (found,) = http.get(f"/v1/galleries/{fresh}/persons?external_id=44").json()["persons"]
    assert found["name"] == "Barack Obama"
