"""The audit's writers: many at once, and dying anywhere."""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from shared.audit.log import AuditLog
from shared.audit.objects import head_key
from shared.errors import StorageUnavailable
from shared.galleries.store import GalleryStore
from shared.outbox import NewOccurrence, Outbox, Reader
from shared.schemas import AuditFact, AuditHead
from shared.settings import S3Settings
from shared.storage.s3_store import S3Store
from shared.storage.store import MemoryStore, ObjectStore
from tests.integration.audit_facts import everything
from tests.integration.batch_work import PREFIX
from workers.auditing import GAP, MOST_AT_ONCE, Auditor


class Collapsing(MemoryStore):
    """Breaks down at a call to write, once: before it is done, or after."""

    def __init__(self, call: int, *, after: bool) -> None:
        super().__init__()
        self._calls = -1
        self._call = call
        self._after = after

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self._calls += 1
        if self._calls == self._call and not self._after:
            raise StorageUnavailable("gone")
        done = super().put_if_absent(key, data)
        if self._calls == self._call:
            raise StorageUnavailable("gone")
        return done


def tell(outbox: Outbox, tenant: str, number: int) -> None:
    outbox.append(NewOccurrence(tenant=tenant, kind="key.created", actor="k", data={"key": f"key{number}"}))


def keys_told(log: AuditLog, tenant: str) -> list[object]:
    return [entry.details["key"] for entry in everything(log, tenant)]


def auditor(store: ObjectStore, redis: Redis) -> Auditor:
    return Auditor(Outbox(redis, PREFIX), AuditLog(store, redis, PREFIX), GalleryStore(store, redis, PREFIX), store)


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("call", range(4))
def test_a_writer_who_dies_anywhere_leaves_neither_gap_nor_double(redis: Redis, call: int, after: bool) -> None:
    store, outbox = Collapsing(call, after=after), Outbox(redis, PREFIX)
    for number in range(4):
        tell(outbox, "one", number)
        tell(outbox, "two", number)
    auditor(store, redis).work()
    tell(outbox, "one", 4)
    tell(outbox, "two", 4)
    for _ in range(2):
        auditor(store, redis).work()
    log = AuditLog(store, redis, PREFIX)
    for tenant in ("one", "two"):
        assert keys_told(log, tenant) == [f"key{number}" for number in range(5)]
        assert log.verify(tenant).valid
    assert outbox.read(Reader.AUDIT) == []


def test_what_was_written_but_not_acknowledged_is_not_written_again(redis: Redis, memory_store: MemoryStore) -> None:
    outbox = Outbox(redis, PREFIX)
    for number in range(3):
        tell(outbox, "one", number)
    auditor(memory_store, redis).work()
    redis.hset(f"{PREFIX}outbox:done", "audit", "0-0")  # as if it had died before saying so
    tell(outbox, "one", 3)
    auditor(memory_store, redis).work()
    assert keys_told(AuditLog(memory_store, redis, PREFIX), "one") == [f"key{number}" for number in range(4)]


def test_many_writers_at_once_write_each_occurrence_once(redis: Redis, s3: S3Store, tenant: str) -> None:
    """Over S3, whose conditional PUT decides who was first; the outbox is filled meanwhile."""
    outbox = Outbox(redis, PREFIX)
    over = threading.Event()

    def work() -> None:
        mine = auditor(s3, redis)
        while not over.is_set():
            mine.work()
        mine.work()

    with ThreadPoolExecutor(6) as pool:
        working = [pool.submit(work) for _ in range(6)]
        for number in range(200):
            tell(outbox, tenant, number)
        over.set()
        for one in working:
            one.result()
    auditor(s3, redis).work()
    log = AuditLog(s3, redis, PREFIX)
    assert keys_told(log, tenant) == [f"key{number}" for number in range(200)]
    found = log.verify(tenant)
    assert (found.valid, found.entries) == (True, 200), found.problems


# --- what would stop it ---


@pytest.mark.parametrize("noted", ["{garbage", "[]", '{"sequence": "x"}', '{"sequence": 1e15, "hash": "", "id": ""}'])
def test_a_damaged_note_in_redis_stops_nobody(redis: Redis, memory_store: MemoryStore, noted: str) -> None:
    redis.hset(f"{PREFIX}audit:heads", "one", noted)
    outbox = Outbox(redis, PREFIX)
    for tenant in ("one", "two"):
        tell(outbox, tenant, 1)
    auditor(memory_store, redis).work()
    log = AuditLog(memory_store, redis, PREFIX)
    assert [keys_told(log, tenant) for tenant in ("one", "two")] == [["key1"], ["key1"]]
    assert outbox.length() == 0
    assert log.heads("one") == [log.heads("one")[0]] * 2


class Refusing(AuditLog):
    """Has a fault for one tenant, until it is mended."""

    mended = False

    def append(self, tenant: str, facts: Sequence[AuditFact]) -> AuditHead | None:
        if tenant == "one" and not self.mended:
            raise ValueError("a fault")
        return super().append(tenant, facts)


