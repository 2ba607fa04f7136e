"""A real S3 server for the tests, and batches; Redis comes from tests/conftest.py."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis import Redis

from shared.audit.log import AuditLog
from shared.batches.records import BatchStore
from shared.embedded import servers
from shared.embedded.info import S3Access
from shared.embedded.ports import free_ports
from shared.embedded.supervisor import Supervisor
from shared.jobs import JobStore
from shared.schemas import Batch, BatchItem, StylizationPayload
from shared.settings import S3Settings
from shared.storage.s3_store import S3Store
from shared.storage.store import MemoryStore
from shared.webhooks.settings import WebhookSettings
from tests.integration.batch_work import BATCH, PREFIX, make_jobs
from tests.integration.webhook_world import SETTINGS as WEBHOOKS
from tests.integration.webhook_world import MakeWorld, World
from tests.receivers import Receiver, receiving
from workers.feeding import Feeder


@pytest.fixture(scope="session")
def s3_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Settings]:
    folder: Path = tmp_path_factory.mktemp("s3")
    ports = free_ports(len(servers.S3_PORTS))
    access = S3Access(f"127.0.0.1:{ports[0]}", "test-key", "test-only-" + "x" * 16, "likeness")
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


# --- batches, over a store in memory ---


@pytest.fixture
def memory_store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def batches(redis: Redis, memory_store: MemoryStore) -> BatchStore:
    return BatchStore(redis, PREFIX, memory_store, retention_seconds=3600)


@pytest.fixture
def create_batch(batches: BatchStore, memory_store: MemoryStore) -> Callable[..., Batch]:
    def make(items: list[BatchItem], batch_id: str = BATCH) -> Batch:
        for one in items:
            if isinstance(one.payload, StylizationPayload):
                memory_store.put(one.payload.content_key, b"picture")
        return batches.create("acme", batch_id, items)

    return make


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return make_jobs(redis)


@pytest.fixture
def feeder(batches: BatchStore, jobs: JobStore, memory_store: MemoryStore) -> Feeder:
    return Feeder(batches, jobs, memory_store, window=8)


# --- the audit ---


@pytest.fixture
def tenant() -> str:
    """A new one: the object store outlives the test."""
    return f"t-{uuid4().hex[:8]}"


@pytest.fixture
def make_log(memory_store: MemoryStore, redis: Redis) -> Callable[[], AuditLog]:
    """The audit's log as another process sees it each time."""
    return lambda: AuditLog(memory_store, redis, PREFIX)


@pytest.fixture
def log(make_log: Callable[[], AuditLog]) -> AuditLog:
    return make_log()


# --- webhooks ---


@pytest.fixture
def make_world(redis: Redis) -> MakeWorld:
    def make(clock: Callable[[], float] = time.time, **changed: float | str) -> World:
        names: list[str] = ["lost_after", "lease_margin"]
        patience = {name: float(changed.pop(name)) for name in names if name in changed}
        return World(redis, WebhookSettings.model_validate({**WEBHOOKS, **changed}), clock, patience)

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server
