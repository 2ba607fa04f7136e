"""The erasure log."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from shared.erasures.log import FRESH_S, Erasure, ErasureLog, ErasureReason
from shared.storage.store import MemoryStore

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def erasure(at: datetime = NOW, uid: str | None = None) -> Erasure:
    return Erasure(gallery="staff", uid=uid or uuid.uuid4().hex, erased_at=at, reason=ErasureReason.REQUESTED)


def log_at(store: MemoryStore, at: datetime = NOW, clock: Clock | None = None) -> ErasureLog:
    return ErasureLog(store, clock=clock or Clock(), now=at.timestamp)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_who_is_in_the_log_is_erased_and_nobody_else(store: MemoryStore) -> None:
    log, entry = ErasureLog(store), erasure()
    assert not log.is_erased("acme", entry.uid)
    assert log.append("acme", entry)
    assert log.is_erased("acme", entry.uid)
    assert not log.is_erased("acme", uuid.uuid4().hex)
    assert not log.is_erased("other", entry.uid)


def test_an_entry_is_added_once(store: MemoryStore) -> None:
    log, entry = log_at(store), erasure()
    assert [log.append("acme", one) for one in (entry, entry)] == [True, False]
    assert list(ErasureLog(store).entries("acme")) == [entry]


def test_an_entry_that_a_backup_took_away_is_added_again(store: MemoryStore) -> None:
    log, entry = log_at(store), erasure()
    log.append("acme", entry)
    store.delete_prefix("erasures/")
    assert log.append("acme", entry)
    assert list(log.entries("acme")) == [entry]


def test_entries_come_in_the_order_in_which_they_were_added(store: MemoryStore) -> None:
    ages = (timedelta(days=3), timedelta(days=300), timedelta(days=1))
    entries = [erasure(NOW - age) for age in ages]
    for minutes, entry in enumerate(entries):
        log_at(store, NOW + timedelta(minutes=minutes)).append("acme", entry)
    assert list(ErasureLog(store).entries("acme")) == entries


def test_another_process_hears_of_it_within_seconds(store: MemoryStore) -> None:
    clock = Clock()
    here, there = ErasureLog(store), ErasureLog(store, clock=clock)
    first, second = erasure(), erasure(NOW + timedelta(minutes=1))
    here.append("acme", first)
    assert there.is_erased("acme", first.uid)
    here.append("acme", second)
    assert not there.is_erased("acme", second.uid)
    clock.now = FRESH_S
    assert there.is_erased("acme", second.uid)


def test_an_entry_by_a_clock_that_is_behind_is_heard_of(store: MemoryStore) -> None:
    clock = Clock()
    here, there = log_at(store), log_at(store, clock=clock)
    late = NOW - timedelta(minutes=30)
    newest, behind = erasure(NOW), erasure(late)
    here.append("acme", newest)
    assert there.is_erased("acme", newest.uid)
    log_at(store, late).append("acme", behind)
    clock.now = FRESH_S
    assert there.is_erased("acme", behind.uid)


@pytest.mark.parametrize(
    "at", [NOW - timedelta(days=400), datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)]
)
def test_an_erasure_of_any_time_that_is_added_now_is_heard_of_and_hides_no_other(
    store: MemoryStore, at: datetime
) -> None:
    clock = Clock()
    here, there = log_at(store), log_at(store, clock=clock)
    recent, replayed, later = erasure(NOW), erasure(at), erasure(NOW + timedelta(minutes=1))
    here.append("acme", recent)
    assert there.is_erased("acme", recent.uid)
    for entry in (replayed, later):
        here.append("acme", entry)
        clock.now += FRESH_S
        assert there.is_erased("acme", entry.uid)


def test_entries_by_a_clock_that_was_years_ahead_hide_no_others(store: MemoryStore) -> None:
    clock = Clock()
    future = NOW + timedelta(days=4000)
    log_at(store, future).append("acme", erasure(future))
    there, entry = log_at(store, clock=clock), erasure()
    assert not there.is_erased("acme", entry.uid)
    log_at(store).append("acme", entry)
    clock.now = FRESH_S
    assert there.is_erased("acme", entry.uid)


def test_of_a_log_that_is_replayed_only_what_is_missing_is_added(store: MemoryStore) -> None:
    entries = [erasure(NOW - timedelta(days=days)) for days in range(3)]
    for day, entry in enumerate(entries):
        log_at(store, NOW - timedelta(days=day)).append("acme", entry)
    missing = erasure(NOW - timedelta(days=9))
    log = log_at(store)
    assert log.extend("acme", [*entries, missing, missing]) == 1
    assert log.extend("acme", [missing]) == 0
    assert {entry.uid for entry in log.entries("acme")} == {entry.uid for entry in (*entries, missing)}
    assert len(list(store.keys("erasures/acme/"))) == 4
    assert all(log.is_erased("acme", entry.uid) for entry in entries)


def test_it_names_nobody_but_by_his_pseudonym(store: MemoryStore) -> None:
    entry = erasure()
    log_at(store).append("acme", entry)
    (key,) = store.keys("erasures/acme/")
    assert key == f"erasures/acme/20261122T090000.000000Z-{entry.uid}.json"
    assert set(json.loads(entry.line())) == {"gallery", "uid", "erased_at", "reason"}


def test_the_tenants_who_have_a_log_are_known(store: MemoryStore) -> None:
    log = ErasureLog(store)
    log.append("acme", erasure())
    log.append("zeta", erasure())
    assert log.tenants() == ["acme", "zeta"]
