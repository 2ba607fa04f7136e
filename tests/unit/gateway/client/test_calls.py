"""How the client addresses what it names."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gateway.client import ApiError, Client, InvalidId
from tests.unit.gateway.conftest import Api

Call = Callable[[Client, str], Any]
CALLS: list[Call] = [
    lambda client, name: client.styles.get(name),
    lambda client, name: client.jobs.get(name),
    lambda client, name: client.galleries.get(name),
    lambda client, name: client.batches.get(name),
    lambda client, name: client.batches.cancel(name),
    lambda client, name: list(client.batches.results(name)),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["..", ".", "a?b=c", "a#b", "a%2Fb", "a b.é"])
def test_an_id_is_one_part_of_the_path_whatever_it_holds(call: Call, name: str) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    with Client("http://test", "key", transport=httpx.MockTransport(answer)) as client:
        call(client, name)
    [request] = sent
    raw = request.url.raw_path.decode()
    assert raw.startswith("/v1/")
    assert raw.count("/") == (4 if raw.endswith(("/cancel", "/results.zip")) else 3)
    assert f"/{name}" in request.url.path
    assert request.url.query == b""


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["..", "ada@example.org"])
def test_an_id_that_nothing_can_have_is_an_error(api: Api, call: Call, name: str) -> None:
    client = Client("http://test", api.token, transport=httpx.WSGITransport(app=api.app))
    with client, pytest.raises(ApiError) as refused:
        call(client, name)
    assert 400 <= refused.value.status < 500


NAMED: list[Callable[[Client, Any], Any]] = [
    *CALLS,
    lambda client, name: client.persons.get("staff", name),
    lambda client, name: list(client.persons.list(name)),
    lambda client, name: client.persons.merge("staff", "ada", name),
    lambda client, name: client.galleries.create(name),
    lambda client, name: client.faces.delete("staff", "ada", name),
    lambda client, name: client.faces.recognise("staff", b"photo", device=name),
    lambda client, name: client.webhooks.get(name),
]


@pytest.mark.parametrize("call", NAMED)
@pytest.mark.parametrize("name", [7, True, b"ada", ["ada"], "", " ", "a/b", "../jobs"])
def test_what_cannot_be_an_id_is_refused_before_anything_is_sent(
    call: Callable[[Client, Any], Any], name: object
) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request)

    client = Client("http://test", "key", transport=httpx.MockTransport(never))
    with client, pytest.raises(InvalidId, match="nothing was sent"):
        call(client, name)


def test_none_is_no_id() -> None:
    """As a dictionary that lacks a key answers; `lk.galleries.delete(None)` must not mean all of them."""
    with Client("http://test", "key") as client, pytest.raises(InvalidId, match="None"):
        client.galleries.delete(None)  # type: ignore[arg-type]