def test_a_fault_with_one_log_keeps_neither_others_from_theirs_nor_loses_anything(
    redis: Redis, memory_store: MemoryStore
) -> None:
    outbox, log = Outbox(redis, PREFIX), Refusing(memory_store, redis, PREFIX)
    working = Auditor(outbox, log, GalleryStore(memory_store, redis, PREFIX), memory_store)
    many = range(2 * MOST_AT_ONCE)
    for number in many:
        tell(outbox, "one", number)
        tell(outbox, "two", number)
    for _ in range(2):
        working.work()
    everyone = [f"key{number}" for number in many]
    assert (keys_told(log, "one"), keys_told(log, "two")) == ([], everyone)
    assert outbox.length() == len(many) * 2
    log.mended = True
    working.work()
    assert (keys_told(log, "one"), keys_told(log, "two")) == (everyone, everyone)
    assert log.verify("two").valid
    assert outbox.length() == 0


def test_an_occurrence_of_nobody_is_passed_over(redis: Redis, memory_store: MemoryStore) -> None:
    redis.xadd(f"{PREFIX}outbox", {"kind": "k", "tenant": "../x"})
    outbox = Outbox(redis, PREFIX)
    tell(outbox, "one", 1)
    auditor(memory_store, redis).work()
    assert keys_told(AuditLog(memory_store, redis, PREFIX), "one") == ["key1"]
    assert outbox.length() == 0
    assert not [key for key in memory_store.keys("audit") if "one" not in key]


def test_that_occurrences_were_dropped_unread_is_told_in_every_log_once(
    redis: Redis, memory_store: MemoryStore
) -> None:
    outbox = Outbox(redis, PREFIX, most_entries=300)
    log = AuditLog(memory_store, redis, PREFIX)
    working = Auditor(outbox, log, GalleryStore(memory_store, redis, PREFIX), memory_store)
    for tenant in ("one", "two"):
        tell(outbox, tenant, 0)
    working.work()
    for number in range(1000):
        tell(outbox, "one", number)
    for _ in range(2):
        working.work()
    actions = {tenant: [entry.action for entry in everything(log, tenant)] for tenant in ("one", "two")}
    assert actions["two"] == ["key.created", GAP]
    assert actions["one"][:3] == ["key.created", GAP, "key.created"]
    assert actions["one"].count(GAP) == 1
    assert 300 <= len(actions["one"]) < 600
    assert log.verify("one").valid


@pytest.mark.parametrize(
    "noted",
    [
        {"sequence": 1, "hash": "0" * 64, "id": "garbage"},
        {"sequence": 1, "hash": "short", "id": "1-0"},
        {"sequence": 10**12, "hash": "0" * 64, "id": "1-0"},
        {"sequence": -5, "hash": "0" * 64, "id": "1-0"},
    ],
)
def test_a_note_in_the_object_store_that_cannot_be_is_none(
    redis: Redis, memory_store: MemoryStore, noted: dict[str, object]
) -> None:
    memory_store.put(head_key("one"), json.dumps(noted).encode())
    outbox = Outbox(redis, PREFIX)
    tell(outbox, "one", 1)
    auditor(memory_store, redis).work()
    log = AuditLog(memory_store, redis, PREFIX)
    assert keys_told(log, "one") == ["key1"]
    assert log.verify("one").valid


def start_writer(redis_url: str, s3_settings: S3Settings) -> "subprocess.Popen[str]":
    """A process of its own, once it writes."""
    secret = s3_settings.secret_key.get_secret_value()
    given = {"redis": redis_url, "s3": {**s3_settings.model_dump(mode="json"), "secret_key": secret}}
    command = [sys.executable, "-m", "tests.integration.audit_writer"]
    writer = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(json.dumps(given) + "\n")
    writer.stdin.flush()
    while "ready" not in writer.stdout.readline():
        assert writer.poll() is None
    return writer


def test_writers_killed_at_any_moment_leave_neither_gap_nor_double(
    redis: Redis, redis_url: str, s3: S3Store, s3_settings: S3Settings, tenant: str
) -> None:
    outbox, over = Outbox(redis, PREFIX), threading.Event()

    def fill() -> int:
        count = 0
        while not over.is_set():
            tell(outbox, tenant, count)
            count += 1
            time.sleep(0.005)
        return count

    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(fill)
        try:
            for seed in range(5):
                writer = start_writer(redis_url, s3_settings)
                time.sleep(random.Random(seed).uniform(0.02, 0.4))
                writer.kill()
                writer.communicate()
        finally:
            over.set()
        told = filling.result()
    before = len(everything(AuditLog(s3, redis, PREFIX), tenant))
    auditor(s3, redis).work()
    log = AuditLog(s3, redis, PREFIX)
    assert 0 < before <= told
    assert keys_told(log, tenant) == [f"key{number}" for number in range(told)]
    found = log.verify(tenant)
    assert (found.valid, found.entries) == (True, told), found.problems
