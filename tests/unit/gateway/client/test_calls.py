"""How the client addresses what it names."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gateway.client import ApiError, Client
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
@pytest.mark.parametrize("name", ["../jobs", "..", ".", "a/b", "a?b=c", "a#b", "a%2Fb", "a b.é"])
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
@pytest.mark.parametrize("name", ["../jobs", ".."])
def test_an_id_that_nothing_can_have_is_an_error(api: Api, call: Call, name: str) -> None:
    client = Client("http://test", api.token, transport=httpx.WSGITransport(app=api.app))
    with client, pytest.raises(ApiError) as refused:
        call(client, name)
    assert 400 <= refused.value.status < 500
