"""The queues: their names, the tasks that go through them, the Celery configuration both sides share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from celery import Celery
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from shared.schemas import JobType, Priority
from shared.settings import RedisSettings

VISIBILITY_TIMEOUT_S = 2 * 3600  # longer than the longest task, or that task would be delivered twice


class Queue(StrEnum):
    FACE_INTERACTIVE = "face.interactive"
    FACE_BULK = "face.bulk"
    STYLE_INTERACTIVE = "style.interactive"
    STYLE_BULK = "style.bulk"
    WEBHOOKS = "webhooks"
    HOUSEKEEPING = "housekeeping"

    @property
    def interactive(self) -> bool:
        """Somebody is waiting for what is in it."""
        return self in {Queue.FACE_INTERACTIVE, Queue.STYLE_INTERACTIVE}


class Task(StrEnum):
    """Tasks are sent by name; workers register each under exactly this name."""

    ENROL = "face.enrol"
    VERIFY = "face.verify"
    COMPARE = "face.compare"
    RECOGNISE = "face.recognise"
    DETECT = "face.detect"
    REEMBED = "face.reembed"
    EVALUATE = "face.evaluate"
    CALIBRATE = "face.calibrate"
    REGISTER = "face.register"
    TRAIN = "face.train"
    CHECK_LIVENESS = "face.check_liveness"
    STYLIZE = "style.stylize"
    VISUALISE = "style.visualise"
    DISPATCH = "webhooks.dispatch"
    DELIVER = "webhooks.deliver"
    IMPORT = "face.import"
    SWEEP = "housekeeping.sweep"
    RETAIN = "housekeeping.retain"
    FEED = "housekeeping.feed"
    AUDIT = "housekeeping.audit"


@dataclass(frozen=True)
class Route:
    task: Task
    interactive: Queue
    bulk: Queue

    def queue(self, priority: Priority) -> Queue:
        return self.interactive if priority is Priority.INTERACTIVE else self.bulk


ROUTES: Mapping[JobType, Route] = {
    JobType.ENROLMENT: Route(Task.ENROL, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.VERIFICATION: Route(Task.VERIFY, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.COMPARISON: Route(Task.COMPARE, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.RECOGNITION: Route(Task.RECOGNISE, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.DETECTION: Route(Task.DETECT, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.REEMBEDDING: Route(Task.REEMBED, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.EVALUATION: Route(Task.EVALUATE, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.CALIBRATION: Route(Task.CALIBRATE, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.LIVENESS_CHECK: Route(Task.CHECK_LIVENESS, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.REGISTRATION: Route(Task.REGISTER, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.TRAINING: Route(Task.TRAIN, Queue.FACE_INTERACTIVE, Queue.FACE_BULK),
    JobType.IMPORT: Route(Task.IMPORT, Queue.FACE_BULK, Queue.FACE_BULK),
    JobType.STYLIZATION: Route(Task.STYLIZE, Queue.STYLE_INTERACTIVE, Queue.STYLE_BULK),
    JobType.VISUALISATION: Route(Task.VISUALISE, Queue.STYLE_BULK, Queue.STYLE_BULK),
}


def connect(settings: RedisSettings) -> Redis:
    """A client whose calls end: 10 s a call, three tries, dead connections noticed.

    Blocking reads must ask for less than the 10 s.
    """
    return Redis.from_url(
        settings.url.get_secret_value(),
        decode_responses=True,
        socket_timeout=10,
        socket_connect_timeout=3,
        socket_keepalive=True,
        health_check_interval=30,
        max_connections=2048,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries=3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )


Publish = Callable[[Task, str, Queue], None]
"""Send a task's message: its name, the job's id, the queue. May raise."""


def publisher(app: Celery) -> Publish:
    """The real one: through Celery."""

    def publish(task: Task, job_id: str, queue: Queue) -> None:
        app.send_task(task.value, args=[job_id], queue=queue.value)

    return publish


def celery_app(settings: RedisSettings) -> Celery:
    """The Celery application of either side; a worker adds its tasks to it.

    The job's record is the result, so Celery's own are ignored. Messages carry the job id only. The two
    `unacked_restore_*` options bring a dead worker's messages back after seconds instead of minutes.
    """
    app = Celery("likeness", broker=settings.url.get_secret_value())
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_default_delivery_mode=1,
        task_create_missing_queues=True,
        task_default_queue=Queue.HOUSEKEEPING.value,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=10,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=64,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "global_keyprefix": settings.key_prefix,
            "socket_keepalive": True,
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "health_check_interval": 30,
            "retry_on_timeout": True,
        },
    )
    return app
