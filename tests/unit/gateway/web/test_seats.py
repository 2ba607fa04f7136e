"""Seats: given back for the next one, never all of them one tenant's."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.web.seats import Seats

Leave = Callable[[], None]


def taken(seats: Seats, tenant: str) -> list[Leave]:
    """As many as this tenant gets."""
    leaves: list[Leave] = []
    while leave := seats.take(tenant):
        leaves.append(leave)
    return leaves


@pytest.mark.parametrize(("most", "alone"), [(0, 0), (1, 1), (4, 3), (32, 24), (48, 36)])
def test_a_tenant_who_is_alone_gets_three_quarters(most: int, alone: int) -> None:
    assert len(taken(Seats(most), "acme")) == alone


def test_whoever_comes_later_finds_a_seat_and_what_is_given_back_is_shared_anew() -> None:
    seats = Seats(32)
    acme = taken(seats, "acme")
    globex = taken(seats, "globex")
    assert globex
    assert seats.take("initech"), "the third, too"
    for leave in acme:
        leave()
    assert len(taken(seats, "globex")) + len(globex) > len(acme) / 2, "those who stay get what the other left"
    assert seats.take("acme")


def test_nothing_is_lost_or_made_between_threads() -> None:
    seats = Seats(16)

    def come_and_go(number: int) -> None:
        for _ in range(200):
            if leave := seats.take(f"tenant-{number % 3}"):
                leave()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(8)))
    assert len(taken(seats, "acme")) == 12
