"""What happens to a job or a batch, as it happens: over server-sent events, by polling where those do not come."""

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import httpx

from gateway.client._async.transport import AsyncTransport
from gateway.client.calls import Call
from gateway.client.errors import ApiError, ConnectionFailed, RateLimited, ServiceUnavailable
from gateway.client.pauses import async_sleep
from gateway.client.server_sent_events import Event, EventParser

FINISHED = frozenset({"succeeded", "failed", "cancelled", "expired"})
EVENT_STREAM = "text/event-stream"
NO_STREAMS = {405, 406, 501}
FIRST_POLL_S, SLOWEST_POLL_S = 0.1, 1.0
SILENCE_S = 30.0  # the gateway says something every few seconds


class _NoStream(Exception):
    """Ask again and again instead."""


async def follow(transport: AsyncTransport, path: str) -> AsyncIterator[Event]:
    """Every event once, in order, to the last one, however often the connection breaks.

    `path` is the job's or the batch's own; its events are below it.
    """
    last, progress, failures = "", None, 0
    while True:
        try:
            async with aclosing(_received(transport, path, last)) as events:
                async for event in events:
                    last, failures = event.id or last, 0
                    progress = event.data if event.event == "progress" else progress
                    yield event
                    if event.event in FINISHED:
                        return
        except _NoStream:
            break
        failures += 1
        pause = transport.retries.pause(failures, asked=None, left=math.inf)
        if pause is None:
            break
        await async_sleep(pause)
    async for event in poll(transport, path, progress):
        yield event


async def _received(transport: AsyncTransport, path: str, last: str) -> AsyncGenerator[Event, None]:
    """The events after the one whose id is `last`, until the connection ends or breaks."""
    headers = {"Accept": EVENT_STREAM} | ({"Last-Event-ID": last} if last else {})
    parser = EventParser()
    try:
        async with transport.stream(Call("GET", f"{path}/events", headers=headers, timeout=SILENCE_S)) as answer:
            if not answer.headers.get("Content-Type", "").startswith(EVENT_STREAM):
                raise _NoStream  # 204: there is nothing more; anything else comes from a proxy
            async for piece in answer.aiter_bytes():
                for event in parser.feed(piece):
                    yield event
    except httpx.TransportError:
        return
    except ConnectionFailed:
        if last:
            return  # there was a stream, and there may be one again when the gateway has started
        raise _NoStream from None
    except (RateLimited, ServiceUnavailable):
        raise _NoStream from None  # streams are refused before calls are
    except ApiError as error:
        if error.status not in NO_STREAMS:
            raise
        raise _NoStream from None


async def poll(transport: AsyncTransport, path: str, told: Any = None) -> AsyncIterator[Event]:
    """The same by asking again and again: what is not as `told`, the last event included."""
    pause = FIRST_POLL_S
    while True:
        document = await transport.json(Call("GET", path, patient=True))
        status = document["status"]
        if status in FINISHED:
            yield Event("", status, document.get("error") or {})
            return
        if (found := document.get("progress") or document.get("counts")) and found != told:
            told = found
            yield Event("", "progress", found)
        await async_sleep(pause)
        pause = min(SLOWEST_POLL_S, pause * 1.3)
