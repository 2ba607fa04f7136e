"""A real Redis for the tests: Valkey as the embedded stack runs it, started once; and the whole system."""

import secrets
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from redis import Redis

from shared.embedded import servers
from shared.embedded.ports import free_ports
from shared.embedded.supervisor import Supervisor
from shared.queue import connect
from shared.settings import RedisSettings
from tests.live_stack import running, stack

__all__ = ["running", "stack"]  # fixtures for the folders below


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    url = f"redis://:{secrets.token_hex(8)}@127.0.0.1:{free_ports(1)[0]}/0"
    supervisor = Supervisor(folder / "logs")
    try:
        supervisor.start(servers.redis_server(folder / "data", url))
        yield url
    finally:
        supervisor.stop()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """An empty Redis, by a client as the system's own."""
    client = connect(RedisSettings(url=SecretStr(redis_url)))
    client.flushall()
    yield client
    client.close()
