"""Job records in Redis: accepted means done, once.

The record is written before its message and can publish it again; a worker holds a job by a lease and a
fencing token, so work may run twice but its outcome is committed once (jobs.lua has each atomic step).
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from itertools import chain
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import JobFinished, JobNotFound, QueueFull, QueueUnavailable
from shared.queue import ROUTES, Publish, Queue
from shared.schemas import (
    Job,
    JobError,
    JobEvent,
    JobStatus,
    JobType,
    Message,
    Model,
    Payload,
    Priority,
    Progress,
)
from shared.settings import JobSettings

LONGEST_RETRY_S = 30.0
BLOCK_MS = 2000  # one blocking read; shorter than the client's socket timeout
WORKER_LOST = JobError(code="worker_lost", detail="Its worker was lost on every attempt.").model_dump_json()


class Beat(StrEnum):
    OK = "ok"
    CANCEL = "cancel"
    EXPIRED = "expired"
    LOST = "lost"


@dataclass(frozen=True)
class NewJob:
    tenant: str
    type: JobType
    payload: Payload
    priority: Priority = Priority.INTERACTIVE
    trace: str = ""
    id: str = ""
    actor: str = ""  # id of the API key that asked

    @staticmethod
    def new_id() -> str:
        """An id before the job exists, for keys derived from it. Random: ids cannot be guessed or counted."""
        return uuid.uuid4().hex


@dataclass(frozen=True)
class Sweep:
    """What one round of housekeeping did: the jobs it ended, how many messages it published."""

    ended: tuple[Job, ...]
    published: int


class JobStore:
    """Records, leases and events of jobs.

    Every method raises QueueUnavailable when Redis cannot be reached.
    """

    def __init__(self, redis: Redis, prefix: str, settings: JobSettings, publish: Publish) -> None:
        self._redis = redis
        self._prefix = prefix
        self._settings = settings
        self._publish = publish
        self._script = redis.register_script(files("shared").joinpath("jobs.lua").read_text())

    # --- the gateway's side ---

    def submit(self, new: NewJob) -> Job:
        """Accept a job: record first, then message.

        Raises:
            QueueFull: too many jobs wait already.
        """
        route = ROUTES[new.type]
        queue = route.queue(new.priority)
        job_id = new.id or NewJob.new_id()
        lifetime = self._lifetime(new.type)
        fields = {
            "type": new.type.value,
            "payload": new.payload.model_dump_json(),
            "trace": new.trace,
            "actor": new.actor,
        }
        accepted = self._run(
            "submit", job_id, new.tenant, queue.value, lifetime, self._settings.republish_seconds,
            self._settings.queue_limit, self._settings.retention_seconds, *chain(*fields.items()),
        )  # fmt: skip
        if accepted == "full":
            raise QueueFull(f"The queue {queue.value} is full. Try again later.")
        with suppress(Exception):  # the job is accepted: housekeeping publishes what this could not
            self._publish(route.task, job_id, queue)
        return self.get(new.tenant, job_id)

    def _lifetime(self, job_type: JobType) -> float:
        match job_type:
            case JobType.STYLIZATION | JobType.VISUALISATION:
                return self._settings.style_deadline
            case JobType.EVALUATION | JobType.CALIBRATION | JobType.TRAINING:
                return self._settings.evaluation_deadline
            case _:
                return self._settings.face_deadline

    def get(self, tenant: str, job_id: str) -> Job:
        """Raises JobNotFound, also for another tenant's job."""
        record = cast("dict[str, str]", self._call(lambda: self._redis.hgetall(self._key("job", job_id))))
        if record.get("tenant") != tenant:
            raise JobNotFound(f"There is no job {job_id}. Jobs can be read for a day after they finish.")
        return _job(record)

    def recent(self, tenant: str, *, before: float | None = None, limit: int = 50) -> list[Job]:
        """The tenant's jobs, newest first, accepted before the time `before`."""
        latest = "+inf" if before is None else f"({before:.6f}"
        ids = self._call(
            lambda: self._redis.zrevrangebyscore(self._key("jobs", tenant), latest, "-inf", start=0, num=limit)
        )
        return self._jobs(cast("list[str]", ids))

    def cancel(self, tenant: str, job_id: str) -> Job:
        """Cancel a queued job at once; ask the worker of a running one.

        Raises:
            JobNotFound, JobFinished
        """
        outcome = self._run("cancel", job_id, tenant, self._settings.retention_seconds)
        if outcome == "missing":
            raise JobNotFound(f"There is no job {job_id}.")
        job = self.get(tenant, job_id)
        if outcome == "finished":
            raise JobFinished(f"The job has already {job.status.value}; there is nothing to cancel.")
        return job

    def events(self, job_id: str, after: str = "0", *, block: bool = True) -> list[JobEvent]:
        """Events after the id `after`; waits up to two seconds for one when `block`."""
        found = self._call(
            lambda: self._redis.xread({self._key("events", job_id): after}, block=BLOCK_MS if block else None)
        )
        entries = [entry for stream in _streams(found) for entry in stream]
        return [
            JobEvent.model_validate({"id": entry_id, "event": data["event"], "data": json.loads(data["data"])})
            for entry_id, data in entries
        ]

    def wait(self, job: Job, seconds: float) -> Job:
        """The job as it stands when it finishes or after `seconds`, whichever is first."""
        until = time.monotonic() + seconds
        after = "0"
        while not job.status.finished and (left := until - time.monotonic()) > 0:
            found = self._call(
                lambda after=after, left=left: self._redis.xread(  # type: ignore[misc]
                    {self._key("events", job.id): after}, block=max(1, min(BLOCK_MS, int(left * 1000)))
                )
            )
            entries = [entry for stream in _streams(found) for entry in stream]
            after = entries[-1][0] if entries else after
            if any(JobStatus(data["event"]).finished for _, data in entries if data["event"] != "progress"):
                return self.get(job.tenant, job.id)
        return job

    # --- the worker's side ---

    def find(self, job_id: str) -> Job | None:
        """The job whosoever it is, None when its record is gone."""
        found = self._jobs([job_id])
        return found[0] if found else None

    def find_all(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """The records of these jobs; those that are gone are left out."""
        return {job.id: job for job in self._jobs(list(job_ids))}

    def claim(self, job_id: str) -> Job | None:
        """Take a queued job; None when it is taken, finished or gone, which is no fault of the message."""
        record = self._run("claim", job_id, self._settings.lease_seconds, self._settings.retention_seconds)
        pairs = cast("list[str]", record)
        return _job(dict(zip(pairs[::2], pairs[1::2], strict=True))) if pairs else None

    def beat(self, job: Job, progress: Progress | None = None) -> Beat:
        """Renew the lease, report progress; says when to stop."""
        text = progress.model_dump_json(exclude_none=True) if progress else ""
        return Beat(self._run("beat", job.id, job.token, self._settings.lease_seconds, text))

    def succeed(self, job: Job, result: Message, model: Model) -> bool:
        """Commit a result; False when the job is no longer this worker's."""
        return self._finish(job, JobStatus.SUCCEEDED, ("result", result.model_dump_json()), model)

    def fail(self, job: Job, error: JobError) -> bool:
        return self._finish(job, JobStatus.FAILED, ("error", error.model_dump_json()))

    def end(self, job: Job, status: JobStatus) -> bool:
        """Commit an outcome that has neither result nor error: cancelled or expired."""
        return self._finish(job, status, ("", ""))

    def release(self, job: Job, error: JobError, *, outage: bool = False) -> str:
        """Give the job back after a fault: `queued` for another attempt, or `failed` after the last.

        In an outage of something the job needs, attempts do not count: only the deadline ends the waiting.
        """
        delay = min(self._settings.retry_seconds * 2 ** (job.attempts - 1), LONGEST_RETRY_S)
        attempts = 2**31 if outage else self._settings.max_attempts
        return cast(
            "str",
            self._run(
                "release", job.id, job.token, delay, attempts,
                error.model_dump_json(), self._settings.retention_seconds,
            ),
        )  # fmt: skip

    # --- housekeeping ---

    def sweep(self) -> Sweep:
        """End what is over, take back what was dropped, publish again what was lost."""
        ended = self._run("sweep", self._settings.max_attempts, WORKER_LOST, self._settings.retention_seconds)
        queues = {queue for route in ROUTES.values() for queue in (route.interactive, route.bulk)}
        published = sum(self._republish(queue) for queue in sorted(queues))
        return Sweep(ended=tuple(self._jobs(cast("list[str]", ended))), published=published)

    def dead_letters(self, limit: int = 100) -> list[str]:
        """Ids of jobs that ran out of attempts, newest first."""
        return cast("list[str]", self._call(lambda: self._redis.lrange(f"{self._prefix}dead", 0, limit - 1)))

    def waiting(self, queue: Queue) -> int:
        """How many jobs wait in a queue."""
        return cast("int", self._call(lambda: self._redis.zcard(self._key("queued", queue.value))))

    def shorten_events(self, job_ids: Sequence[str], seconds: int) -> None:
        """Keep the events of finished jobs for so long only. Each stream takes 4 KB, a record 1 KB."""

        def expire() -> None:
            with self._redis.pipeline(transaction=False) as pipe:
                for job_id in job_ids:
                    pipe.expire(self._key("events", job_id), seconds, lt=True)
                pipe.execute()

        self._call(expire)

    def _jobs(self, ids: list[str]) -> list[Job]:
        """The records of these ids; those that are gone are left out."""

        def read() -> list[dict[str, str]]:
            with self._redis.pipeline(transaction=False) as pipe:
                for job_id in ids:
                    pipe.hgetall(self._key("job", job_id))
                return pipe.execute()

        return [_job(record) for record in self._call(read) if record]

    def _republish(self, queue: Queue) -> int:
        messages = self._call(lambda: self._redis.llen(f"{self._prefix}{queue.value}"))
        due = self._run("due", queue.value, messages, self._settings.republish_seconds)
        jobs = self._jobs(cast("list[str]", due))
        for job in jobs:
            self._publish(ROUTES[job.type].task, job.id, queue)
        return len(jobs)

    def _finish(self, job: Job, status: JobStatus, field: tuple[str, str], model: Model | None = None) -> bool:
        text = model.model_dump_json() if model else ""
        retention = self._settings.retention_seconds
        return bool(self._run("finish", job.id, job.token, status.value, *field, text, retention))

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _run(self, operation: str, *arguments: str | float) -> Any:
        return self._call(lambda: self._script(args=[self._prefix, operation, *arguments]))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"The queue cannot be reached ({type(error).__name__}).") from error


def _streams(found: Any) -> Iterator[list[tuple[str, dict[str, str]]]]:
    """The entries of each stream of an XREAD answer: pairs in RESP2, a mapping of lists in RESP3."""
    if isinstance(found, dict):
        for nested in found.values():
            yield nested[0] if nested and isinstance(nested[0], list) else nested
    else:
        yield from (entries for _, entries in found or [])


def _job(record: dict[str, str]) -> Job:
    parsed: dict[str, Any] = dict(record)
    for name in ("payload", "progress", "model", "result", "error"):
        if name in parsed:
            parsed[name] = json.loads(parsed[name])
    return Job.model_validate(parsed, strict=False)
