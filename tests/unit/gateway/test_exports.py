"""Exporting a gallery, and what an import asks for before a worker sees it."""

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.auth import Scope
from gateway.context import Services
from shared.galleries.store import GalleryStore
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL
from shared.outbox import Reader
from shared.queue import Queue, Task
from tests.unit.gateway.conftest import Api, FakeWorker, MakeApi

EXPORT = "/v1/galleries/staff/export"
IMPORTS = "/v1/galleries/staff/imports"

pytestmark = pytest.mark.usefixtures("staff")


def lines_of(api: Api) -> list[dict[str, Any]]:
    answer = api.get(EXPORT)
    assert (answer.status_code, answer.mimetype) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.data.splitlines()]


def test_an_export_has_rules_model_people_and_faces(api: Api) -> None:
    api.put("/v1/galleries/staff/persons/ada", json={"name": "Ada ♥", "tags": ["a"], "attributes": {"badge": 7}})
    header, person, face, end = lines_of(api)
    assert (header["format"], header["version"], header["gallery"]) == ("likeness-gallery", 1, "staff")
    assert header["model"] == {"name": DEFAULT_MODEL.name, "digest": DEFAULT_MODEL.digest}
    assert header["rules"]["templates_per_person"] == 8
    assert (person["id"], person["name"], person["attributes"]) == ("ada", "Ada ♥", {"badge": 7})
    assert (face["person"], face["person_uid"], face["face"]) == ("ada", person["uid"], "f1")
    assert (end["persons"], end["faces"]) == (1, 1)


def test_the_end_has_the_digest_of_all_before_it(api: Api) -> None:
    data = api.get(EXPORT).data
    body, end = data[: data.rindex(b"\n", 0, -1) + 1], json.loads(data.splitlines()[-1])
    assert end["sha256"] == hashlib.sha256(body).hexdigest()


def test_who_has_expired_or_was_erased_is_not_in_it(api: Api, galleries: GalleryStore) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    api.put("/v1/galleries/staff/persons/bob")
    galleries.update_person("default", "staff", "ada", lambda ada: ada.model_copy(update={"expires_at": past}))
    assert [line.get("id") for line in lines_of(api)] == [None, "bob", None]


def test_an_export_is_told_before_it_leaves(api: Api, services: Services) -> None:
    api.get(EXPORT)
    (told,) = [one for one in services.outbox.read(Reader.AUDIT) if one.kind == "gallery.exported"]
    assert (told.tenant, told.data) == ("default", {"gallery": "staff"})


@pytest.mark.parametrize("call", [f"GET {EXPORT}", f"POST {IMPORTS}"])
def test_only_who_administers_may(make_api: MakeApi, call: str) -> None:
    method, path = call.split()
    assert make_api(scopes=set(Scope) - {Scope.ADMIN})(method, path).status_code == 403
    assert make_api("other").get(EXPORT).status_code == 404


@pytest.mark.parametrize("packed", [False, True])
def test_an_import_is_a_job_of_the_bulk_queue(api: Api, worker: FakeWorker, packed: bool) -> None:
    data = api.get(EXPORT).data
    answer = api.upload(IMPORTS, {"on_conflict": "replace"}, archive=gzip.compress(data) if packed else data)
    assert (answer.status_code, answer.get_json()["type"]) == (202, "import")
    assert worker.published[0][::2] == (Task.IMPORT, Queue.FACE_BULK)
    payload = worker.claim().payload
    assert (payload["gallery"], payload["on_conflict"]) == ("staff", "replace")


@pytest.mark.parametrize(
    ("archive", "said"),
    [
        (b"", "empty"),
        (b"nonsense", "Line 1"),
        (b"PK\x03\x04", "Line 1"),
        (b"\x1f\x8bnonsense", "gzip"),
        (b'{"kind": "person"}\n', "Line 1"),
        (b'{"kind": "gallery", "version": 7}\n', "Line 1"),
    ],
)
def test_what_is_no_export_is_refused_at_once(api: Api, archive: bytes, said: str) -> None:
    answer = api.upload(IMPORTS, archive=archive)
    assert answer.status_code == 422, answer.text
    assert said in answer.get_json()["detail"]


def test_faces_of_another_model_are_refused_at_once(api: Api) -> None:
    api.post("/v1/galleries", json={"id": "vault", "model": ACCURATE_MODEL.name})
    answer = api.upload("/v1/galleries/vault/imports", archive=api.get(EXPORT).data)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "model_mismatch")
    assert "import into a gallery made with that model" in answer.get_json()["detail"]


def test_an_import_needs_its_gallery(api: Api) -> None:
    assert api.upload("/v1/galleries/nowhere/imports", archive=api.get(EXPORT).data).status_code == 404
