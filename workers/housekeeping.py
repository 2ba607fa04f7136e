"""Housekeeping: jobs whose message or worker was lost are published again, those that are over end; batches are fed;
the audit is written.
"""

from collections.abc import Mapping

import structlog

from shared.audit.log import AuditLog
from shared.batches.records import BatchStore
from shared.erasures.keepers import make_eraser
from shared.erasures.replay import Replayer
from shared.errors import Unavailable
from shared.queue import Task
from shared.storage.store import upload_folder
from workers.app import Handler
from workers.auditing import Auditor
from workers.feeding import Feeder
from workers.retention import Retention, withdraw_unfinished
from workers.services import Services

log = structlog.get_logger("housekeeping")

SWEEP_EVERY_S = 1.0


def housekeeping_tasks(services: Services) -> Mapping[Task, Handler]:
    def sweep(_: str) -> None:
        try:
            done = services.jobs.sweep()
            for job in done.ended:
                services.store.delete_prefix(upload_folder(job.tenant, job.id))
                withdraw_unfinished(services.galleries, job)
                log.info("ended", job=job.id, type=job.type.value, status=job.status.value, trace=job.trace)
        except Unavailable as error:
            log.warning("sweep", problem=str(error))  # the next one is a second away
            return
        if done.published:
            log.info("published again", jobs=done.published)

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
    return {
        Task.SWEEP: sweep,
        Task.FEED: lambda _: feeder.feed(),
        Task.AUDIT: lambda _: auditor.work(),
        Task.RETAIN: lambda _: retention.run(),
    }
