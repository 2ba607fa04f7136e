"""Long jobs take turns; the others do not wait for them."""

import pytest

from shared.errors import WorkerBusy
from workers.turns import Turns


def test_one_long_job_at_a_time() -> None:
    turns = Turns()
    with turns.taken(), pytest.raises(WorkerBusy), turns.taken():
        raise AssertionError("two at a time")
    with turns.taken():
        pass


def test_a_long_job_that_fails_gives_its_turn_back() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns.taken():
        raise KeyError("gone")
    with turns.taken():
        pass
