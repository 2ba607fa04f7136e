"""Housekeeping: jobs whose message or worker was lost are published again, those that are over end; batches are fed;
the audit is written.
"""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress

import structlog

from shared.audit.log import AuditLog
from shared.batches.records import BatchStore
from shared.erasures.keepers import make_eraser
from shared.erasures.replay import Replayer
from shared.errors import Unavailable
from shared.jobs import JobStore
from shared.queue import Task
from shared.schemas import Job
from workers.app import Handler
from workers.auditing import Auditor
from workers.feeding import Feeder
from workers.retention import Retention
from workers.runner import JobRunner
from workers.services import Services

log = structlog.get_logger("housekeeping")

SWEEP_EVERY_S = 1.0


class Sweeper:
    """Ends jobs that are over. Their remains are cleared away then, or as soon as the object store answers again."""

    def __init__(self, jobs: JobStore, runner: JobRunner) -> None:
        self._jobs = jobs
        self._runner = runner
        self._ended: deque[Job] = deque()  # those whose remains are still there

    def sweep(self) -> None:
        try:
            self._ended.extend(self._jobs.sweep())
            if published := self._jobs.republish():
                log.info("published again", jobs=published)
            self._tidy()
        except Unavailable as error:
            log.warning("sweep", problem=str(error))  # the next one is a second away

    def _tidy(self) -> None:
        while job := self._next():
            try:
                self._runner.tidy(job)
            except Unavailable:
                self._ended.append(job)
                raise
            log.info("ended", job=job.id, type=job.type.value, status=job.status.value, trace=job.trace)

    def _next(self) -> Job | None:
        with suppress(IndexError):  # another round may be under way
            return self._ended.popleft()
        return None


def housekeeping_tasks(services: Services) -> Mapping[Task, Handler]:
    settings = services.settings
    batches = BatchStore(
        services.redis, settings.redis.key_prefix, services.store, retention_seconds=settings.s3.image_seconds
    )
    feeder = Feeder(batches, services.jobs, services.store, window=settings.jobs.batch_window)
    audit = AuditLog(services.store, services.redis, settings.redis.key_prefix)
    auditor = Auditor(services.outbox, audit, services.galleries, services.store)
    eraser = make_eraser(settings, services.store, services.redis, galleries=services.galleries, jobs=services.jobs)
    replayer = Replayer(services.store, services.galleries, eraser)
    retention = Retention(services.store, services.galleries, eraser, replayer)
    sweeper = Sweeper(services.jobs, services.runner)
    return {
        Task.SWEEP: lambda _: sweeper.sweep(),
        Task.FEED: lambda _: feeder.feed(),
        Task.AUDIT: lambda _: auditor.work(),
        Task.RETAIN: lambda _: retention.run(),
    }
