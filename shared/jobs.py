"""Job records in Redis: accepted means done, once.

The record is written before its message and can publish it again; a worker holds a job by a lease and a
fencing token, so work may run twice but its outcome is committed once (jobs.lua has each atomic step).
"""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from itertools import chain
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import JobFinished, JobNotFound, QueueFull, QueueUnavailable
from shared.event_streams import entries_of
from shared.outbox import MOST_ENTRIES
from shared.person_jobs import PersonJobs
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
LONGEST_PAUSE_S = 60  # that a client is asked to make
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
    batch: str = ""  # id of the batch that it is an item of

    @staticmethod
    def new_id() -> str:
        """An id before the job exists, for keys derived from it. Random: ids cannot be guessed or counted."""
        return uuid.uuid4().hex


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
        self.of_person = PersonJobs(redis, prefix, settings.retention_seconds)

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
            **({"batch": new.batch} if new.batch else {}),
        }
        self.of_person.note(new.tenant, job_id, new.payload.model_dump(mode="json"))
        accepted = self._run(
            "submit", job_id, new.tenant, queue.value, lifetime, self._settings.republish_seconds,
            self._room(queue), self._settings.retention_seconds, *chain(*fields.items()),
        )  # fmt: skip
        if accepted != "ok":
            seconds = min(max(1, round(float(accepted))), LONGEST_PAUSE_S)
            raise QueueFull(f"The queue {queue.value} is full. Try again in {seconds} s.", retry_after=seconds)
        with suppress(Exception):  # the job is accepted: housekeeping publishes what this could not
            self._publish(route.task, job_id, queue)
        try:
            return self.get(new.tenant, job_id)
        except QueueUnavailable:  # it is accepted all the same, and needs its files
            now = time.time()
            known = {"id": job_id, "tenant": new.tenant, "queue": queue.value, "status": JobStatus.QUEUED.value}
            times = {"created_at": str(now), "deadline": str(now + lifetime)}
            return _job({**known, **times, **fields, "attempts": "0", "token": "0"})

    def _room(self, queue: Queue) -> int:
        """How many jobs may wait."""
        return min(self._settings.queue_limit, self._settings.interactive_limit if queue.interactive else 2**31)

    def _lifetime(self, job_type: JobType) -> float:
        match job_type:
            case JobType.STYLIZATION | JobType.VISUALISATION:
                return self._settings.style_deadline
            case JobType.EVALUATION | JobType.CALIBRATION | JobType.TRAINING | JobType.IMPORT:
                return self._settings.evaluation_deadline
            case _:
                return self._settings.face_deadline

    def get(self, tenant: str, job_id: str) -> Job:
        """Raises JobNotFound, also for another tenant's job."""
        record = cast("dict[str, str]", self._call(lambda: self._redis.hgetall(self._key("job", job_id))))
        if record.get("tenant") != tenant:
            raise JobNotFound(f"There is no job {job_id}. Jobs can be read for a day after they finish.")
        return _job(record)

    def recent(
        self, tenant: str, *, batch: str | None = None, before: float | None = None, limit: int = 50
    ) -> list[Job]:
        """The tenant's jobs, newest first, accepted before the time `before`: those of a batch, or of none."""
        latest = "+inf" if before is None else f"({before:.6f}"
        key = self._key("batch-jobs", batch) if batch else self._key("jobs", tenant)
        ids = self._call(lambda: self._redis.zrevrangebyscore(key, latest, "-inf", start=0, num=limit))
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
        return [
            JobEvent.model_validate({"id": entry_id, "event": data["event"], "data": json.loads(data["data"])})
            for entry_id, data in entries_of(found)
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
            entries = entries_of(found)
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
        self.of_person.note(job.tenant, job.id, job.payload, result.model_dump(mode="json"))
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

    def sweep(self) -> list[Job]:
        """End what is over, take back what was dropped; returns the jobs that it ended."""
        ended = self._run("sweep", self._settings.max_attempts, WORKER_LOST, self._settings.retention_seconds)
        return self._jobs(cast("list[str]", ended))

    def republish(self) -> int:
        """Publish again the messages of waiting jobs that were lost or taken back; how many."""
        queues = {queue for route in ROUTES.values() for queue in (route.interactive, route.bulk)}
        return sum(self._republish(queue) for queue in sorted(queues))

    def dead_letters(self, limit: int = 100) -> list[str]:
        """Ids of jobs that ran out of attempts, newest first."""
        return cast("list[str]", self._call(lambda: self._redis.lrange(f"{self._prefix}dead", 0, limit - 1)))

    def messages(self, queue: Queue) -> int:
        """How many messages a queue holds that no worker has taken."""
        return cast("int", self._call(lambda: self._redis.llen(f"{self._prefix}{queue.value}")))

    def waiting(self, queue: Queue) -> int:
        """How many jobs wait in a queue."""
        return cast("int", self._call(lambda: self._redis.zcard(self._key("queued", queue.value))))

    def forget(self, tenant: str, job_id: str) -> int | None:
        """Forget a job, its result and its events; an unfinished one is cancelled.

        Returns how many events it had; None when there is no such job.
        """
        events = int(self._run("forget", job_id, tenant, self._settings.retention_seconds))
        return None if events < 0 else events

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
        due = self._run("due", queue.value, self.messages(queue), self._settings.republish_seconds)
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
        return self._call(lambda: self._script(args=[self._prefix, operation, MOST_ENTRIES, *arguments]))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"The queue cannot be reached ({type(error).__name__}).") from error


def _job(record: dict[str, str]) -> Job:
    parsed: dict[str, Any] = dict(record)
    for name in ("payload", "progress", "model", "result", "error"):
        if name in parsed:
            parsed[name] = json.loads(parsed[name])
    return Job.model_validate(parsed, strict=False)
