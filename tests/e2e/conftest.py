"""How end-to-end tests reach the whole system; tests/live_stack.py starts it."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from gateway.auth import KeyStore, Scope
from gateway.client import Client
from shared.embedded.stack import StackInfo
from shared.gallery_store import GalleryStore
from shared.queue import connect
from shared.s3_store import S3Store
from shared.settings import RedisSettings, S3Settings

PHOTOS = Path(__file__).parents[1] / "data" / "faces"


@pytest.fixture
def client(stack: StackInfo) -> Iterator[Client]:
    with Client(stack.url, stack.api_key) as opened:
        yield opened


@pytest.fixture
def http(stack: StackInfo) -> Iterator[httpx.Client]:
    """The bare HTTP API, for what the client would not let through."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=60) as opened:
        yield opened


@pytest.fixture
def gallery(client: Client) -> str:
    """A new, empty gallery."""
    name = f"g-{uuid.uuid4().hex[:8]}"
    client.galleries.create(name)
    return name


Restricted = Callable[[set[str]], Client]


@pytest.fixture
def restricted(stack: StackInfo, s3: S3Store) -> Restricted:
    """A client whose key has these scopes only."""

    def make(scopes: set[str]) -> Client:
        token = KeyStore(s3, cache_seconds=0).create("default", {Scope(scope) for scope in scopes})
        assert token is not None
        return Client(stack.url, token)

    return make


@pytest.fixture
def galleries(stack: StackInfo, s3: S3Store) -> Iterator[GalleryStore]:
    """The stack's galleries behind its back, to fill one faster than photos could."""
    redis = connect(RedisSettings(url=SecretStr(stack.redis)))
    yield GalleryStore(s3, redis, "likeness:")
    redis.close()


@pytest.fixture(scope="session")
def s3(stack: StackInfo) -> S3Store:
    return S3Store(
        S3Settings.model_validate(
            {
                "endpoint": stack.s3.endpoint,
                "access_key": stack.s3.access_key,
                "secret_key": stack.s3.secret_key,
                "bucket": stack.s3.bucket,
            }
        )
    )
