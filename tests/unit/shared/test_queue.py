"""Names and queues: each task has a worker that knows it, each job type a way to one."""

from shared.queue import ROUTES, Queue, Task, celery_app
from shared.schemas import JobType, Priority
from shared.settings import RedisSettings

OF_NO_JOB = {Task.SWEEP, Task.FEED, Task.AUDIT, Task.RETAIN, Task.DISPATCH, Task.DELIVER}


def test_every_job_type_has_a_route() -> None:
    assert set(ROUTES) == set(JobType)


def test_every_task_is_routed_or_scheduled() -> None:
    assert {route.task for route in ROUTES.values()} | OF_NO_JOB == set(Task)


def test_priorities_choose_between_two_queues() -> None:
    always_bulk = {JobType.VISUALISATION, JobType.IMPORT}
    for job_type, route in ROUTES.items():
        same = route.queue(Priority.INTERACTIVE) is route.queue(Priority.BULK)
        assert same == (job_type in always_bulk)


def test_every_queue_is_somebodys() -> None:
    routed = {queue for route in ROUTES.values() for queue in (route.interactive, route.bulk)}
    assert routed | {Queue.HOUSEKEEPING, Queue.WEBHOOKS} == set(Queue)


def test_a_dead_workers_messages_come_back_and_results_are_not_kept() -> None:
    conf = celery_app(RedisSettings.model_validate({"url": "redis://localhost"})).conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.task_ignore_result
    assert conf.accept_content == ["json"]
    assert conf.broker_transport_options["unacked_restore_interval"] == 1
