"""Following jobs and batches through the whole system, on connections that break all the time."""

import json
import os
import signal
import time

import httpx

from gateway.client import Client
from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack
from tests.e2e.conftest import PHOTOS
from tests.live_stack import wait_until_ready
from tests.server_sent_events import EventReader


def follow(http: httpx.Client, path: str, reader: EventReader, most: int) -> int:
    """One connection, cut after so many bytes; its status, 0 when it was refused."""
    headers = {"Last-Event-ID": reader.last_id} if reader.last_id else {}
    received = b""
    try:
        with http.stream("GET", path, headers=headers) as answer:
            for piece in answer.iter_raw():
                received += piece
                if len(received) >= most:
                    break
            return answer.status_code
    except httpx.TransportError:
        return 0
    finally:
        reader.connection(received[:most])


def follow_to_the_end(http: httpx.Client, path: str, ends: set[str], seconds: float = 120) -> tuple[EventReader, int]:
    """What a client heard that lost its connection again and again, and how often it came back."""
    reader, connections, until = EventReader(), 0, time.monotonic() + seconds
    while not reader.told or reader.told[-1].event not in ends:
        assert time.monotonic() < until
        connections += 1
        follow(http, path, reader, most=60 + connections * 53 % 400)
    return reader, connections


OUTCOMES = {"succeeded", "failed", "cancelled", "expired"}


def test_a_long_job_is_followed_over_many_connections(client: Client, http: httpx.Client) -> None:
    job = client.stylizations.start(PHOTOS / "collins.png", "great-wave", mode="fine", size=96, steps=30).id
    reader, connections = follow_to_the_end(http, f"/v1/jobs/{job}/events", OUTCOMES)
    assert connections > 5
    whole = EventReader()
    follow(http, f"/v1/jobs/{job}/events", whole, most=10**9)
    assert reader.told == whole.told
    assert [told.event for told in whole.told][:2] == ["queued", "running"]
    done = [json.loads(told.data)["done"] for told in whole.told if told.event == "progress"]
    assert done == sorted(done)
    assert follow(http, f"/v1/jobs/{job}/events", whole, most=10**9) == 204


def test_a_batch_is_followed_over_many_connections_and_a_killed_gateway(
    running: Stack, stack: StackInfo, client: Client, http: httpx.Client
) -> None:
    batch = client.batches.paint({f"p{number}.png": PHOTOS / "collins.png" for number in range(30)}, "poppies", size=64)
    path = batch["links"]["events"]
    reader = EventReader()
    while len(reader.told) < 3:
        follow(http, path, reader, most=300)
    os.kill(running.supervisor.pid("gateway"), signal.SIGKILL)
    until = time.monotonic() + 120
    while reader.told[-1].event not in OUTCOMES:
        assert time.monotonic() < until
        if follow(http, path, reader, most=200) == 0:
            time.sleep(0.2)  # the gateway starts again
    whole = EventReader()
    follow(http, path, whole, most=10**9)
    assert reader.told == whole.told
    assert json.loads(whole.told[-1].data) | {"done": 30} == json.loads(whole.told[-1].data)
    wait_until_ready(stack)  # the tests that follow find everything there
