"""The log where it lies: appended to, packed, tampered with."""

import json
from collections.abc import Callable

import pytest
from redis import Redis

from shared.audit.chain import line, seal
from shared.audit.log import AuditLog, AuditQuery
from shared.audit.objects import PACK, head_key
from shared.schemas import AuditHead
from shared.storage.s3_store import S3Store
from shared.storage.store import MemoryStore
from tests.integration.audit_facts import everything, fact, facts, ids
from tests.integration.batch_work import PREFIX

# --- appending ---


def test_what_is_appended_is_read_in_its_order_and_verifies(log: AuditLog, tenant: str) -> None:
    log.append(tenant, facts(1, 3))
    head = log.append(tenant, facts(4, 5))
    found = everything(log, tenant)
    assert [entry.sequence for entry in found] == ids(found) == [1, 2, 3, 4, 5]
    assert head == AuditHead(sequence=5, hash=found[-1].hash)
    assert log.verify(tenant).valid
    assert log.verify(tenant).head == found[-1].hash


def test_nothing_is_ever_overwritten(log: AuditLog, tenant: str, memory_store: MemoryStore) -> None:
    log.append(tenant, facts(1, 2))
    before = {key: memory_store.get(key) for key in memory_store.keys("audit/")}
    log.append(tenant, facts(3, 4))
    assert list(memory_store.keys("audit/")) == [f"audit/{tenant}/{number:012d}.jsonl" for number in (1, 3)]
    assert {key: memory_store.get(key) for key in before} == before


def test_another_process_goes_on_where_the_first_one_ended(make_log: Callable[[], AuditLog], tenant: str) -> None:
    make_log().append(tenant, facts(1, 2))
    make_log().append(tenant, facts(3, 3))
    assert ids(everything(make_log(), tenant)) == [1, 2, 3]
    assert make_log().verify(tenant).valid


def test_what_the_log_holds_already_is_not_appended_again(make_log: Callable[[], AuditLog], tenant: str) -> None:
    make_log().append(tenant, facts(1, 3))
    make_log().append(tenant, facts(1, 3))
    make_log().append(tenant, facts(2, 5))
    assert ids(everything(make_log(), tenant)) == [1, 2, 3, 4, 5]


def test_a_writer_who_was_overtaken_writes_nothing_and_then_goes_on(
    make_log: Callable[[], AuditLog], tenant: str
) -> None:
    slow, fast = make_log(), make_log()
    slow.append(tenant, facts(1, 1))
    fast.append(tenant, facts(1, 2))
    fast.append(tenant, facts(3, 3))
    assert slow.append(tenant, facts(2, 4)) is None
    assert slow.append(tenant, facts(2, 4)) is not None
    assert ids(everything(slow, tenant)) == [1, 2, 3, 4]
    assert slow.verify(tenant).valid


def test_what_redis_counts_anew_after_a_loss_is_not_taken_for_known(
    make_log: Callable[[], AuditLog], tenant: str
) -> None:
    """Its clock went back too, so that ids begin below those of the log."""
    make_log().append(tenant, facts(100, 102))
    make_log().append(tenant, facts(50, 51))
    make_log().append(tenant, facts(50, 53))
    assert ids(everything(make_log(), tenant)) == [100, 101, 102, 50, 51, 52, 53]


def test_each_tenant_has_a_chain_of_his_own(log: AuditLog) -> None:
    log.append("one", facts(1, 2))
    log.append("two", facts(1, 3))
    assert (len(everything(log, "one")), len(everything(log, "two"))) == (2, 3)
    assert everything(log, "one")[0].previous != everything(log, "two")[0].previous
    assert log.verify("one").valid
    assert log.verify("two").valid
    assert everything(log, "on") == []


# --- packs ---


