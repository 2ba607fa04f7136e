"""A job's events: each once, wherever the connection is cut; by polling where there is no stream."""

import json as jsonlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from gateway.client import ApiError, AsyncClient, Client, Event, NotFound
from tests.unit.gateway.client.conftest import Gateway, json, problem, run_async

EVENTS = [
    Event("1-0", "queued", {}),
    Event("2-0", "running", {"attempt": 1}),
    *(Event(f"{step + 3}-0", "progress", {"done": step, "total": 3, "stage": "paint"}) for step in range(4)),
    Event("9-0", "succeeded", {}),
]
STREAM = b"".join(
    f"id: {event.id}\nevent: {event.event}\ndata: {jsonlib.dumps(event.data)}\n\n".encode() for event in EVENTS
)


class Stream:
    """A job's event stream that breaks after so many bytes, and once more on each return."""

    def __init__(self, every: int, *, politely: bool) -> None:
        self.every = every
        self.politely = politely
        self.connections = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.connections += 1
        content = self.body(self.rest(request))
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=content)

    @staticmethod
    def rest(request: httpx.Request) -> bytes:
        last = request.headers.get("Last-Event-ID")
        return STREAM[STREAM.index(b"\n\n", STREAM.index(f"id: {last}\n".encode())) + 2 if last else 0 :]

    def body(self, rest: bytes) -> Iterator[bytes]:
        # at least an event at a time, or nothing would ever come through
        yield rest[: max(self.every, rest.index(b"\n\n") + 2)]
        if not self.politely:
            raise httpx.ReadError("cut")


@pytest.mark.parametrize("every", range(1, len(STREAM), 7))
@pytest.mark.parametrize("politely", [True, False])
def test_wherever_it_is_cut_every_event_comes_once(
    gateway: Gateway, client: Client, every: int, *, politely: bool
) -> None:
    stream = Stream(every, politely=politely)
    gateway.answers = [stream]
    assert list(client.jobs.follow("j")) == EVENTS
    assert stream.connections == len(gateway.asked)


def test_it_is_the_same_asynchronously(gateway: Gateway) -> None:
    async def pieces(rest: bytes) -> AsyncIterator[bytes]:
        yield rest[: max(40, rest.index(b"\n\n") + 2)]
        raise httpx.ReadError("cut")

    def answer(request: httpx.Request) -> httpx.Response:
        rest = Stream.rest(request)
        return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=pieces(rest))

    gateway.answers = [answer]

    async def follow(client: AsyncClient) -> list[Event]:
        return [event async for event in client.jobs.follow("j")]

    assert run_async(gateway, follow) == EVENTS


POLLED = [
    json({"status": "queued", "progress": None}),
    json({"status": "running", "progress": {"done": 1}}),
    json({"status": "running", "progress": {"done": 1}}),
    json({"status": "failed", "progress": {"done": 1}, "error": {"code": "numerical_error"}}),
]
CHANGES = [("progress", {"done": 1}), ("failed", {"code": "numerical_error"})]


@pytest.mark.parametrize(
    "refusal",
    [
        problem(405, "method_not_allowed"),
        problem(501, "no"),
        httpx.Response(200, text="<html>a proxy's page</html>", headers={"Content-Type": "text/html"}),
        httpx.Response(204),
    ],
)
def test_without_a_stream_it_is_asked_again_and_again(
    gateway: Gateway, client: Client, refusal: httpx.Response
) -> None:
    gateway.answers = [refusal, *POLLED]
    assert [(event.event, event.data) for event in client.jobs.follow("j")] == CHANGES


@pytest.mark.parametrize("refusal", [problem(503, "too_many_streams"), httpx.ReadError("cut")])
def test_a_stream_that_never_comes_is_given_up(
    gateway: Gateway, client: Client, refusal: httpx.Response | Exception
) -> None:
    gateway.answers = [*[refusal] * 5, *POLLED]
    assert [(event.event, event.data) for event in client.jobs.follow("j")] == CHANGES


def test_a_stream_is_taken_up_again_when_the_gateway_has_started_again(gateway: Gateway, client: Client) -> None:
    """Whoever polled instead would be told less: what it is while it is queued, its first attempt."""
    stream = Stream(1, politely=False)
    gateway.answers = [stream, *[httpx.ConnectError("refused")] * 12, stream]
    assert list(client.jobs.follow("j")) == EVENTS


def test_polling_outlasts_a_gateway_that_starts_again(gateway: Gateway, client: Client) -> None:
    gateway.answers = [problem(405, "no"), POLLED[0], *[httpx.ConnectError("refused")] * 20, *POLLED[1:]]
    assert [(event.event, event.data) for event in client.jobs.follow("j")] == CHANGES


def test_progress_that_the_stream_told_is_not_told_again(gateway: Gateway, client: Client) -> None:
    told = b'id: 1-0\nevent: progress\ndata: {"done": 1}\n\n'
    stream = httpx.Response(200, content=told, headers={"Content-Type": "text/event-stream"})
    gateway.answers = [stream, httpx.Response(204), *POLLED]
    assert [(event.event, event.data) for event in client.jobs.follow("j")] == CHANGES


def test_streams_that_break_without_a_word_are_given_up(gateway: Gateway, client: Client) -> None:
    silent = httpx.Response(200, content=b": keep-alive\n\n", headers={"Content-Type": "text/event-stream"})
    gateway.answers = [*[silent] * 5, *POLLED]
    assert [(event.event, event.data) for event in client.jobs.follow("j")] == CHANGES


def test_a_job_that_is_not_there_is_an_error(gateway: Gateway, client: Client) -> None:
    gateway.answers = [problem(404, "job_not_found")]
    with pytest.raises(NotFound):
        list(client.jobs.follow("j"))


def test_a_key_without_the_scope_is_an_error(gateway: Gateway, client: Client) -> None:
    gateway.answers = [problem(403, "forbidden")]
    with pytest.raises(ApiError, match="forbidden"):
        list(client.jobs.follow("j"))
