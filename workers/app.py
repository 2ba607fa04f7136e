"""The worker processes: which role consumes which queues, and how one starts and ends.

Models are loaded and warmed up before the first message is taken. GPU work stays in one thread of a process
that never forks, so the pool is one of threads.
"""

import math
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import structlog
from celery import Celery
from celery import beat as beats
from celery.signals import worker_ready, worker_shutting_down

from shared.presence import Capability
from shared.queue import Queue, Task
from workers.life import Activity, Signs, watch_for_stall
from workers.services import Services

log = structlog.get_logger("worker")

Handler = Callable[[str], None]

BULK_NICENESS = 19  # where cores are contended, a seventieth of what interactive work gets; otherwise all of them
AUTOGROUP = Path("/proc/self/autogroup")
SCHEDULE_STALL_S = 15.0


class Role(StrEnum):
    FACE = "face"
    STYLE = "style"
    STYLE_BULK = "style-bulk"
    WEBHOOKS = "webhooks"
    HOUSEKEEPING = "housekeeping"


@dataclass(frozen=True)
class Plan:
    """What a role runs: its queues, its tasks, how many at a time, and at what interval (s) by itself.

    `lacks` is what its tasks cannot do here, for want of optional files.
    """

    queues: Sequence[Queue]
    tasks: Mapping[Task, Handler]
    threads: int
    schedule: Mapping[Task, float] = field(default_factory=dict)
    lacks: Sequence[Capability] = ()


def plan(role: Role, services: Services) -> Plan:
    """Load what the role needs (seconds: models) and name its tasks."""
    match role:
        case Role.FACE:
            from workers.face import face_tasks  # torch is imported by the roles that use it only

            tasks, lacks = face_tasks(services)
            queues = (Queue.FACE_INTERACTIVE, Queue.FACE_BULK)
            return Plan(queues, tasks, services.settings.workers.face_threads, lacks=lacks)
        case Role.STYLE:
            from workers.style import style_tasks

            return Plan(
                (Queue.STYLE_INTERACTIVE,),
                style_tasks(services),
                services.settings.workers.style_threads,
            )
        case Role.STYLE_BULK:
            from workers.style import style_tasks

            return Plan(
                (Queue.STYLE_BULK,),
                style_tasks(services),
                services.settings.workers.style_threads,
            )
        case Role.WEBHOOKS:
            from workers.webhooks import DISPATCH_EVERY_S, webhook_tasks

            schedule = {Task.DISPATCH: DISPATCH_EVERY_S}
            threads = services.settings.webhooks.threads + len(schedule)
            return Plan((Queue.WEBHOOKS,), webhook_tasks(services), threads, schedule)
        case Role.HOUSEKEEPING:
            from workers.auditing import AUDIT_EVERY_S
            from workers.feeding import FEED_EVERY_S
            from workers.housekeeping import SWEEP_EVERY_S, housekeeping_tasks
            from workers.retention import RETAIN_EVERY_S

            schedule = {
                Task.SWEEP: SWEEP_EVERY_S,
                Task.FEED: FEED_EVERY_S,
                Task.AUDIT: AUDIT_EVERY_S,
                Task.RETAIN: RETAIN_EVERY_S,
            }
            return Plan((Queue.HOUSEKEEPING,), housekeeping_tasks(services), len(schedule), schedule)


def _register(app: Celery, task: Task, handler: Handler) -> None:
    """Celery takes a task's signature from a named function, which handlers need not be."""

    @app.task(name=task.value)
    def consume(job_id: str = "") -> None:
        handler(job_id)


def _beat_schedule(work: Plan) -> dict[str, dict[str, object]]:
    """What the role does by itself. A turn that was not taken in time is worth nothing: the next is on its way."""
    return {
        task.value: {
            "task": task.value,
            "schedule": interval,
            "options": {"queue": work.queues[0].value, "expires": interval * 5},
        }
        for task, interval in work.schedule.items()
    }


def _give_way() -> None:
    """Leave the processors to every other process.

    Linux may weigh sessions against each other before it looks at processes (sched(7), autogroups): whoever leads a
    session speaks for all of it.
    """
    os.nice(BULK_NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # a kernel without them
            AUTOGROUP.write_text(str(BULK_NICENESS))


def run(role: Role, services: Services) -> int:
    """Consume the role's queues until a signal ends the process; its exit status."""
    if role is Role.STYLE_BULK:
        _give_way()  # before torch starts its threads: those that run already would not follow
    work = plan(role, services)
    settings = services.settings
    name = f"{role.value}@{socket.gethostname()}-{os.getpid()}"
    ready_file = settings.workers.ready_file
    signs = Signs(services.presence, worker=name, queues=work.queues, ready_file=ready_file, lacks=work.lacks)
    app = services.celery
    activity = Activity()
    for task, handler in work.tasks.items():
        _register(app, task, activity.of(handler))
    app.conf.beat_schedule = _beat_schedule(work)
    # In a thread: the process that Celery forks for it by default would survive this one's sudden death. The
    # schedule is in memory: what it sends is idempotent.
    beat = beats.Service(app, max_interval=1, scheduler_cls=beats.Scheduler)

    def ready(**_: object) -> None:
        signs.start()
        if work.schedule:
            threading.Thread(target=beat.start, name="beat", daemon=True).start()
        log.info("ready", worker=name, queues=[queue.value for queue in work.queues])

    def leaving(**_: object) -> None:
        signs.stop()
        beat.stop()

    worker_ready.connect(ready, weak=False)
    worker_shutting_down.connect(leaving, weak=False)
    count = services.jobs.messages if work.schedule else services.jobs.waiting
    watch_for_stall(
        waiting=lambda: sum(count(queue) for queue in work.queues),
        last_activity=activity.last,
        # What comes every second is missed soon.
        stall_seconds=min(settings.workers.stall_seconds, SCHEDULE_STALL_S if work.schedule else math.inf),
    )
    worker = app.Worker(
        hostname=name,
        pool="threads",
        concurrency=work.threads,
        queues=[queue.value for queue in work.queues],
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel=settings.log_level.upper(),
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
