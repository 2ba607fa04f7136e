"""The memory of a worker is shared: what does not fit beside the rest waits, and can be cancelled meanwhile."""

import threading
import time

import pytest

from shared.errors import JobCancelled
from workers.memory_gate import HEADROOM_BYTES, MemoryGate

BUDGET = 1000
FULL = BUDGET + HEADROOM_BYTES


def never() -> None:
    raise AssertionError("it had to wait")


def test_what_fits_together_gets_in_at_once() -> None:
    gate = MemoryGate(BUDGET)
    with gate.inside(BUDGET, waiting=never), gate.inside(HEADROOM_BYTES, waiting=never):
        pass


def test_what_is_alone_gets_in_whatever_it_needs() -> None:
    with MemoryGate(BUDGET).inside(10 * FULL, waiting=never):
        pass


def test_what_does_not_fit_waits_until_there_is_room() -> None:
    gate, order = MemoryGate(BUDGET), []

    def second() -> None:
        with gate.inside(FULL, waiting=lambda: order.append("waits")):
            order.append("enters")

    thread = threading.Thread(target=second)
    with gate.inside(1, waiting=never):
        thread.start()
        until = time.monotonic() + 10
        while not order and time.monotonic() < until:
            time.sleep(0.01)
        order.append("first leaves")
    thread.join(10)
    assert order[0] == "waits"
    assert order[-2:] == ["first leaves", "enters"]


def test_a_job_that_is_cancelled_while_it_waits_gives_its_place_up() -> None:
    gate = MemoryGate(BUDGET)

    def cancelled() -> None:
        raise JobCancelled("the job was cancelled")

    with gate.inside(FULL, waiting=never), pytest.raises(JobCancelled), gate.inside(1, waiting=cancelled):
        pass
    with gate.inside(FULL, waiting=never):
        pass


def test_memory_is_given_back_when_the_work_fails() -> None:
    gate = MemoryGate(BUDGET)
    with pytest.raises(RuntimeError), gate.inside(FULL, waiting=never):
        raise RuntimeError("a fault")
    with gate.inside(1, waiting=never), gate.inside(BUDGET, waiting=never):
        pass