def test_a_long_log_is_packed_and_still_the_same(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    log = make_log()
    for first in range(1, 1200, 7):
        log.append(tenant, facts(first, first + 6))
        log.pack(tenant)
    total = ids(everything(log, tenant))
    assert total == list(range(1, total[-1] + 1))
    assert len(list(memory_store.keys(f"audit-packs/{tenant}/"))) == total[-1] // PACK == 2
    assert log.verify(tenant).valid
    assert make_log().append(tenant, facts(total[-1] - 3, total[-1] + 1)) is not None
    assert ids(everything(log, tenant)) == list(range(1, total[-1] + 2))


def test_a_log_that_ends_with_a_full_pack_goes_on(make_log: Callable[[], AuditLog], tenant: str) -> None:
    log = make_log()
    log.append(tenant, facts(1, PACK))
    log.pack(tenant)
    make_log().append(tenant, facts(PACK, PACK + 1))
    assert ids(everything(make_log(), tenant))[-2:] == [PACK, PACK + 1]
    assert make_log().verify(tenant).valid


def test_lost_packs_lose_nothing_and_are_made_again(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    log = make_log()
    log.append(tenant, facts(1, 3 * PACK))
    log.pack(tenant)
    made = {key: memory_store.get(key) for key in memory_store.keys(f"audit-packs/{tenant}/")}
    memory_store.delete(list(made)[1])
    assert len(everything(log, tenant)) == 3 * PACK
    other = make_log()
    other.append(tenant, facts(3 * PACK + 1, 3 * PACK + 1))
    other.pack(tenant)
    assert {key: memory_store.get(key) for key in memory_store.keys(f"audit-packs/{tenant}/")} == made


def test_an_altered_pack_is_noticed(make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore) -> None:
    log = make_log()
    log.append(tenant, facts(1, 2 * PACK))
    log.pack(tenant)
    key = list(memory_store.keys(f"audit-packs/{tenant}/"))[1]
    memory_store.put(key, memory_store.get(key).replace(b"key1", b"key2", 1))
    (problem,) = log.verify(tenant).problems
    assert (problem.sequence, problem.problem) == (PACK + 1, "the pack from here on differs from its segments")


def test_a_pack_under_another_time_is_noticed(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    log = make_log()
    log.append(tenant, facts(1, PACK))
    log.pack(tenant)
    (key,) = memory_store.keys(f"audit-packs/{tenant}/")
    data = memory_store.get(key)
    memory_store.delete(key)
    memory_store.put(f"audit-packs/{tenant}/{1:012d}-{0:013d}-{1:013d}.jsonl", data)
    assert [problem.sequence for problem in log.verify(tenant).problems] == [1]


# --- tampering, as the log sees it ---


def test_a_cut_off_end_is_noticed_from_what_was_noted_here(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore, redis: Redis
) -> None:
    log = make_log()
    for number in range(1, 6):
        log.append(tenant, [fact(number)])
    noted = log.verify(tenant).head
    memory_store.delete(f"audit/{tenant}/{5:012d}.jsonl")
    assert [problem.sequence for problem in log.verify(tenant).problems] == [5]
    memory_store.delete(f"audit-heads/{tenant}.json")
    assert not log.verify(tenant).valid
    redis.flushall()
    assert log.verify(tenant).valid  # whoever could change all three leaves no trace here ...
    assert not log.verify(tenant, [noted]).valid  # ... but in what was noted elsewhere


def test_what_was_cut_off_stays_missing_when_the_log_goes_on(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    make_log().append(tenant, facts(1, 3))
    make_log().append(tenant, facts(4, 5))
    memory_store.delete(f"audit/{tenant}/{4:012d}.jsonl")
    make_log().append(tenant, facts(6, 6))
    found = make_log().verify(tenant)
    assert [(one.sequence, one.problem) for one in found.problems] == [(4, "missing: 4 to 5")]


@pytest.mark.parametrize("damage", [b"", b"nonsense", b'{"sequence": 1}\n'])
def test_a_log_whose_end_was_damaged_goes_on_and_stays_damaged(
    damage: bytes, make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore, redis: Redis
) -> None:
    make_log().append(tenant, facts(1, 3))
    redis.flushall()
    for key in (f"audit/{tenant}/{1:012d}.jsonl", f"audit-heads/{tenant}.json"):
        memory_store.put(key, damage)
    make_log().append(tenant, facts(4, 5))
    make_log().append(tenant, facts(6, 6))
    assert ids(everything(make_log(), tenant)) == [4, 5, 6]
    assert not make_log().verify(tenant).valid


def test_an_object_that_is_no_segment_is_noticed_and_ignored(
    log: AuditLog, tenant: str, memory_store: MemoryStore
) -> None:
    log.append(tenant, facts(1, 3))
    memory_store.put(f"audit/{tenant}/000000000002.jsonl.old", b"x")
    assert len(everything(log, tenant)) == 3
    assert [problem.sequence for problem in log.verify(tenant).problems] == [0]


def test_an_end_that_never_was_makes_no_packs(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    make_log().append(tenant, facts(1, 3))
    memory_store.put(head_key(tenant), b'{"sequence":2000000,"hash":"%s","id":"3-0"}' % (b"0" * 64))
    log = make_log()
    log.append(tenant, facts(9, 9))
    log.pack(tenant)
    assert len(list(memory_store.keys(f"audit-packs/{tenant}/"))) <= 1
    assert ids(everything(log, tenant)) == [1, 2, 3, 9]
    assert not log.verify(tenant).valid


def test_a_segment_of_a_number_that_cannot_be_is_not_gone_on_from(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    make_log().append(tenant, facts(1, 3))
    memory_store.put(f"audit/{tenant}/999999999999.jsonl", b"{}\n")
    make_log().append(tenant, facts(4, 4))
    assert ids(everything(make_log(), tenant)) == [1, 2, 3, 4]
    assert not make_log().verify(tenant).valid


@pytest.mark.parametrize("sequence", [-7, 1, 2, 10**20])
def test_pages_come_to_an_end_whatever_number_an_altered_line_claims(
    log: AuditLog, tenant: str, memory_store: MemoryStore, sequence: int
) -> None:
    for number in range(1, 8):
        log.append(tenant, [fact(number)])
    key = f"audit/{tenant}/{4:012d}.jsonl"
    claimed = {**json.loads(memory_store.get(key)), "sequence": sequence}
    memory_store.put(key, json.dumps(claimed).encode() + b"\n")
    for newest_first in (True, False):
        query, cursor, cursors = AuditQuery(newest_first=newest_first, action="none"), None, list[int]()
        for _ in range(20):
            cursor = log.page(tenant, query, cursor=cursor, most_looked_through=2).cursor
            if cursor is None:
                break
            cursors.append(cursor)
        assert cursor is None
        assert len(set(cursors)) == len(cursors)


def test_what_is_appended_by_the_rules_of_the_chain_cannot_be_told_apart(
    make_log: Callable[[], AuditLog], tenant: str, memory_store: MemoryStore
) -> None:
    """The documentation says so: only the bucket's own rules keep others from writing there."""
    head = make_log().append(tenant, facts(1, 3))
    assert head is not None
    (forged,) = seal([fact(9, actor="somebody")], head)
    memory_store.put(f"audit/{tenant}/{4:012d}.jsonl", line(forged))
    make_log().append(tenant, facts(10, 11))
    assert [entry.actor for entry in everything(make_log(), tenant)].count("somebody") == 1
    assert make_log().verify(tenant).valid


def test_a_log_in_s3_is_packed_queried_and_verified(redis: Redis, s3: S3Store, tenant: str) -> None:
    log = AuditLog(s3, redis, PREFIX)
    log.append(tenant, facts(1, PACK + 3))
    log.pack(tenant)
    log.append(tenant, facts(PACK + 4, PACK + 6))
    assert ids(everything(log, tenant)) == list(range(1, PACK + 7))
    assert ids(log.page(tenant, AuditQuery(), limit=4).entries) == list(range(PACK + 6, PACK + 2, -1))
    assert log.verify(tenant).valid
    key = f"audit/{tenant}/{PACK + 4:012d}.jsonl"
    s3.put(key, s3.get(key).replace(b"key1", b"key2", 1))
    assert [problem.sequence for problem in log.verify(tenant).problems] == [PACK + 4]
