"""The outbox against a real Redis: what is told with a job's outcome, and who is done with what."""

import time

import pytest
from redis import Redis

from shared.errors import QueueUnavailable
from shared.jobs import JobStore, NewJob
from shared.ml.face.verification import Verdict
from shared.outbox import LATEST_S, MOST_ENTRIES, UNREADABLE, NewOccurrence, Outbox, Reader
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
    for reader, last in [(reader, outbox.read(reader, count=1000)[-1]) for reader in Reader]:
        outbox.done(reader, last.id)
    assert outbox.length() == 0


def test_webhooks_that_never_ran_keep_nothing(outbox: Outbox) -> None:
    for number in range(1000):
        outbox.append(told("one", number=number))
    outbox.done(Reader.AUDIT, outbox.read(Reader.AUDIT, count=1000)[-1].id)
    assert outbox.length() == 0


def test_an_audit_that_never_ran_misses_nothing(outbox: Outbox) -> None:
    outbox.append(told("one"))
    (entry,) = outbox.read(Reader.WEBHOOKS)
    outbox.done(Reader.WEBHOOKS, entry.id)
    assert outbox.read(Reader.AUDIT) == [entry]


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


# --- a reader that stays away ---


class Clock:
    """Ahead of the real one by `seconds`."""

    seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.seconds


def test_webhooks_that_do_not_come_back_keep_an_entry_for_a_day(redis: Redis) -> None:
    clock = Clock()
    outbox = Outbox(redis, PREFIX, clock=clock)
    outbox.append(told("person.erased", person="ada"))
    (entry,) = outbox.read(Reader.WEBHOOKS)
    outbox.done(Reader.AUDIT, entry.id)
    assert outbox.read(Reader.WEBHOOKS) == [entry]
    clock.seconds = LATEST_S + 1
    outbox.done(Reader.AUDIT, entry.id)
    assert outbox.length() == 0


def test_an_entry_after_a_quiet_week_is_kept_for_webhooks_too(redis: Redis) -> None:
    outbox = Outbox(redis, PREFIX)
    redis.hset(f"{PREFIX}outbox:done", mapping={"webhooks": f"{int(time.time() - 7 * LATEST_S)}000-0"})
    outbox.append(told("one"))
    (entry,) = outbox.read(Reader.AUDIT)
    outbox.done(Reader.AUDIT, entry.id)
    assert outbox.read(Reader.WEBHOOKS) == [entry]


def test_an_audit_that_stays_away_keeps_what_is_older_than_a_day(redis: Redis) -> None:
    clock = Clock()
    outbox = Outbox(redis, PREFIX, clock=clock)
    outbox.append(told("one"))
    (entry,) = outbox.read(Reader.WEBHOOKS)
    clock.seconds = LATEST_S + 1
    outbox.done(Reader.WEBHOOKS, entry.id)
    assert outbox.read(Reader.AUDIT) == [entry]


def test_a_full_outbox_drops_the_oldest_and_says_so_to_who_had_not_read_them(redis: Redis) -> None:
    outbox = Outbox(redis, PREFIX, most_entries=300)
    outbox.append(told("one"))
    (first,) = outbox.read(Reader.AUDIT)
    outbox.done(Reader.AUDIT, first.id)
    for number in range(299):
        outbox.append(told("one", number=number))
    assert outbox.missed(Reader.AUDIT) is None
    for number in range(299, 900):
        outbox.append(told("one", number=number))
    assert 300 <= outbox.length() < 500
    assert outbox.missed(Reader.AUDIT) == first.id
    outbox.done(Reader.AUDIT, outbox.read(Reader.AUDIT, count=200)[-1].id)
    assert outbox.missed(Reader.AUDIT) is None
    assert outbox.read(Reader.AUDIT)


def test_jobs_keep_to_the_same_number_of_entries(jobs: JobStore, outbox: Outbox, redis: Redis) -> None:
    """Of a stream that is full already; XADD trims whole nodes of 100."""
    with redis.pipeline() as pipe:
        for number in range(1, MOST_ENTRIES + 301):
            pipe.xadd(f"{PREFIX}outbox", {"kind": "x"}, id=f"1-{number}")
        pipe.execute()
    jobs.cancel("acme", jobs.submit(NewJob("acme", JobType.COMPARISON, PAYLOAD)).id)
    assert MOST_ENTRIES <= outbox.length() <= MOST_ENTRIES + 100


@pytest.mark.parametrize(
    "damage",
    [
        {"data": "{"},
        {"data": "[" * 100_000},
        {"data": "[]"},
        {"at": "soon"},
        {"at": "nan"},
        {"at": "1e300"},
        {"kind": "job", "payload": "{"},
        {"actor": None},
        {"tenant": None},
    ],
)
def test_an_entry_that_makes_no_sense_hides_none_of_the_others(
    outbox: Outbox, redis: Redis, damage: dict[str, str | None]
) -> None:
    fields = {"tenant": "acme", "kind": "k", "actor": "", "trace": "", "at": "1.0", "data": "{}", **damage}
    outbox.append(told("one"))
    redis.xadd(f"{PREFIX}outbox", {name: value for name, value in fields.items() if value is not None})
    outbox.append(told("two"))
    first, broken, last = outbox.read(Reader.AUDIT)
    assert (first.kind, broken.kind, last.kind) == ("one", UNREADABLE, "two")
    assert (broken.tenant, broken.data) == (fields["tenant"] or "", {})
    assert abs(broken.at - first.at) < 5
