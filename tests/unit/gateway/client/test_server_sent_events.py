"""Events out of bytes, however the bytes are cut."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.client.server_sent_events import Event, EventParser

STREAM = (
    b"retry: 2000\n\n: keep-alive\n\nid: 1-0\nevent: queued\ndata: {}\n\n"
    b'id: 2-0\nevent: progress\ndata: {"done": 1, "stage": "m\xc3\xa4len\xe2\x80\xa8"}\n\n'
    b'id:3-0\r\nevent:succeeded\r\ndata:{"a":\r\ndata:1}\r\n\r\nid: 4-0\nevent: lost\ndata: {'
)
EVENTS = [
    Event("1-0", "queued", {}),
    Event("2-0", "progress", {"done": 1, "stage": "mälen\u2028"}),
    Event("3-0", "succeeded", {"a": 1}),
]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cuts: list[int]) -> None:
    parser = EventParser()
    edges = [0, *cuts, len(STREAM)]
    pieces = [STREAM[begin:end] for begin, end in pairwise(edges)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_an_event_without_a_name_is_a_message_with_the_id_before() -> None:
    assert list(EventParser().feed(b"id: 7\n\ndata: 1\n\n")) == [Event("7", "message", 1)]  # type: ignore[arg-type]
