"""Reports on record: kept once, listed in order, forgotten with the person they are about."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import FeedbackContradicts, FeedbackNotFound, ObjectNotFound
from shared.galleries.feedback import Feedback, FeedbackKind, FeedbackStore
from shared.schemas import Model, PolicyKind
from shared.storage.store import MemoryStore

NOW = datetime.now(UTC)


def report(number: int = 0, **changes: Any) -> Feedback:
    fields = {
        "id": f"job{number}-0", "gallery": "staff", "job": f"job{number}", "face": 0,
        "kind": FeedbackKind.WRONG_PERSON, "search": PolicyKind.VERIFICATION, "person": "u1", "score": 0.5,
        "policy": "verify-fmr-1e-4", "threshold": 0.43, "model": Model(name="sface", digest="d1"), "device": None,
        "created_at": NOW, "actor": "k",
    }  # fmt: skip
    return Feedback.model_validate({**fields, **changes})


@pytest.fixture
def store() -> FeedbackStore:
    return FeedbackStore(MemoryStore())


def test_the_first_report_of_a_face_is_the_one_that_is_kept(store: FeedbackStore) -> None:
    assert store.put("acme", report()) == (report(), True)
    later = report(actor="other")
    assert store.put("acme", later) == (report(), False)
    for contradiction in (report(kind=FeedbackKind.NOT_RECOGNISED_BUT_IS), report(person="u2")):
        with pytest.raises(FeedbackContradicts, match="job0-0"):
            store.put("acme", contradiction)
    assert store.get("acme", "staff", "job0-0") == report()


def test_reports_are_listed_from_one_on(store: FeedbackStore) -> None:
    for number in range(4):
        store.put("acme", report(number))
    page, more = store.page("acme", "staff", after="job0-0", limit=2)
    assert ([one.job for one in page], more) == (["job1", "job2"], "job2-0")
    assert store.page("acme", "staff", after="job1-0", limit=2)[1] is None
    assert len(store.listed("acme", "staff")) == 4
    assert store.listed("other", "staff") == store.listed("acme", "elsewhere") == []


class Deleting(MemoryStore):
    """A report is deleted between its being listed and read."""

    def get(self, key: str) -> bytes:
        if "job1" in key:
            raise ObjectNotFound(key)
        return super().get(key)


def test_a_report_that_is_deleted_meanwhile_does_not_end_the_list() -> None:
    store = FeedbackStore(Deleting())
    for number in range(4):
        store.put("acme", report(number))
    page, more = store.page("acme", "staff", after="", limit=2)
    assert ([one.job for one in page], more) == (["job0"], "job1-0")
    assert [one.job for one in store.page("acme", "staff", after="job1-0", limit=2)[0]] == ["job2", "job3"]


def test_a_person_is_forgotten_by_his_pseudonym(store: FeedbackStore) -> None:
    for number, person in enumerate(["u1", "u2", "u1"]):
        store.put("acme", report(number, person=person))
    assert store.delete_of("acme", "staff", "u1") == 2
    assert [one.person for one in store.listed("acme", "staff")] == ["u2"]
    assert store.delete_of("acme", "staff", "u1") == 0


def test_what_is_not_there_cannot_be_read_or_deleted(store: FeedbackStore) -> None:
    for action in (store.get, store.delete):
        with pytest.raises(FeedbackNotFound):
            action("acme", "staff", "job0-0")
