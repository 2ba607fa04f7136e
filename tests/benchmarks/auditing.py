"""The audit: what an entry costs the machine, and how fast a long log answers."""

import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from redis import Redis

from shared.audit.log import AuditLog, AuditQuery
from shared.audit.objects import PACK
from shared.embedded import servers
from shared.embedded.info import S3Access
from shared.embedded.ports import free_ports
from shared.embedded.supervisor import Supervisor
from shared.galleries.store import GalleryStore
from shared.jobs import JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.outbox import Outbox
from shared.queue import connect
from shared.schemas import AuditFact, JobType, Model, VerificationPayload, VerificationResult
from shared.settings import JobSettings, RedisSettings, S3Settings
from shared.storage.s3_store import S3Store
from tests.benchmarks.timing import table
from workers.auditing import Auditor

PREFIX, TENANT = "likeness:", "bench"
DAY = 1440  # entries, one a minute
LONG = 100_000
JOBS, ROUNDS = 500, 5
REPEATS = 5
POLICY = "verify-fmr-1e-4"


def cost() -> str:
    """Verifications committed and entered, at one a round and at many."""
    with _servers() as (redis, store):
        galleries, outbox = GalleryStore(store, redis, PREFIX), Outbox(redis, PREFIX)
        jobs = JobStore(redis, PREFIX, JobSettings(), lambda *_: None)
        auditor = Auditor(outbox, AuditLog(store, redis, PREFIX), galleries, store)
        galleries.create_gallery(TENANT, "staff")
        galleries.ensure_person(TENANT, "staff", "ada")
        rows = []
        for many in (1, 10, JOBS):
            taken = []
            for _ in range(ROUNDS):
                for _ in range(many):
                    _verified(jobs)
                taken.append(_ms(auditor.work) / many)
            rows.append([str(many), f"{median(taken):.2f}"])
    return "### Audit: entering verifications\n\nOne tenant; the round of each second.\n\n" + table(
        ["verifications in a round", "ms each"], rows
    )


def queries() -> str:
    """A page of 50 out of a log of 100,000 entries."""
    with _servers() as (redis, store):
        log = AuditLog(store, redis, PREFIX)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for first in range(0, LONG - PACK, PACK):
            log.append(TENANT, [_fact(number, start) for number in range(first, first + PACK)])
            log.pack(TENANT)
        for number in range(LONG - PACK, LONG - 1):  # the last ones came one by one and are in no pack yet
            log.append(TENANT, [_fact(number, start)])
        day = start + timedelta(minutes=LONG // 2)
        asked = {
            "the newest": AuditQuery(),
            "a day in the middle": AuditQuery(since=day, until=day + timedelta(days=1)),
            "a person seen in every thousandth": AuditQuery(person="p7"),
            "a person who is not there": AuditQuery(person="nobody"),
        }
        rows = []
        for name, query in asked.items():
            taken = [_ms(lambda query=query: log.page(TENANT, query)) for _ in range(REPEATS)]  # type: ignore[misc]
            rows.append([name, f"{median(taken):.0f}"])
        rows.append(["verification of all", f"{_ms(lambda: log.verify(TENANT)):.0f}"])
    return f"### Audit: reading\n\n{LONG:,} entries, {PACK - 1} of them not packed.\n\n" + table(["page", "ms"], rows)


def _fact(number: int, start: datetime) -> AuditFact:
    return AuditFact(
        id=f"{number + 1}-0",
        at=start + timedelta(minutes=number),
        action="verification",
        actor="0123456789abcdef",
        request_id=uuid.uuid4().hex,
        job=uuid.uuid4().hex,
        gallery="staff",
        person=f"p{number % 1000}",
        device=f"door-{number % 4}",
        outcome="match",
        policy=POLICY,
        decision="granted",
    )


def _verified(jobs: JobStore) -> None:
    payload = VerificationPayload(gallery="staff", person="ada", image_key="k", policy=POLICY)
    job = jobs.claim(jobs.submit(NewJob(TENANT, JobType.VERIFICATION, payload)).id)
    assert job is not None
    jobs.succeed(
        job, VerificationResult(verdict=Verdict.MATCH, policy=POLICY, threshold=0.4), Model(name="m", digest="d")
    )


def _ms(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _servers() -> Iterator[tuple[Redis, S3Store]]:
    """An empty Redis and an empty object store."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        supervisor = Supervisor(folder / "logs")
        redis_port, *ports = free_ports(1 + len(servers.S3_PORTS))
        url = f"redis://:{secrets.token_hex(8)}@127.0.0.1:{redis_port}/0"
        access = S3Access(f"127.0.0.1:{ports[0]}", "bench", secrets.token_hex(16), "likeness")
        try:
            supervisor.start(servers.redis_server(folder / "redis", url))
            supervisor.start(servers.object_store(folder / "s3", access, ports))
            store = S3Store(
                S3Settings(
                    endpoint=access.endpoint, access_key=access.access_key, secret_key=SecretStr(access.secret_key)
                )
            )
            store.prepare()
            redis = connect(RedisSettings(url=SecretStr(url)))
            yield redis, store
            redis.close()
        finally:
            supervisor.stop()
