"""The memory of a worker is shared: what does not fit beside the rest waits, and can be cancelled meanwhile."""

import threading
import time

import pytest

from shared.errors import JobCancelled, WorkerBusy
from shared.jobs import LONGEST_RETRY_S
from workers import memory_gate
from workers.memory_gate import HEADROOM_BYTES, OWED_S, MemoryGate

BUDGET = 1000
FULL = BUDGET + HEADROOM_BYTES


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_gate, "PATIENCE_S", 0.0)
    monkeypatch.setattr(memory_gate, "LOOK_EVERY_S", 0.01)


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


def refused(gate: MemoryGate, needed: int) -> bool:
    try:
        with gate.inside(needed, waiting=lambda: None):
            return False
    except WorkerBusy:
        return True


def test_what_finds_no_room_in_time_goes_back_to_the_queue() -> None:
    gate = MemoryGate(BUDGET)
    with gate.inside(FULL, waiting=never):
        began = time.monotonic()
        assert refused(gate, 1)
    assert memory_gate.PATIENCE_S <= time.monotonic() - began < memory_gate.PATIENCE_S + 2
    assert not refused(gate, FULL)


@pytest.mark.usefixtures("impatient")
def test_a_large_one_that_was_sent_back_is_not_overtaken_by_what_would_not_fit_beside_it() -> None:
    gate = MemoryGate(BUDGET)
    with gate.inside(FULL // 4, waiting=never):
        assert refused(gate, FULL - 10)
        assert refused(gate, 11)
        assert not refused(gate, 10)
    assert not refused(gate, FULL - 10)
    with gate.inside(FULL // 4, waiting=never):
        assert not refused(gate, 11), "it has been let in: nothing is owed any more"


@pytest.mark.usefixtures("impatient")
def test_room_is_kept_only_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = MemoryGate(BUDGET)
    monkeypatch.setattr(memory_gate, "OWED_S", 0.05)
    with gate.inside(FULL // 4, waiting=never):
        assert refused(gate, FULL)
        assert refused(gate, 1)
        time.sleep(0.06)
        assert not refused(gate, 1)


def test_room_is_kept_until_the_queue_hands_the_job_out_again() -> None:
    assert OWED_S > LONGEST_RETRY_S
