"""A file goes straight to the object store and is named in a request, once, by the tenant that announced it."""

import base64
import hashlib
import io
import json
import zipfile
from typing import Any, cast

import pytest
from redis import Redis
from werkzeug.test import TestResponse

from gateway.app import create_app
from gateway.auth import Scope
from gateway.upload_routes import URL_S
from gateway.wsgi import assemble
from shared.schemas import JobStatus
from shared.settings import Settings
from shared.storage.store import UPLOADS, MemoryStore, ObjectStat, inbound_key, upload_folder
from tests.unit.gateway.conftest import MATCH, PHOTO, PREFIX, Api, FakeWorker, MakeApi, picture

pytestmark = pytest.mark.usefixtures("staff")

VERIFY = "/v1/galleries/staff/verifications"


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{name}/1.jpg", data)
    return buffer.getvalue()


ARCHIVE = zipped(ada=PHOTO, bob=PHOTO)


def announced(api: Api, size: int, **more: str) -> dict[str, Any]:
    answer = api.post("/v1/uploads", json={"bytes": size, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def uploaded(api: Api, store: MemoryStore, data: bytes, *, tenant: str = "default", **more: str) -> str:
    """The reference of a file that was put where the answer says."""
    made = announced(api, len(data), **more)
    store.put(inbound_key(tenant, made["id"]), data)
    reference: str = made["reference"]
    return reference


def refused(answer: TestResponse, status: int, code: str, *words: str) -> None:
    assert (answer.status_code, answer.get_json()["code"]) == (status, code), answer.text
    for word in words:
        assert word in answer.get_json()["detail"]


def left(store: MemoryStore) -> list[str]:
    return [key for key in store.keys(UPLOADS) if "/inbound/" in key]


def test_the_answer_says_how_to_send_the_file(api: Api) -> None:
    made = announced(api, 10, media_type="application/zip")
    assert made["reference"] == f"upload:{made['id']}"
    assert (made["method"], made["headers"]) == ("PUT", {"Content-Type": "application/zip"})
    assert inbound_key("default", made["id"]) in made["url"]
    assert f"expires={URL_S}" in made["url"]


@pytest.mark.parametrize("path", ["/v1/galleries/staff/evaluations", "/v1/galleries/staff/imports", VERIFY])
def test_a_file_that_claims_to_be_packed_is_refused_and_deleted(
    settings: Settings, redis: Redis, worker: FakeWorker, path: str
) -> None:
    class Packed(MemoryStore):
        def stat(self, key: str) -> ObjectStat:
            return ObjectStat(super().stat(key).size, "gzip, gzip" if "/inbound/" in key else "")

    store = Packed()
    api = api_over(store, settings, redis, worker)
    reference = uploaded(api, store, ARCHIVE)
    field = {"evaluations": "archive", "imports": "archive", "verifications": "image"}[path.rsplit("/", 1)[1]]
    answer = api.post(path, json={field: reference, **({"person": "ada"} if path == VERIFY else {})})
    refused(answer, 415, "upload_encoded", f"`{field}`", "without that header")
    assert left(store) == []


@pytest.mark.parametrize("form", [True, False], ids=["form", "json"])
def test_a_reference_stands_for_a_file(api: Api, store: MemoryStore, worker: FakeWorker, *, form: bool) -> None:
    fields = {"image": uploaded(api, store, PHOTO), "person": "ada"}
    answer = api.upload(VERIFY, fields) if form else api.post(VERIFY, json=fields)
    assert answer.status_code == 202, answer.text
    job = worker.claim()
    assert store.get(job.payload["image_key"]) == PHOTO
    assert left(store) == [], "used once"


def test_references_and_base64_may_be_mixed(api: Api, store: MemoryStore, worker: FakeWorker) -> None:
    body = {"image_a": uploaded(api, store, PHOTO), "image_b": base64.b64encode(picture()).decode()}
    assert api.post("/v1/comparisons", json=body).status_code == 202
    payload = worker.claim().payload
    assert (store.get(payload["image_a_key"]), store.get(payload["image_b_key"])) == (PHOTO, picture())


def test_several_files_of_one_field_are_named_in_their_order(api: Api, store: MemoryStore, worker: FakeWorker) -> None:
    styles = [uploaded(api, store, picture(size=(100 + n, 100))) for n in range(2)]
    answer = api.upload("/v1/stylizations", {"style": styles, "content": uploaded(api, store, PHOTO)})
    assert answer.status_code == 202, answer.text
    keys = [style["key"] for style in worker.claim().payload["styles"]]
    assert [store.get(key) for key in keys] == [picture(size=(100 + n, 100)) for n in range(2)]


def api_over(store: MemoryStore, settings: Settings, redis: Redis, worker: FakeWorker) -> Api:
    services = assemble(settings, store, redis, worker.publish)
    if not list(services.galleries.galleries("default")):
        services.galleries.create_gallery("default", "staff")
    token = services.keys.create("default", Scope)
    assert token is not None
    return Api(create_app(settings, services), token)


class Watched(MemoryStore):
    """Notes what is read whole."""

    def __init__(self) -> None:
        super().__init__()
        self.whole: list[str] = []

    def get(self, key: str) -> bytes:
        self.whole.append(key)
        return super().get(key)

    def read(self, key: str, start: int, length: int) -> bytes:
        return self._objects[key][start : start + length]

    def stat(self, key: str) -> ObjectStat:
        return ObjectStat(len(self._objects[key])) if key in self._objects else super().stat(key)

    def copy(self, source: str, target: str) -> None:
        self.put(target, self._objects[source])


def test_an_archive_is_handed_over_inside_the_store(settings: Settings, redis: Redis, worker: FakeWorker) -> None:
    store = Watched()
    api = api_over(store, settings, redis, worker)
    reference = uploaded(api, store, ARCHIVE, sha256=hashlib.sha256(ARCHIVE).hexdigest())
    answer = api.post("/v1/galleries/staff/evaluations", json={"archive": reference})
    assert answer.status_code == 202, answer.text
    assert [key for key in store.whole if key.startswith(UPLOADS)] == [], "nobody reads it whole"
    assert store.get(worker.claim().payload["archive_key"]) == ARCHIVE
    assert left(store) == []


def test_an_archive_that_is_none_is_refused_where_it_lies(api: Api, store: MemoryStore) -> None:
    reference = uploaded(api, store, b"no archive")
    refused(api.post("/v1/galleries/staff/evaluations", json={"archive": reference}), 422, "invalid_archive")
    assert left(store), "it can be used for something else"


def test_another_tenants_upload_is_not_there(api: Api, make_api: MakeApi, store: MemoryStore) -> None:
    other = make_api("other")
    theirs = uploaded(other, store, PHOTO, tenant="other")
    refused(api.post(VERIFY, json={"image": theirs, "person": "ada"}), 404, "upload_not_found", "`image`")
    upload = theirs.removeprefix("upload:")
    refused(api.delete(f"/v1/uploads/{upload}"), 404, "upload_not_found")
    assert other.delete(f"/v1/uploads/{upload}").status_code == 204


@pytest.mark.parametrize("name", ["nothing", "", "../../keys/first.json", "a" * 100])
def test_an_unknown_upload_is_told_with_its_field(api: Api, name: str) -> None:
    body = {"image": f"upload:{name}", "person": "ada"}
    refused(api.post(VERIFY, json=body), 404, "upload_not_found", "`image`")
    refused(api.upload(VERIFY, body), 404, "upload_not_found", "`image`")


def test_an_upload_is_used_once(api: Api, store: MemoryStore) -> None:
    body = {"image": uploaded(api, store, PHOTO), "person": "ada"}
    assert api.post(VERIFY, json=body).status_code == 202
    refused(api.post(VERIFY, json=body), 404, "upload_not_found")


def test_a_repeated_request_gets_its_job_though_the_upload_is_used_up(api: Api, store: MemoryStore) -> None:
    body = {"image": uploaded(api, store, PHOTO), "person": "ada"}
    first, again = (api.post(VERIFY, json=body, headers={"Idempotency-Key": "one"}) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202), again.text
    assert again.get_json()["id"] == first.get_json()["id"]


def test_a_refused_request_uses_nothing_up(api: Api, store: MemoryStore) -> None:
    reference = uploaded(api, store, PHOTO)
    assert api.post(VERIFY, json={"image": reference, "person": "nobody"}).status_code == 404
    assert api.post(VERIFY, json={"image": reference, "person": "ada"}).status_code == 202


def test_a_file_that_was_not_sent_yet_is_asked_for(api: Api) -> None:
    reference = announced(api, 10)["reference"]
    refused(api.post(VERIFY, json={"image": reference, "person": "ada"}), 409, "upload_incomplete", "PUT")


def test_a_part_of_a_file_is_not_used(api: Api, store: MemoryStore) -> None:
    made = announced(api, len(PHOTO))
    store.put(inbound_key("default", made["id"]), PHOTO[:-1])
    body = {"image": made["reference"], "person": "ada"}
    refused(api.post(VERIFY, json=body), 409, "upload_incomplete", f"{len(PHOTO):,}")


def test_more_than_was_announced_is_deleted_unread(api: Api, store: MemoryStore) -> None:
    made = announced(api, len(PHOTO) - 1)
    store.put(inbound_key("default", made["id"]), PHOTO)
    body = {"image": made["reference"], "person": "ada"}
    refused(api.post(VERIFY, json=body), 413, "upload_too_large", "deleted")
    assert left(store) == []
    refused(api.post(VERIFY, json=body), 404, "upload_not_found")


def test_a_file_that_its_field_does_not_take_is_refused_by_its_size(
    api: Api, store: MemoryStore, settings: Settings
) -> None:
    reference = uploaded(api, store, bytes(settings.limits.image_bytes + 1))
    refused(api.post(VERIFY, json={"image": reference, "person": "ada"}), 413, "upload_too_large", "1,000,000")


def test_a_file_that_is_larger_than_any_upload_is_refused_at_once(api: Api, settings: Settings) -> None:
    answer = api.post("/v1/uploads", json={"bytes": settings.limits.upload_bytes + 1})
    refused(answer, 413, "upload_too_large", f"{settings.limits.upload_bytes:,}")


def test_the_files_that_one_request_names_have_the_limit_of_its_body(api: Api, store: MemoryStore) -> None:
    most = picture() + bytes(900_000 - len(picture()))
    fields = {"style": [uploaded(api, store, most) for _ in range(2)], "content": uploaded(api, store, most)}
    refused(api.upload("/v1/stylizations", fields), 413, "upload_too_large", "2,000,000")


def test_a_file_that_is_not_what_was_announced_is_refused(api: Api, store: MemoryStore) -> None:
    image = uploaded(api, store, PHOTO, sha256="0" * 64)
    refused(api.post(VERIFY, json={"image": image, "person": "ada"}), 422, "upload_damaged", "`image`")
    archive = uploaded(api, store, ARCHIVE, sha256="0" * 64)
    refused(api.post("/v1/galleries/staff/evaluations", json={"archive": archive}), 422, "upload_damaged")


def test_a_file_that_is_replaced_while_it_is_handed_over_is_not_used(
    settings: Settings, redis: Redis, worker: FakeWorker
) -> None:
    class Hasty(MemoryStore):
        def copy(self, source: str, target: str) -> None:
            self.put(source, self.get(source) * 100)
            super().copy(source, target)

    store = Hasty()
    api = api_over(store, settings, redis, worker)
    reference = uploaded(api, store, ARCHIVE)
    refused(api.post("/v1/galleries/staff/evaluations", json={"archive": reference}), 409, "upload_incomplete")
    assert [key for key in store.keys(UPLOADS) if "/inbound/" not in key] == []


def test_a_deleted_upload_is_gone(api: Api, store: MemoryStore) -> None:
    reference = uploaded(api, store, PHOTO)
    upload = reference.removeprefix("upload:")
    assert api.delete(f"/v1/uploads/{upload}").status_code == 204
    assert left(store) == []
    refused(api.delete(f"/v1/uploads/{upload}"), 404, "upload_not_found")


@pytest.fixture
def few(settings: Settings, store: MemoryStore, redis: Redis, worker: FakeWorker) -> Api:
    """The API of a tenant who may have two uploads open."""
    limits = settings.limits.model_copy(update={"open_uploads": 2})
    return api_over(store, settings.model_copy(update={"limits": limits}), redis, worker)


def test_open_uploads_are_bounded_and_used_ones_do_not_count(few: Api, store: MemoryStore) -> None:
    reference = uploaded(few, store, PHOTO)
    announced(few, 1)
    refused(few.post("/v1/uploads", json={"bytes": 1}), 409, "too_many_uploads", "2")
    assert few.post(VERIFY, json={"image": reference, "person": "ada"}).status_code == 202
    announced(few, 1)


def test_an_upload_that_is_over_does_not_count(few: Api, redis: Redis) -> None:
    for _ in range(2):
        announced(few, 1)
    for upload in cast("list[str]", redis.zrange(f"{PREFIX}uploads:default", 0, -1)):
        redis.zadd(f"{PREFIX}uploads:default", {upload: 1.0})
    announced(few, 1)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"bytes": 0},
        {"bytes": -1},
        {"bytes": "many"},
        {"bytes": 2**70},
        {"bytes": 1, "sha256": "ABC"},
        {"bytes": 1, "media_type": "text/html\r\nX: y"},
        {"bytes": 1, "key": "keys/first.json"},
    ],
)
def test_a_wrong_announcement_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert api.post("/v1/uploads", json=body).status_code in {413, 422}


def test_nothing_but_text_stands_for_a_file_in_json(api: Api) -> None:
    for value in ({"key": "keys/first.json", "size": 1}, 5, ["upload:x"], True):
        answer = api.post("/v1/galleries/staff/evaluations", json={"archive": value})
        refused(answer, 422, "invalid_field", "`archive`")


def test_other_text_in_a_form_is_no_file(api: Api) -> None:
    refused(api.upload(VERIFY, {"image": "uploads/default/x", "person": "ada"}), 422, "invalid_field", "upload:{id}")


def test_uploads_of_a_job_go_with_it_like_others(api: Api, store: MemoryStore, worker: FakeWorker) -> None:
    answer = api.post(VERIFY, json={"image": uploaded(api, store, PHOTO), "person": "ada"})
    job = worker.succeed(MATCH)
    assert json.loads(api.get(f"/v1/jobs/{job.id}").text)["status"] == JobStatus.SUCCEEDED
    assert answer.get_json()["id"] == job.id
    assert list(store.keys(upload_folder("default", job.id))), "until the worker deletes them"
