"""Files that go straight to a real object store and come straight from it, with the gateway's word in between."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from PIL import Image
from pydantic import SecretStr
from redis import Redis

from gateway.app import create_app
from gateway.auth import Scope
from gateway.wsgi import assemble
from shared.settings import Downloads, RedisSettings, S3Settings, Settings
from shared.storage.s3_store import S3Store
from shared.storage.store import UPLOADS, image_key
from tests.integration.batch_work import MODEL, PREFIX, result

Opened = Callable[[Downloads], FlaskClient]
JPEG = b"\xff\xd8\xff\xe0 picture"


@pytest.fixture
def published() -> list[str]:
    return []


@pytest.fixture
def opened(s3: S3Store, s3_settings: S3Settings, redis: Redis, redis_url: str, published: list[str]) -> Opened:
    """The gateway in this process, over the real servers."""

    def make(downloads: Downloads = Downloads.GATEWAY) -> FlaskClient:
        settings = Settings(
            redis=RedisSettings(url=SecretStr(redis_url), key_prefix=PREFIX),
            s3=s3_settings.model_copy(update={"downloads": downloads}),
        )
        services = assemble(settings, s3, redis, lambda _task, job, _queue: published.append(job))
        token = services.keys.create("default", Scope)
        app = create_app(settings, services)
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return make


def archive(size: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("ada/1.jpg", bytes(size))
    return packed.getvalue()


def sent(client: FlaskClient, data: bytes) -> str:
    """The reference of a file that was put where the answer says, as it says."""
    made: dict[str, Any] = client.post("/v1/uploads", json={"bytes": len(data)}).get_json()
    assert httpx.request(made["method"], made["url"], content=data, headers=made["headers"]).status_code == 200
    return str(made["reference"])


def test_a_large_archive_never_passes_through_the_gateway(opened: Opened, s3: S3Store, published: list[str]) -> None:
    client = opened(Downloads.GATEWAY)
    data = archive(80 * 2**20)  # more than a body may have
    answer = client.post("/v1/trainings", json={"archive": sent(client, data), "name": "ours"})
    assert answer.status_code == 202, answer.text
    [job] = published
    [key] = s3.keys(f"{UPLOADS}default/{job}/")
    assert s3.stat(key).size == len(data)
    assert list(s3.keys(f"{UPLOADS}default/inbound/")) == []


@pytest.mark.parametrize("downloads", Downloads)
def test_a_picture_comes_either_way(opened: Opened, s3: S3Store, published: list[str], downloads: Downloads) -> None:
    client = opened(downloads)
    job = _painted(client, s3, published)
    answer = client.get(f"/v1/jobs/{job}/image")
    match downloads:
        case Downloads.GATEWAY:
            assert (answer.status_code, answer.data) == (200, JPEG)
        case Downloads.PRESIGNED:
            assert answer.status_code == 302
            got = httpx.get(answer.headers["Location"])  # no key: whoever has the URL has the picture, for minutes
            assert (got.status_code, got.content, got.headers["Content-Type"]) == (200, JPEG, "image/jpeg")


def _painted(client: FlaskClient, s3: S3Store, published: list[str]) -> str:
    """The id of a stylisation that a worker has finished."""
    picture = io.BytesIO()
    Image.new("RGB", (80, 80), "red").save(picture, "PNG")
    reference = sent(client, picture.getvalue())
    answer = client.post("/v1/stylizations", json={"content": reference, "style_id": "poppies"})
    assert answer.status_code == 202, answer.text
    jobs = client.application.extensions["likeness"].services.jobs
    job = jobs.claim(published[-1])
    assert jobs.succeed(job, result(), MODEL)
    s3.put(image_key("default", job.id, "image/jpeg"), JPEG)
    return str(job.id)
