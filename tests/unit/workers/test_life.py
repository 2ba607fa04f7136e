"""Signs of life and the watchdog."""

import threading
import time
from pathlib import Path

import pytest
from redis import Redis

from shared.errors import QueueUnavailable
from shared.presence import Capability, Presence
from shared.queue import Queue
from workers.life import STALLED, Activity, Signs, watch_for_stall

QUEUES = (Queue.FACE_INTERACTIVE, Queue.FACE_BULK)


def test_a_warm_worker_is_counted_until_it_leaves(redis: Redis, tmp_path: Path) -> None:
    presence = Presence(redis, "likeness:")
    ready_file = tmp_path / "ready"
    lacks = (Capability.PASSIVE_LIVENESS,)
    signs = Signs(presence, worker="w1", queues=QUEUES, ready_file=ready_file, lacks=lacks)
    assert presence.workers(Queue.FACE_BULK) == presence.lacking(*lacks) == 0
    signs.start()
    until = time.monotonic() + 5
    while not presence.workers(Queue.FACE_BULK) and time.monotonic() < until:
        time.sleep(0.01)
    assert ready_file.exists()
    assert presence.workers(Queue.FACE_INTERACTIVE) == 1
    assert presence.workers(Queue.STYLE_BULK) == 0
    assert presence.lacking(*lacks) == 1
    signs.stop()
    assert presence.workers(Queue.FACE_BULK) == presence.lacking(*lacks) == 0
    assert not ready_file.exists()


def test_a_silent_worker_is_not_counted(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence(redis, "likeness:")
    monkeypatch.setattr("shared.presence.GONE_AFTER_S", 0.2)
    presence.beat("w1", QUEUES)
    assert presence.workers(Queue.FACE_BULK) == 1
    time.sleep(0.3)
    assert presence.workers(Queue.FACE_BULK) == 0


@pytest.mark.parametrize(
    ("jobs", "active", "ends"),
    [
        pytest.param(3, False, True, id="jobs wait and nothing happens"),
        pytest.param(3, True, False, id="it works"),
        pytest.param(0, False, False, id="nothing to do"),
        pytest.param(None, False, False, id="Redis is away"),
    ],
)
def test_only_a_stalled_worker_is_ended(jobs: int | None, active: bool, ends: bool) -> None:
    started = time.monotonic()
    ended = threading.Event()
    statuses: list[int] = []

    def waiting() -> int:
        if jobs is None:
            raise QueueUnavailable("away")
        return jobs

    def end(status: int) -> None:
        statuses.append(status)
        ended.set()

    watch_for_stall(
        waiting=waiting,
        last_activity=lambda: time.monotonic() if active else started,
        stall_seconds=0.1,
        end=end,
        interval=0.02,
    )
    assert ended.wait(0.5 if not ends else 5) is ends
    assert statuses == ([STALLED] if ends else [])


def test_a_task_under_way_is_activity_and_its_end_is_remembered() -> None:
    activity, seen = Activity(), []
    began = activity.last()

    def handler(argument: str) -> None:
        first = activity.last()
        time.sleep(0.02)
        seen.append((argument, activity.last() > first))

    activity.of(handler)("job")
    ended = activity.last()
    time.sleep(0.02)
    assert seen == [("job", True)]
    assert began < ended == activity.last()


def test_a_task_that_raises_is_over() -> None:
    activity = Activity()

    def fail(_: str) -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own
        activity.of(fail)("job")
    ended = activity.last()
    time.sleep(0.01)
    assert activity.last() == ended
