"""What stands behind the gateway: Redis, the object store, the queues."""

import uuid
from collections.abc import Iterator
from typing import Any, cast

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from gateway.client.diagnosis.check import Check
from shared.errors import Unavailable
from shared.jobs import JobStore
from shared.presence import Presence
from shared.queue import Queue, Task, connect
from shared.settings import RedisSettings, Settings
from shared.storage.s3_store import S3Store
from shared.storage.store import ObjectStore

LEAST_REDIS = (6, 2)
BUSY = 1000  # jobs in a queue that somebody should look at
FULL = 0.9  # of what Redis may use
PROBES = "doctor/"


def redis_server(settings: RedisSettings) -> Iterator[Check]:
    try:
        redis = connect(settings)
    except ValueError:  # which has a part of it, perhaps of the password
        yield Check.failed("redis", "LIKENESS_REDIS__URL is no URL of a Redis", "Write it as .env.example does.")
        return
    try:
        facts = redis.info()
    except AuthenticationError:
        yield Check.failed("redis", "refuses the password", "Correct LIKENESS_REDIS__URL.")
        return
    except (RedisError, OSError) as error:
        advice = "Start it (likeness up starts one), or correct LIKENESS_REDIS__URL."
        yield Check.failed("redis", f"cannot be reached ({type(error).__name__})", advice)
        return
    version = str(facts.get("valkey_version") or facts["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_REDIS:
        yield Check.failed("redis", f"version {version}", "Use Redis 6.2 or newer, or Valkey.")
    else:
        yield writing(facts, f"version {version}, {facts['used_memory_human']} used")
    yield _persistence(facts)
    yield _eviction(redis, facts)


def writing(facts: dict[str, Any], found: str) -> Check:
    """Whether it takes what it is given; `facts` are those of INFO."""
    if facts.get("role") not in {None, "master"}:
        return Check.failed("redis", f"{found}; a replica, which takes no writes", "Name its master.")
    if "err" in {facts.get("aof_last_write_status"), facts.get("rdb_last_bgsave_status")}:
        return Check.failed("redis", f"{found}; it could not write to its disk", "Make room there, and see its log.")
    most, used = facts.get("maxmemory") or 0, facts["used_memory"]
    if most and used > FULL * most:
        return Check.warning("redis", f"{found} of {most:,} bytes", "Raise maxmemory: a full one refuses jobs.")
    return Check.ok("redis", found)


def _persistence(facts: dict[str, Any]) -> Check:
    if facts.get("aof_enabled"):
        return Check.ok("redis persistence", "append-only file")
    advice = "Turn it on (appendonly yes): a restart loses the jobs that were accepted."
    return Check.warning("redis persistence", "no append-only file", advice)


def _eviction(redis: Redis, facts: dict[str, Any]) -> Check:
    policy = facts.get("maxmemory_policy")
    if policy is None:
        try:
            policy = cast("dict[str, str]", redis.config_get("maxmemory-policy")).get("maxmemory-policy", "unknown")
        except ResponseError:  # managed ones do not tell
            return Check.warning("redis eviction", "it does not tell its policy", "See that it is noeviction.")
    if policy == "noeviction":
        return Check.ok("redis eviction", "noeviction")
    advice = "Set maxmemory-policy noeviction: a Redis that is full would throw jobs away without a word."
    return Check.failed("redis eviction", str(policy), advice)


def object_store(store: ObjectStore) -> Iterator[Check]:
    """Writes and deletes a small object of its own."""
    try:
        store.ping()
    except Unavailable as error:
        advice = "Start it (likeness up starts one), or correct LIKENESS_S3__ENDPOINT, its keys and its bucket."
        yield Check.failed("object store", str(error), advice)
        return
    yield Check.ok("object store", "reachable, the bucket is there")
    key = f"{PROBES}{uuid.uuid4().hex}"
    try:
        first, second = store.put_if_absent(key, b"first"), store.put_if_absent(key, b"second")
        kept = store.get(key)
        store.delete(key)
    except Unavailable as error:
        yield Check.failed("conditional PUT", str(error), "Give the access key the right to write into the bucket.")
        return
    if (first, second, kept) == (True, False, b"first"):
        yield Check.ok("conditional PUT", "works")
    else:
        advice = "Use an object store that honours If-None-Match (docs/deployment.md): without it changes get lost."
        yield Check.failed("conditional PUT", "the second writer was not refused", advice)


def queues(settings: Settings) -> Iterator[Check]:
    redis, prefix = connect(settings.redis), settings.redis.key_prefix
    presence, jobs = Presence(redis, prefix), JobStore(redis, prefix, settings.jobs, _publish_nothing)
    try:
        for queue in Queue:
            yield _queue(queue, presence.workers(queue), jobs.waiting(queue))
        dead = len(jobs.dead_letters())
    except Unavailable as error:
        yield Check.skipped("queues", str(error))
        return
    if dead:
        advice = "See them with likeness jobs list --status failed, and the workers' logs."
        yield Check.warning("dead letters", f"{dead} jobs that failed again and again", advice)
    else:
        yield Check.ok("dead letters", "none")


def _queue(queue: Queue, workers: int, waiting: int) -> Check:
    name, found = f"queue {queue.value}", f"{workers} workers, {waiting} waiting"
    if workers == 0:
        role = queue.value.partition(".")[0]
        return Check.failed(name, found, f"Start a worker for it (python -m workers {role}), or see why it ended.")
    if waiting > BUSY:
        return Check.warning(name, found, "Add workers, or wait.")
    return Check.ok(name, found)


def _publish_nothing(task: Task, job_id: str, queue: Queue) -> None:
    raise AssertionError(f"a doctor starts no work: {task} {job_id} {queue}")


def store_of(settings: Settings) -> ObjectStore:
    return S3Store(settings.s3)
