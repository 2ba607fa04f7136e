"""When it is worth another attempt, and how long to wait for it."""

from datetime import UTC, datetime

import pytest

from gateway.client.retries import Retries, retry_after

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sunday, 22-Nov-26 12:00:10 GMT", 10.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, now=NOON) == seconds


def test_without_the_header_nothing_is_asked() -> None:
    assert retry_after({}) is None


def test_pauses_double_up_to_the_longest() -> None:
    retries = Retries(attempts=9, first_seconds=1, most_seconds=5, draw=lambda: 1.0)
    assert [retries.pause(failures, asked=None, left=99) for failures in (1, 2, 3, 4, 8)] == [1, 2, 4, 5, 5]


def test_the_pause_is_drawn_from_the_whole_range() -> None:
    assert Retries(first_seconds=4, draw=lambda: 0.25).pause(1, asked=None, left=99) == 1.0
    assert Retries(first_seconds=4, draw=lambda: 0.0).pause(1, asked=None, left=99) == 0.0


def test_what_the_gateway_asks_for_is_the_least() -> None:
    retries = Retries(first_seconds=1, draw=lambda: 1.0)
    assert retries.pause(1, asked=20, left=99) == 20
    assert retries.pause(1, asked=0.5, left=99) == 1


def test_a_pause_beyond_the_time_left_is_none() -> None:
    retries = Retries(draw=lambda: 0.0)
    assert retries.pause(1, asked=30, left=20) is None
    assert retries.pause(1, asked=None, left=0) is None


def test_after_the_last_attempt_there_is_no_other() -> None:
    retries = Retries(attempts=3, draw=lambda: 0.0)
    assert retries.pause(2, asked=None, left=99) == 0.0
    assert retries.pause(3, asked=None, left=99) is None


def test_what_is_waited_for_anyway_ends_with_its_time_only() -> None:
    patient = Retries(attempts=3, first_seconds=1, most_seconds=5, draw=lambda: 1.0).patiently()
    assert patient.pause(10_000, asked=None, left=99) == 5
    assert patient.pause(10_000, asked=None, left=4) is None


def test_no_retries_stay_none() -> None:
    assert Retries(attempts=1, draw=lambda: 0.0).patiently().pause(1, asked=None, left=99) is None
