"""A real S3 server for the tests; Redis comes from tests/conftest.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.embedded import servers
from shared.embedded.ports import free_ports
from shared.embedded.supervisor import Supervisor
from shared.settings import S3Settings
from shared.storage import S3Store


@pytest.fixture(scope="session")
def s3_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Settings]:
    folder: Path = tmp_path_factory.mktemp("s3")
    ports = free_ports(len(servers.S3_PORTS))
    access = servers.S3Access(f"127.0.0.1:{ports[0]}", "test-key", "test-only-" + "x" * 16, "likeness")
    supervisor = Supervisor(folder / "logs")
    try:
        supervisor.start(servers.object_store(folder / "data", access, ports))
        yield S3Settings(
            endpoint=access.endpoint,
            access_key=access.access_key,
            secret_key=SecretStr(access.secret_key),
            bucket=access.bucket,
        )
    finally:
        supervisor.stop()


@pytest.fixture(scope="session")
def s3(s3_settings: S3Settings) -> S3Store:
    store = S3Store(s3_settings)
    store.prepare()
    return store
