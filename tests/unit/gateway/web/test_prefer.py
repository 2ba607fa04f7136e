"""RFC 7240 as far as `wait` goes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidPrefer
from gateway.web.prefer import wait_seconds

UNDERSTOOD = {
    None: None,
    "": None,
    "respond-async": None,
    "wait=0": 0,
    "wait=10": 10,
    "WAIT=10": 10,
    "wait = 10": 10,
    'wait="10"': 10,
    "wait=30": 30,
    "wait=31": 30,
    "wait=999999999": 30,
    "respond-async, wait=7": 7,
    "wait=7; foo=bar, respond-async": 7,
    'other="wait=9", wait=7': 7,
    'other; note="a, wait=9", wait=7': 7,
    "wait=7, wait=9": 7,  # the first one counts
    "waiting=9": None,
    ", ,wait=7": 7,
    'note="never ends, wait=9': None,
    'note="a \\" b, wait=9", wait=7': 7,
}


@pytest.mark.parametrize("header", UNDERSTOOD)
def test_the_wait_preference_is_read(header: str | None) -> None:
    assert wait_seconds(header) == UNDERSTOOD[header]


@pytest.mark.parametrize(
    "header", ["wait", "wait=", "wait=abc", "wait=-1", "wait=1.5", "wait=+3", "wait=1e3", "wait=٣"]
)
def test_what_is_no_whole_number_is_refused(header: str) -> None:
    with pytest.raises(InvalidPrefer, match="0 to 30"):
        wait_seconds(header)


@given(st.text())
def test_any_header_is_read_or_refused(header: str) -> None:
    try:
        seconds = wait_seconds(header)
    except InvalidPrefer:
        return
    assert seconds is None or 0 <= seconds <= 30


@pytest.mark.parametrize("header", ["a," + " " * 40_000 + '"', "a=" + '\\"' * 20_000, '"' * 40_000, "a ;=" * 10_000])
def test_a_long_header_is_read_in_a_moment(header: str) -> None:
    """A server takes a hundred lines of 8 KB, and nobody else is answered while one is read."""
    started = time.process_time()
    assert wait_seconds(header) is None
    assert time.process_time() - started < 1
