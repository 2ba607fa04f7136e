"""How end-to-end tests reach the whole system; tests/live_stack.py starts it."""

import uuid
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from gateway.auth import KeyStore, Scope
from gateway.client import Client
from shared.embedded.info import StackInfo
from shared.galleries.store import GalleryStore
from shared.queue import connect
from shared.settings import RedisSettings, S3Settings
from shared.storage.s3_store import S3Store

PHOTOS = Path(__file__).parents[1] / "data" / "faces"


def key_of(s3: S3Store, tenant: str, scopes: Collection[Scope] = frozenset(Scope)) -> str:
    token = KeyStore(s3, cache_seconds=0).create(tenant, set(scopes))
    assert token is not None
    return token


@pytest.fixture
def api_key(stack: StackInfo) -> str:
    """Whose key `client` and `http` carry; a module may say otherwise."""
    return stack.api_key


@pytest.fixture
def tenant() -> str:
    """A new one, in which nothing has happened yet."""
    return f"tenant-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def client(stack: StackInfo, api_key: str) -> Iterator[Client]:
    with Client(stack.url, api_key) as opened:
        yield opened


@pytest.fixture
def http(stack: StackInfo, api_key: str) -> Iterator[httpx.Client]:
    """The bare HTTP API, for what the client would not let through."""
    headers = {"Authorization": f"Bearer {api_key}"}
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
        return Client(stack.url, key_of(s3, "default", {Scope(scope) for scope in scopes}))

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
