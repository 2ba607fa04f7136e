"""Which workers are there, as everybody sees it who reads the same Redis."""

import time

import pytest
from redis import Redis

from shared.presence import Presence
from shared.queue import Queue


@pytest.mark.parametrize("wrong_by", [-3600, 3600])
def test_a_clock_that_is_wrong_makes_nobody_look_gone(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, wrong_by: float
) -> None:
    presence, queues = Presence(redis, "test:"), [Queue.FACE_BULK]
    presence.beat("w1", queues)
    right = time.time
    with monkeypatch.context() as patched:
        patched.setattr("time.time", lambda: right() + wrong_by)
        assert presence.workers(Queue.FACE_BULK) == 1
        presence.beat("w2", queues)
    assert presence.workers(Queue.FACE_BULK) == 2
