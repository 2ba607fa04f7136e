"""Sends calls: authorisation, retries, idempotency keys, errors. Nothing else in the client touches the network."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from gateway.client.calls import Call
from gateway.client.errors import ApiError, ClientError, ConnectionFailed
from gateway.client.pauses import async_sleep
from gateway.client.retries import AGAIN, Retries

CONNECT_S = 5.0
IN_PROGRESS = "idempotency_in_progress"  # our own former attempt is still being answered
HOPELESS = (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.DecodingError)


@dataclass(frozen=True)
class AsyncTransport:
    """`timeout` is all the time that one call may take, its retries included, in seconds."""

    http: httpx.AsyncClient
    timeout: float = 60.0
    retries: Retries = field(default_factory=Retries)
    idempotency_key: str | None = None

    async def json(self, call: Call) -> Any:
        """The document that answers a call; None where there is none."""
        response = await self._send(call, stream=False)
        try:
            return response.json() if response.content else None
        except ValueError:
            raise ConnectionFailed(f"{self.http.base_url} does not answer as the API does: is the URL right?") from None

    async def content(self, path: str) -> bytes:
        """A file; redirects to where it lies are followed, and the API key stays here."""
        return (await self._send(Call("GET", path, download=True), stream=False)).content

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[httpx.Response]:
        """The answer, its body unread."""
        response = await self._send(call, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def pieces(self, call: Call) -> AsyncIterator[bytes]:
        """The body of an answer, piece by piece."""
        async with self.stream(replace(call, download=True)) as response:
            try:
                async for piece in response.aiter_bytes():
                    yield piece
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _unreachable(self.http, error) from error

    async def save(self, call: Call, target: Path) -> int:
        """Write the body of an answer to a file, whole or not at all; its size in bytes."""
        unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
        size = 0
        try:
            with unfinished.open("wb") as file:
                async for piece in self.pieces(call):
                    size += file.write(piece)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        return size

    async def _send(self, call: Call, *, stream: bool) -> httpx.Response:
        headers = dict(call.headers)
        if call.method == "POST":
            # the same over all attempts, so that a creation whose answer got lost is not made twice
            headers["Idempotency-Key"] = self.idempotency_key or uuid.uuid4().hex
        call = replace(call, headers=headers)
        retries = self.retries.patiently() if call.patient else self.retries
        until = time.monotonic() + (call.timeout or self.timeout)
        for failures in count(1):
            outcome = await self._attempt(call, until - time.monotonic(), stream=stream)
            if isinstance(outcome, httpx.Response):
                return outcome
            asked = outcome.retry_after if isinstance(outcome, ApiError) else None
            pause = retries.pause(failures, asked=asked, left=until - time.monotonic())
            if pause is None:
                raise outcome
            await async_sleep(pause)
        raise AssertionError("count() does not end")

    async def _attempt(self, call: Call, left: float, *, stream: bool) -> httpx.Response | ClientError:
        """The answer, or what may be different at another attempt.

        Raises:
            ClientError: another attempt would meet the same.
        """
        try:
            response = await self.http.send(self._request(call, left), stream=True, follow_redirects=call.download)
            if response.is_success and stream:
                return response
            await response.aread()
            await response.aclose()
        except httpx.LocalProtocolError:
            # what httpx says of it has the header in it, and so the key
            raise ClientError("The API key, or another header, has characters that cannot be sent.") from None
        except HOPELESS as error:
            raise _unreachable(self.http, error) from error
        except httpx.TransportError as error:
            return _unreachable(self.http, error)
        if response.is_success:
            return response
        refused = ApiError.of(response)
        if refused.status in AGAIN or refused.code == IN_PROGRESS:
            return refused
        raise refused

    def _request(self, call: Call, left: float) -> httpx.Request:
        if httpx.URL(call.path).is_absolute_url:  # it would take the API key along
            raise ClientError(f"{call.path[:80]} is no path of the API: fetch it without this client.")
        seconds = max(left, 0.001)
        return self.http.build_request(
            call.method,
            call.path,
            params={name: value for name, value in call.query.items() if value is not None},
            json=call.json,
            files=call.parts,
            headers=dict(call.headers),
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_S, seconds)),
        )


def _unreachable(http: httpx.AsyncClient, error: httpx.RequestError) -> ConnectionFailed:
    return ConnectionFailed(
        f"{http.base_url} does not answer ({str(error) or type(error).__name__}). Is it running, and is the URL right?"
    )
