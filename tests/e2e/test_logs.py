"""What the processes write down of a day's work names ids: no key, no name, no photo, no embedding."""

import base64
import re
import uuid

import httpx

from gateway.client import Client
from shared.embedded.stack import Stack
from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import DEFAULT_MODEL
from tests.e2e.conftest import PHOTOS

PHOTO = PHOTOS / "obama-1.jpg"


def test_no_log_holds_a_key_a_name_a_photo_or_an_embedding(
    running: Stack, client: Client, http: httpx.Client, gallery: str, galleries: GalleryStore
) -> None:
    name, wrong = f"Ada {uuid.uuid4().hex}", f"lk_first_{uuid.uuid4().hex}{'a' * 11}"
    http.put(f"/v1/galleries/{gallery}/persons/obama", json={"name": name}).raise_for_status()
    client.faces.enrol(gallery, "obama", PHOTO)
    verified = client.faces.verify(gallery, "obama", PHOTOS / "obama-2.jpg")
    http.get(f"/v1/galleries/{gallery}/persons", params={"q": name}).raise_for_status()
    assert httpx.get(f"{http.base_url}/v1/whoami", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    assert http.put(f"/v1/galleries/{gallery}/persons/obama", json={"name": name, "x": 1}).status_code == 422

    person = galleries.get_person("default", gallery, "obama")
    (template,) = galleries.templates_of("default", gallery, person, DEFAULT_MODEL.digest)
    written = [path for path in sorted((running.home / "logs").rglob("*")) if path.is_file()]
    said = "".join(path.read_text(errors="replace") for path in written)
    assert verified.document["id"] in said, "it was looked at"
    for secret in (
        name,
        wrong,
        http.headers["Authorization"].rpartition("_")[2],
        base64.b64encode(PHOTO.read_bytes()[:60]).decode(),
        repr(PHOTO.read_bytes()[20:40])[2:-1],
    ):
        assert secret not in said
    for number in template.embedding[:8]:
        assert not re.search(re.escape(f"{number:.5f}"), said)
