"""Retries, idempotency keys, errors: in both flavours of the client."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import (
    ApiError,
    AsyncClient,
    Client,
    ClientError,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    RateLimited,
    Retries,
    ServerError,
    ServiceUnavailable,
)
from tests.unit.gateway.client.conftest import URL, Answer, Gateway, json, problem, run_async

GALLERIES = json({"galleries": []})
MADE = json({"id": "staff"}, 201)
LOST = [
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("silence"),
    httpx.RemoteProtocolError("cut"),
    *(problem(status, "unavailable") for status in (429, 502, 503, 504)),
]


@pytest.fixture(params=["sync", "async"])
def create(request: pytest.FixtureRequest, gateway: Gateway, client: Client) -> Callable[[], Any]:
    """Makes a gallery."""

    async def later(client: AsyncClient) -> Any:
        return await client.galleries.create("staff")

    if request.param == "sync":
        return lambda: client.galleries.create("staff")
    return lambda: run_async(gateway, later)


@pytest.mark.parametrize("lost", LOST, ids=lambda lost: getattr(lost, "status_code", type(lost).__name__))
def test_what_fails_on_the_way_is_sent_again_with_the_same_key(
    gateway: Gateway, create: Callable[[], Any], lost: Answer
) -> None:
    gateway.answers = [lost, lost, MADE]
    assert create() == {"id": "staff"}
    keys = {request.headers["Idempotency-Key"] for request in gateway.asked}
    assert len(gateway.asked) == 3
    assert len(keys) == 1
    assert len({request.content for request in gateway.asked}) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, NotAuthenticated),
        (403, NotPermitted),
        (404, NotFound),
        (409, Conflict),
        (413, InvalidRequest),
        (415, InvalidRequest),
        (418, ApiError),
        (422, InvalidRequest),
        (500, ServerError),
    ],
)
def test_what_another_attempt_would_meet_again_is_not_tried(
    gateway: Gateway, create: Callable[[], Any], status: int, kind: type[ApiError]
) -> None:
    gateway.answers = [problem(status, "so_it_is", **{"X-Request-ID": "r-1"})]
    with pytest.raises(ApiError) as refused:
        create()
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.code, refused.value.detail) == (status, "so_it_is", "so_it_is it is")
    assert refused.value.request_id == "r-1"
    assert len(gateway.asked) == 1


def test_an_attempt_that_is_still_being_answered_is_asked_for_again(
    gateway: Gateway, create: Callable[[], Any]
) -> None:
    gateway.answers = [httpx.ReadTimeout("silence"), problem(409, "idempotency_in_progress"), MADE]
    assert create() == {"id": "staff"}


def test_two_creations_have_two_keys(gateway: Gateway, client: Client) -> None:
    gateway.answers = [MADE]
    client.galleries.create("staff")
    client.galleries.create("staff")
    assert len({request.headers["Idempotency-Key"] for request in gateway.asked}) == 2


def test_a_key_of_ones_own_is_used(gateway: Gateway, client: Client) -> None:
    gateway.answers = [MADE]
    client.with_options(idempotency_key="order-7").galleries.create("staff")
    assert gateway.asked[0].headers["Idempotency-Key"] == "order-7"


def test_other_options_leave_it_as_it_is(gateway: Gateway, client: Client) -> None:
    gateway.answers = [MADE]
    client.with_options(idempotency_key="order-7").with_options(timeout=5).galleries.create("staff")
    assert gateway.asked[0].headers["Idempotency-Key"] == "order-7"


@pytest.mark.parametrize("link", ["https://elsewhere.test/picture", "http://gateway.test.elsewhere/v1/jobs"])
def test_the_key_goes_nowhere_else(gateway: Gateway, client: Client, link: str) -> None:
    with pytest.raises(ClientError, match="no path of the API"):
        client.download(link)
    assert gateway.asked == []


def test_a_key_that_cannot_be_sent_is_not_told() -> None:
    refused = httpx.LocalProtocolError(r"Illegal header value b'Bearer lk_secret\n'")
    with (
        Client(URL, "lk_secret\n", transport=httpx.MockTransport(Gateway([refused]))) as client,
        pytest.raises(ClientError, match="characters that cannot be sent") as told,
    ):
        client.galleries.list()
    assert "lk_secret" not in str(told.value)


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.TooManyRedirects("20"), httpx.DecodingError("no gzip")]
)
def test_what_does_not_answer_as_the_api_does_is_named(
    gateway: Gateway, create: Callable[[], Any], answer: Answer
) -> None:
    gateway.answers = [answer]
    with pytest.raises(ConnectionFailed, match=r"http://gateway\.test does not answer.*URL right\?"):
        create()
    assert len(gateway.asked) == 1


def test_what_only_reads_has_no_idempotency_key(gateway: Gateway, client: Client) -> None:
    gateway.answers = [GALLERIES]
    client.galleries.list()
    assert "Idempotency-Key" not in gateway.asked[0].headers


def test_retry_after_is_waited_for(gateway: Gateway, client: Client) -> None:
    gateway.answers = [problem(503, "queue_full", **{"Retry-After": "1"}), GALLERIES]
    started = time.monotonic()
    assert client.galleries.list() == []
    assert time.monotonic() - started >= 1


def test_a_longer_retry_after_than_there_is_time_is_told_at_once(gateway: Gateway, client: Client) -> None:
    gateway.answers = [problem(429, "person_locked", **{"Retry-After": "900"})]
    started = time.monotonic()
    with pytest.raises(RateLimited) as locked:
        client.galleries.list()
    assert locked.value.retry_after == 900
    assert time.monotonic() - started < 5
    assert len(gateway.asked) == 1


def test_attempts_end(gateway: Gateway, client: Client) -> None:
    gateway.answers = [problem(503, "not_ready")]
    with pytest.raises(ServiceUnavailable, match="not_ready"):
        client.galleries.list()
    assert len(gateway.asked) == 5


def test_the_time_of_a_call_ends_with_its_retries() -> None:
    gateway = Gateway([problem(503, "not_ready")])
    slow = Retries(attempts=1000, first_seconds=0.05, most_seconds=0.05, draw=lambda: 1.0)
    started = time.monotonic()
    with (
        Client(URL, "k", timeout=0.3, retries=slow, transport=httpx.MockTransport(gateway)) as client,
        pytest.raises(ServiceUnavailable),
    ):
        client.galleries.list()
    assert time.monotonic() - started < 2
    assert 2 <= len(gateway.asked) <= 7


def test_nobody_at_home_is_one_error_that_names_the_url(gateway: Gateway, create: Callable[[], Any]) -> None:
    gateway.answers = [httpx.ConnectError("refused")]
    with pytest.raises(ConnectionFailed, match=r"http://gateway\.test does not answer \(refused\)"):
        create()


def test_an_error_without_a_problem_document_is_an_error_all_the_same(gateway: Gateway, client: Client) -> None:
    for body in (b"<html>", b"[]", b'"no"', b""):
        gateway.answers = [httpx.Response(404, content=body)]
        with pytest.raises(NotFound) as refused:
            client.galleries.list()
        assert refused.value.code == "no_problem_document"
        assert "URL right?" in refused.value.detail


def test_an_answer_that_leads_elsewhere_is_an_error_that_says_where(gateway: Gateway, client: Client) -> None:
    gateway.answers = [httpx.Response(308, headers={"Location": "https://gateway.test/v1/galleries"})]
    with pytest.raises(ApiError, match=r"308.*https://gateway\.test/v1/galleries\. Is the URL right"):
        client.galleries.list()


def test_a_download_follows_to_another_host_without_the_key(gateway: Gateway, client: Client, tmp_path: Path) -> None:
    gateway.answers = [
        httpx.Response(302, headers={"Location": "https://store.test/picture?signature=1"}),
        httpx.Response(200, content=b"picture"),
    ]
    size = client.galleries.export("staff", tmp_path / "staff.ndjson")
    first, second = gateway.asked
    assert first.headers["Authorization"] == "Bearer lk_key"
    assert second.url.host == "store.test"
    assert "Authorization" not in second.headers
    assert (tmp_path / "staff.ndjson").read_bytes() == b"picture"
    assert size == 7


def test_a_download_that_breaks_off_leaves_no_file(gateway: Gateway, client: Client, tmp_path: Path) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        def body() -> Any:
            yield b"half"
            raise httpx.ReadError("cut")

        return httpx.Response(200, content=body())

    gateway.answers = [broken]
    with pytest.raises(ConnectionFailed):
        client.galleries.export("staff", tmp_path / "staff.ndjson")
    assert list(tmp_path.iterdir()) == []


def test_pages_are_read_as_they_are_needed(gateway: Gateway, client: Client) -> None:
    gateway.answers = [
        json({"persons": [{"id": "a"}, {"id": "b"}], "next_cursor": "b"}),
        json({"persons": [{"id": "c"}], "next_cursor": None}),
    ]
    found = client.persons.list("staff", tag="press")
    assert next(found)["id"] == "a"
    assert len(gateway.asked) == 1
    assert [person["id"] for person in found] == ["b", "c"]
    assert [dict(request.url.params) for request in gateway.asked] == [
        {"tag": "press", "limit": "1000"},
        {"tag": "press", "limit": "1000", "cursor": "b"},
    ]


def test_pages_come_asynchronously(gateway: Gateway) -> None:
    gateway.answers = [
        json({"keys": [{"id": "a"}], "next_cursor": "a"}),
        json({"keys": [{"id": "b"}], "next_cursor": None}),
    ]

    async def ids(client: AsyncClient) -> list[str]:
        return [key["id"] async for key in client.keys.list()]

    assert run_async(gateway, ids) == ["a", "b"]
