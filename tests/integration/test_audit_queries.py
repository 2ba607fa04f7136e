"""Questions to a long log: pages, filters, times."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from shared.audit.log import AuditLog, AuditQuery
from shared.audit.objects import PACK
from shared.schemas import AuditEntry
from tests.integration.audit_facts import START, fact, facts, ids


@pytest.fixture
def filled(log: AuditLog, tenant: str) -> AuditLog:
    """Of 1200 seconds; in two packs and three segments."""
    log.append(
        tenant,
        [
            fact(
                number,
                person=f"u{number % 7}",
                device="front" if number % 2 else "back",
                gallery=f"g{number % 3}",
                action="verification" if number % 5 else "recognition",
                details={"face": 'u1","person":"u2'},  # a value that looks like a member
            )
            for number in range(1, 1001)
        ],
    )
    log.pack(tenant)
    for number in (1001, 1101):
        log.append(tenant, [fact(n, person="late") for n in range(number, number + 100)])
    return log


def pages(log: AuditLog, tenant: str, query: AuditQuery, limit: int) -> Iterator[list[AuditEntry]]:
    cursor = None
    while True:
        page = log.page(tenant, query, cursor=cursor, limit=limit)
        yield page.entries
        if (cursor := page.cursor) is None:
            return


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 60, 500, 5000])
def test_pages_show_every_entry_once_in_order(filled: AuditLog, tenant: str, newest_first: bool, limit: int) -> None:
    query = AuditQuery(newest_first=newest_first, since=None if limit > 1 else START + timedelta(seconds=1190))
    shown = [entry.sequence for page in pages(filled, tenant, query, limit) for entry in page]
    expected = list(range(1190 if limit == 1 else 1, 1201))
    assert shown == (expected[::-1] if newest_first else expected)


def test_entries_that_come_meanwhile_do_not_shift_the_pages(filled: AuditLog, tenant: str) -> None:
    found = pages(filled, tenant, AuditQuery(), 400)
    first = next(found)
    filled.append(tenant, facts(2000, 2004))
    rest = [entry.sequence for page in found for entry in page]
    assert [first[0].sequence, first[-1].sequence] == [1200, 801]
    assert rest == list(range(800, 0, -1))


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        (AuditQuery(person="u3"), lambda n: n <= 1000 and n % 7 == 3),
        (AuditQuery(person="u2", device="front"), lambda n: n <= 1000 and n % 7 == 2 and n % 2),
        (AuditQuery(gallery="g1", action="recognition"), lambda n: n <= 1000 and n % 3 == 1 and n % 5 == 0),
        (AuditQuery(person="nobody"), lambda _: False),
        (AuditQuery(person='u1","person":"u2'), lambda _: False),
        (AuditQuery(since=START + timedelta(seconds=499)), lambda n: n >= 499),
        (AuditQuery(until=START + timedelta(seconds=501)), lambda n: n < 501),
        (
            AuditQuery(since=START + timedelta(seconds=1050), until=START + timedelta(seconds=1060), person="late"),
            lambda n: 1050 <= n < 1060,
        ),
        (AuditQuery(since=START + timedelta(days=1)), lambda _: False),
    ],
)  # fmt: skip
def test_a_query_finds_just_what_it_asks_for(
    query: AuditQuery, chosen: Callable[[int], bool], filled: AuditLog, tenant: str
) -> None:
    expected = [number for number in range(1, 1201) if chosen(number)]
    assert ids(list(filled.entries(tenant, query))) == expected[::-1]
    shown = [number for page in pages(filled, tenant, query, 37) for number in ids(page)]
    assert shown == expected[::-1]


def test_what_was_reported_late_is_found_by_its_own_time(log: AuditLog, tenant: str) -> None:
    late = fact(PACK + 1).model_copy(update={"at": START})
    log.append(tenant, [*facts(1, PACK), late, *facts(PACK + 2, 2 * PACK)])
    log.pack(tenant)
    found = log.entries(tenant, AuditQuery(until=START + timedelta(seconds=1)))
    assert ids(list(found)) == [PACK + 1]
