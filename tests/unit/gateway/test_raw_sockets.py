"""What no HTTP library would send: each gets a problem or is cut off, and the gateway answers the next one."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.unit.gateway.served import Running, connect

KINDS = ("application/json", "multipart/form-data; boundary=x")


@pytest.fixture(autouse=True)
def it_answers_afterwards(server: Running) -> Iterator[None]:
    yield
    assert httpx.get(f"{server.url}/healthz", timeout=25).status_code == 200
    log = server.log.read_text()
    assert "Traceback" not in log
    assert '"status": 500' not in log


def exchange(server: Running, raw: bytes, *, half_close: bool = False) -> bytes:
    """Everything that comes back for what is sent."""
    with connect(server) as client:
        client.sendall(raw)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
            if not half_close and b"\r\n\r\n" in answer and not answer.startswith(b"HTTP/1.1 100"):
                break
        return answer


def problem(answer: bytes) -> tuple[int, str]:
    """Status and code of a problem document."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head, answer
    said = json.loads(body)
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(said)
    assert head.split()[1] == str(said["status"]).encode()
    return said["status"], said["code"]


def head(server: Running, *lines: str, method: str = "POST", path: str = "/v1/comparisons") -> bytes:
    given = (f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {server.token}", *lines)
    return ("\r\n".join(given) + "\r\n\r\n").encode()


NO_REQUESTS = {
    "noise": (b"\x00\x01\x02\r\n\r\n", 400, "bad_request"),
    "a greeting": (b"EHLO example.com\r\n\r\n", 400, "bad_request"),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
    "another version": (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", 400, "bad_request"),
    "a method in lower case": (b"get /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_request"),
    "a header without a colon": (b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n", 400, "bad_request"),
    "a header with a bad name": (b"GET /healthz HTTP/1.1\r\nHo st: x\r\n\r\n", 400, "bad_request"),
    "a folded header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400, "bad_request"),
    "a nul in a header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400, "bad_request"),
    "a long address": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
    "a long header": (b"GET /healthz HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n", 431, "headers_too_large"),
    "many headers": (b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n", 431, "headers_too_large"),
    "an expectation": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n", 417, "expectation_failed"),
    "a length of letters": (b"POST /v1/x HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400, "bad_request"),
    "a negative length": (b"POST /v1/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
    "two lengths": (b"POST /v1/x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "bad_request"),
    "length and chunks": (
        b"POST /v1/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request",
    ),
    "an unknown encoding": (b"POST /v1/x HTTP/1.1\r\nTransfer-Encoding: cake\r\n\r\n", 400, "bad_request"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_REQUESTS)
def test_what_is_no_request_gets_a_problem(server: Running, name: str) -> None:
    raw, status, code = NO_REQUESTS[name]
    answer = exchange(server, raw)
    assert problem(answer) == (status, code)
    assert b"Connection: close" in answer
    assert b"html" not in answer.lower()


CHUNKS = {
    "a size of letters": b"zz\r\n{}\r\n0\r\n\r\n",
    "a negative size": b"-1\r\n{}\r\n0\r\n\r\n",
    "a size with a plus": b"+2\r\n{}\r\n0\r\n\r\n",
    "an endless size": b"f" * 20_000 + b"\r\n",
    "more than announced": b"1\r\n{}{}{}\r\n0\r\n\r\n",
    "no end of a chunk": b"2\r\n{}0\r\n\r\n",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CHUNKS)
def test_garbage_for_chunks_is_a_malformed_body(server: Running, name: str, kind: str) -> None:
    raw = head(server, f"Content-Type: {kind}", "Transfer-Encoding: chunked") + CHUNKS[name]
    assert problem(exchange(server, raw, half_close=True)) == (400, "malformed_body")


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_shorter_than_announced_is_malformed(server: Running, kind: str) -> None:
    raw = head(server, f"Content-Type: {kind}", "Content-Length: 1000") + b"{"
    assert problem(exchange(server, raw, half_close=True)) == (400, "malformed_body")


def test_a_body_longer_than_announced_is_not_taken_for_a_request(server: Running) -> None:
    smuggled = head(server, method="DELETE", path="/v1/galleries/staff")
    raw = head(server, "Content-Type: application/json", "Content-Length: 2") + b"{}" + smuggled
    answer = exchange(server, raw)
    assert answer.startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize(
    "raw", [b"", b"G", b"GET /healthz HTTP/1.1\r\n", b"POST /v1/comparisons HTTP/1.1\r\nContent-Length: 5\r\n\r\n{"]
)
def test_a_client_that_stops_in_the_middle_is_let_go(server: Running, raw: bytes) -> None:
    answer = exchange(server, raw, half_close=True)
    assert answer == b"" or problem(answer)[0] in {400, 401}


def test_a_client_that_has_sent_all_and_half_closed_gets_its_answer(server: Running) -> None:
    raw = head(server, "Connection: close", method="GET", path="/v1/whoami")
    assert exchange(server, raw, half_close=True).startswith(b"HTTP/1.1 200")


def test_a_client_that_resets_the_connection_does_no_harm(server: Running) -> None:
    for _ in range(20):
        client = connect(server)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        client.sendall(head(server, "Content-Length: 100000"))
        client.close()


OPEN_ENDED = {
    "an answer": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a refusal": b"\x00\x01\x02\r\n\r\n",
}


@pytest.mark.parametrize("what", OPEN_ENDED)
def test_clients_that_do_not_close_their_end_keep_nobody_waiting(server: Running, what: str) -> None:
    """Two seconds for one after the other: forty of them stopped the gateway, a hundred had it killed."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(100)]
        for client in clients:
            client.sendall(OPEN_ENDED[what])
        begun = time.monotonic()
        while time.monotonic() < begun + 4:
            asked = time.monotonic()
            assert httpx.get(f"{server.url}/healthz", timeout=20).status_code == 200
            assert time.monotonic() - asked < 10
            time.sleep(0.2)
        assert all(client.recv(65536).startswith(b"HTTP/1.1 ") for client in clients)
        for client in clients:
            client.settimeout(20)
            while client.recv(65536):
                pass
    assert server.process.poll() is None


def test_a_head_that_trickles_in_holds_no_thread_for_long(server: Running) -> None:
    """A byte a second is never silence, and would keep a thread for hours."""
    started = time.monotonic()
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(16)]  # twice as many as there are threads
        for client in clients:
            client.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        gone: set[int] = set()
        while len(gone) < len(clients) and time.monotonic() - started < 45:
            time.sleep(1)
            for number, client in enumerate(clients):
                try:
                    client.sendall(b"a")
                except OSError:
                    gone.add(number)
        assert len(gone) == len(clients), "each was cut off, the second half after the first"
    assert httpx.get(f"{server.url}/healthz", timeout=5).status_code == 200
