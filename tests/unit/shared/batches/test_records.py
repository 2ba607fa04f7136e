"""What a batch's record says of itself."""

import pytest

from shared.batches.records import input_key, job_id
from shared.schemas import Batch, BatchStatus, JobStatus
from shared.storage.store import batch_folder, inbox_folder


def batch(**changes: object) -> Batch:
    fields = {"id": "b", "tenant": "acme", "status": "running", "total": 10, "created_at": 1.0, **changes}
    return Batch.model_validate(fields, strict=False)


def test_what_is_neither_begun_nor_ended_is_queued() -> None:
    assert batch(running=2, done=3, failed=1, cancelled=1).queued == 3


def test_the_time_left_is_the_pace_for_each_item_left() -> None:
    assert batch(running=2, done=3, pace=0.5).eta_seconds == pytest.approx(3.5)


@pytest.mark.parametrize("status", [status for status in BatchStatus if status is not BatchStatus.RUNNING])
def test_no_time_is_promised_while_nothing_moves(status: BatchStatus) -> None:
    assert batch(status=status.value, pace=0.5).eta_seconds is None


def test_the_pace_of_a_new_batch_is_not_known() -> None:
    assert batch().eta_seconds is None


def test_three_states_are_final() -> None:
    final = {status.value for status in BatchStatus if status.finished}
    assert final == {"succeeded", "failed", "cancelled"} <= {status.value for status in JobStatus}


def test_every_item_has_its_own_job_and_another_after_each_expiry() -> None:
    ids = {job_id("b", number, attempt) for number in range(20) for attempt in range(3)}
    assert len(ids) == 60
    assert job_id("b", 7) == "b-7"


def test_tenants_have_folders_of_their_own() -> None:
    """The ends matter: the folder of `acme` must not be the beginning of that of `acme2`."""
    assert not inbox_folder("acme2").startswith(inbox_folder("acme"))
    assert not batch_folder("acme2", "b").startswith(batch_folder("acme", "b"))
    assert input_key("acme", "b", "3").startswith(batch_folder("acme", "b"))
