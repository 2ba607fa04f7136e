"""The outbox against a real Redis: what is told with a job's outcome, and who is done with what."""

import pytest
from redis import Redis

from shared.errors import QueueUnavailable
from shared.jobs import JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.outbox import NewOccurrence, Outbox, Reader
from shared.schemas import ComparisonPayload, ComparisonResult, JobError, JobType, Model
from shared.settings import JobSettings

PREFIX = "likeness:"
MODEL = Model(name="m", digest="d")
PAYLOAD = ComparisonPayload(image_a_key="a", image_b_key="b", model=MODEL, policy="p")
RESULT = ComparisonResult(verdict=Verdict.MATCH, policy="p", threshold=0.4)


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis, PREFIX)


@pytest.fixture
def jobs(redis: Redis) -> JobStore:
    return JobStore(redis, PREFIX, JobSettings(max_attempts=1), lambda *_: None)


def told(kind: str, **data: object) -> NewOccurrence:
    return NewOccurrence(tenant="acme", kind=kind, actor="key1", trace="r1", data=data)


def test_what_was_appended_is_read_in_its_order(outbox: Outbox) -> None:
    outbox.append(told("person.erased", uid="u1"))
    outbox.append(told("key.created", key="k", scopes=[]))
    first, second = outbox.read(Reader.AUDIT)
    assert (first.kind, first.tenant, first.actor, first.trace, first.data) == (
        "person.erased", "acme", "key1", "r1", {"uid": "u1"},
    )  # fmt: skip
    assert (second.kind, second.data) == ("key.created", {"key": "k", "scopes": []})
    assert first.id < second.id
    assert 0 <= second.at - first.at < 5


def test_an_entry_is_read_again_until_its_reader_is_done(outbox: Outbox) -> None:
    for number in range(3):
        outbox.append(told("one", number=number))
    found = outbox.read(Reader.AUDIT)
    assert outbox.read(Reader.AUDIT) == found
    outbox.done(Reader.AUDIT, found[1].id)
    assert outbox.read(Reader.AUDIT) == found[2:]


def test_a_slow_reader_keeps_its_entries(outbox: Outbox) -> None:
    outbox.append(told("one"))
    (entry,) = outbox.read(Reader.WEBHOOKS)
    outbox.read(Reader.AUDIT)
    outbox.done(Reader.AUDIT, entry.id)
    assert outbox.read(Reader.AUDIT) == []
    assert outbox.read(Reader.WEBHOOKS) == [entry]


def test_what_all_are_done_with_is_removed(outbox: Outbox) -> None:
    for number in range(1000):
        outbox.append(told("one", number=number))
    for reader in Reader:
        last = outbox.read(reader, count=1000)[-1]
        outbox.done(reader, last.id)
    assert outbox.length() < 200  # whole nodes of the stream go


def test_a_reader_that_never_ran_keeps_nothing(outbox: Outbox) -> None:
    for number in range(1000):
        outbox.append(told("one", number=number))
    outbox.done(Reader.AUDIT, outbox.read(Reader.AUDIT, count=1000)[-1].id)
    assert outbox.length() < 200


def test_a_jobs_outcome_is_told_with_what_it_was_about(jobs: JobStore, outbox: Outbox) -> None:
    accepted = jobs.submit(NewJob("acme", JobType.COMPARISON, PAYLOAD, trace="r9", actor="key7"))
    assert outbox.read(Reader.AUDIT) == []
    job = jobs.claim(accepted.id)
    assert job is not None
    assert jobs.succeed(job, RESULT, MODEL)
    (entry,) = outbox.read(Reader.AUDIT)
    assert (entry.kind, entry.tenant, entry.actor, entry.trace) == ("job", "acme", "key7", "r9")
    assert entry.data["job"] == accepted.id
    assert (entry.data["type"], entry.data["status"]) == ("comparison", "succeeded")
    assert entry.data["payload"]["image_a_key"] == "a"
    assert entry.data["result"]["verdict"] == "match"
    assert entry.data["model"] == {"name": "m", "digest": "d"}


def test_a_stale_worker_tells_nothing(jobs: JobStore, outbox: Outbox) -> None:
    job = jobs.claim(jobs.submit(NewJob("acme", JobType.COMPARISON, PAYLOAD)).id)
    assert job is not None
    assert jobs.succeed(job, RESULT, MODEL)
    assert not jobs.fail(job, JobError(code="late", detail="late"))
    assert len(outbox.read(Reader.AUDIT)) == 1


def test_cancelled_and_buried_jobs_are_told_too(jobs: JobStore, outbox: Outbox) -> None:
    jobs.cancel("acme", jobs.submit(NewJob("acme", JobType.COMPARISON, PAYLOAD)).id)
    job = jobs.claim(jobs.submit(NewJob("acme", JobType.COMPARISON, PAYLOAD)).id)
    assert job is not None
    assert jobs.release(job, JobError(code="fault", detail="broke")) == "failed"
    cancelled, failed = outbox.read(Reader.AUDIT)
    assert cancelled.data["status"] == "cancelled"
    assert (failed.data["status"], failed.data["error"]["code"]) == ("failed", "fault")


def test_without_redis_it_says_so() -> None:
    nowhere = Outbox(Redis.from_url("redis://127.0.0.1:1/0"), PREFIX)
    with pytest.raises(QueueUnavailable):
        nowhere.append(told("one"))
    with pytest.raises(QueueUnavailable):
        nowhere.read(Reader.AUDIT)
