"""A gateway whose answers are the test's, behind both flavours of the client."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from gateway.client import AsyncClient, Client, Retries

URL = "http://gateway.test"
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
NO_PAUSE = Retries(draw=lambda: 0.0)


@dataclass
class Gateway:
    """Gives its answers in turn, the last one for ever; remembers what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        # a fresh one: either flavour consumes what it is given
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    async def later(self, request: httpx.Request) -> httpx.Response:
        """The same for the asynchronous flavour."""
        await request.aread()
        return self(request)


def json(document: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=document, headers=headers)


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    return json({"code": code, "detail": f"{code} it is"}, status, **headers)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with Client(URL, "lk_key", retries=NO_PAUSE, transport=httpx.MockTransport(gateway)) as made:
        yield made


def run_async(gateway: Gateway, use: Callable[[AsyncClient], Any]) -> Any:
    """What a coroutine function makes of the asynchronous client."""

    async def run() -> Any:
        transport = httpx.MockTransport(gateway.later)
        async with AsyncClient(URL, "lk_key", retries=NO_PAUSE, transport=transport) as client:
            return await use(client)

    return asyncio.run(run())
