"""Pictures on their way out: through the gateway, whole or in part, or by a URL of the object store."""

from typing import Any

import pytest
from redis import Redis

from gateway.app import create_app
from gateway.auth import Scope
from gateway.web.downloads import URL_S
from gateway.wsgi import assemble
from shared.settings import Downloads, Settings
from shared.storage.store import MemoryStore, image_key, preview_key
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker, stylised

PICTURE = bytes(range(256))


def painted(api: Api, store: MemoryStore, worker: FakeWorker) -> dict[str, Any]:
    """A stylisation that succeeded, with its picture and a preview."""
    assert api.upload("/v1/stylizations", {"style_id": "poppies"}, content=PHOTO).status_code == 202
    job = worker.succeed(stylised)
    store.put(image_key("default", job.id, "image/png"), PICTURE)
    store.put(preview_key("default", job.id, 5), PICTURE)
    found: dict[str, Any] = api.get(f"/v1/jobs/{job.id}").get_json()
    return found


@pytest.fixture
def presigning(settings: Settings, store: MemoryStore, redis: Redis, worker: FakeWorker) -> Api:
    s3 = settings.s3.model_copy(update={"downloads": Downloads.PRESIGNED})
    chosen = settings.model_copy(update={"s3": s3})
    services = assemble(chosen, store, redis, worker.publish)
    token = services.keys.create("default", Scope)
    assert token is not None
    return Api(create_app(chosen, services), token)


def test_a_part_of_a_picture_is_sent(api: Api, store: MemoryStore, worker: FakeWorker) -> None:
    image = painted(api, store, worker)["links"]["image"]
    answer = api.get(image, headers={"Range": "bytes=16-31"})
    assert (answer.status_code, answer.data) == (206, PICTURE[16:32])
    assert answer.headers["Content-Range"] == "bytes 16-31/256"
    assert api.get(image).headers["Accept-Ranges"] == "bytes"


def test_a_part_that_is_not_there_is_refused(api: Api, store: MemoryStore, worker: FakeWorker) -> None:
    image = painted(api, store, worker)["links"]["image"]
    answer = api.get(image, headers={"Range": "bytes=1000-2000"})
    assert (answer.status_code, answer.get_json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == "bytes */256", "so that who resumes a download sees that it is whole"


def test_a_client_is_sent_to_the_store(presigning: Api, store: MemoryStore, worker: FakeWorker) -> None:
    job = painted(presigning, store, worker)
    for path, media_type, name in (
        (job["links"]["image"], "image%2Fpng", f"{job['id']}.png"),
        (f"/v1/jobs/{job['id']}/previews/5", "image%2Fjpeg", "preview-00005.jpeg"),
    ):
        answer = presigning.get(path)
        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Location"].endswith(f"?expires={URL_S}&type={media_type}&name={name}")


def test_what_is_not_there_is_told_before_anybody_is_sent_away(
    presigning: Api, store: MemoryStore, worker: FakeWorker
) -> None:
    job = painted(presigning, store, worker)
    store.delete(image_key("default", job["id"], "image/png"))
    assert presigning.get(job["links"]["image"]).status_code == 404


def test_another_tenant_is_sent_nowhere(presigning: Api, store: MemoryStore, worker: FakeWorker) -> None:
    job = painted(presigning, store, worker)
    token = presigning.app.extensions["likeness"].services.keys.create("other", Scope)
    assert Api(presigning.app, token).get(job["links"]["image"]).status_code == 404


def test_a_client_that_would_rather_have_it_here_is_given_it(
    presigning: Api, store: MemoryStore, worker: FakeWorker
) -> None:
    image = painted(presigning, store, worker)["links"]["image"]
    answer = presigning.get(image, headers={"Prefer": 'handling=strict, return="representation"'})
    assert (answer.status_code, answer.data) == (200, PICTURE)
    assert presigning.get(image, headers={"Prefer": "return=minimal"}).status_code == 302
