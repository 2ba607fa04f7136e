"""Which workers are there, as everybody sees it who reads the same Redis."""

import time

import pytest
from redis import Redis

from shared.presence import Capability, Presence
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


def test_what_a_worker_lacks_is_known_for_as_long_as_it_is_there(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    presence, queues = Presence(redis, "test:"), [Queue.FACE_BULK]
    presence.beat("w1", queues, [Capability.PASSIVE_LIVENESS])
    presence.beat("w2", queues)
    assert (presence.workers(Queue.FACE_BULK), presence.lacking(Capability.PASSIVE_LIVENESS)) == (2, 1)
    monkeypatch.setattr("shared.presence.GONE_AFTER_S", 0.1)
    time.sleep(0.2)
    assert presence.lacking(Capability.PASSIVE_LIVENESS) == 0
