"""The worker roles: between them they do every task and consume every queue, each once."""

from pathlib import Path

import pytest

from shared.queue import ROUTES, Queue, Task
from shared.settings import RedisSettings, S3Settings, Settings
from workers.app import Plan, Role, plan
from workers.services import connect_services


@pytest.fixture
def plans(redis_url: str, weights_dir: Path) -> dict[Role, Plan]:
    """What each role would run, with its real models; nothing is contacted or consumed."""
    settings = Settings(
        redis=RedisSettings.model_validate({"url": redis_url}),
        s3=S3Settings.model_validate(
            {"endpoint": "127.0.0.1:9", "access_key": "key", "secret_key": "not-a-placeholder"}
        ),
        weights_cache=weights_dir,
    )
    services = connect_services(settings)
    return {role: plan(role, services) for role in Role}


def test_every_task_and_every_queue_belongs_to_exactly_one_role(plans: dict[Role, Plan]) -> None:
    assert sorted(task for work in plans.values() for task in work.tasks) == sorted(Task)
    assert sorted(queue for work in plans.values() for queue in work.queues) == sorted(Queue)


def test_a_role_consumes_the_queues_its_tasks_are_sent_to(plans: dict[Role, Plan]) -> None:
    for work in plans.values():
        for route in ROUTES.values():
            if route.task in work.tasks:
                assert {route.interactive, route.bulk} <= set(work.queues)


def test_only_housekeeping_acts_by_itself(plans: dict[Role, Plan]) -> None:
    assert {role for role, work in plans.items() if work.schedule} == {Role.HOUSEKEEPING}
