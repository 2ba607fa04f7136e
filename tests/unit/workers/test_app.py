"""The worker roles: between them they do every task and consume every queue, each queue once."""

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


def test_every_queue_belongs_to_exactly_one_role_and_every_task_to_one_at_least(plans: dict[Role, Plan]) -> None:
    assert {task for work in plans.values() for task in work.tasks} == set(Task)
    assert sorted(queue for work in plans.values() for queue in work.queues) == sorted(Queue)


def test_whoever_consumes_a_queue_does_every_task_that_is_sent_to_it(plans: dict[Role, Plan]) -> None:
    for work in plans.values():
        for route in ROUTES.values():
            if {route.interactive, route.bulk} & set(work.queues):
                assert route.task in work.tasks


def test_bulk_stylisations_are_kept_apart_from_interactive_ones(plans: dict[Role, Plan]) -> None:
    assert list(plans[Role.STYLE].queues) == [Queue.STYLE_INTERACTIVE]
    assert list(plans[Role.STYLE_BULK].queues) == [Queue.STYLE_BULK]


def test_only_housekeeping_and_webhooks_act_by_themselves(plans: dict[Role, Plan]) -> None:
    assert {role for role, work in plans.items() if work.schedule} == {Role.HOUSEKEEPING, Role.WEBHOOKS}
