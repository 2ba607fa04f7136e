"""The gateway under gunicorn, over real sockets: large bodies, streams, shutdown, log, entry point."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from shared.embedded.ports import free_ports
from tests.unit.gateway.conftest import PHOTO
from tests.unit.gateway.served import Running, connect, start

MEBIBYTE = 2**20


@pytest.fixture
def http(server: Running) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        yield client


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield bytes(MEBIBYTE)


def assert_too_large(answer: httpx.Response) -> None:
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"
    assert "67,108,864" in answer.json()["detail"]


def test_a_body_of_100_mb_gets_its_answer_and_the_connection_lives_on(http: httpx.Client) -> None:
    files = {"image_a": bytes(100 * MEBIBYTE), "image_b": PHOTO}
    assert_too_large(http.post("/v1/comparisons", files=files))
    assert http.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize(("key", "size"), [(True, 100 * MEBIBYTE), (False, 30 * MEBIBYTE)])
def test_a_client_that_sends_all_before_it_reads_is_not_reset(server: Running, key: bool, size: int) -> None:
    """As most clients do; a server that answers and closes would break its sending off."""
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=30) as client:
        head = f"POST /v1/comparisons HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
        authorization = f"Authorization: Bearer {server.token}\r\n" if key else ""
        client.sendall(f"{head}{authorization}Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode())
        for _ in range(size // MEBIBYTE):
            client.sendall(bytes(MEBIBYTE))
        assert client.recv(12) == f"HTTP/1.1 {413 if key else 401}".encode()


def test_a_chunked_body_of_100_mb_gets_its_answer(http: httpx.Client) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind}
        assert_too_large(http.post("/v1/comparisons", content=pieces(100), headers=headers))
    assert http.get("/v1/jobs").status_code == 200


def test_a_large_body_for_a_route_that_is_not_there_gets_its_answer(http: httpx.Client) -> None:
    assert http.post("/v1/nowhere", content=pieces(60)).status_code == 404


def test_a_body_without_a_key_gets_its_answer(http: httpx.Client) -> None:
    answer = http.post("/v1/comparisons", content=bytes(20 * MEBIBYTE), headers={"Authorization": ""})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param("GET /healthz HTTP/1.1\r\nHos", id="half a head"),
        pytest.param("POST /v1/galleries HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", id="half a body"),
    ],
)
def test_silent_strangers_hold_no_thread_for_long(server: Running, http: httpx.Client, beginning: str) -> None:
    with ExitStack() as stack:
        for _ in range(16):  # twice as many as there are threads
            stack.enter_context(connect(server)).sendall(beginning.encode())
        assert http.get("/healthz", timeout=25).status_code == 200
    assert "Traceback" not in server.log.read_text()


def test_a_large_body_that_is_only_announced_is_refused_at_once(server: Running) -> None:
    with connect(server) as client:
        head = f"POST /v1/comparisons HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
        client.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {100 * MEBIBYTE}\r\n\r\n{{".encode())
        client.settimeout(8)
        assert client.recv(12) == b"HTTP/1.1 413"


def test_a_body_that_breaks_off_holds_no_thread(server: Running, http: httpx.Client) -> None:
    for _ in range(16):  # twice as many as there are threads
        with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1]))) as client:
            head = f"POST /v1/comparisons HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            kind = "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
            client.sendall(f"{head}{kind}{{".encode())
    assert http.get("/healthz").status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_with_broken_chunks_is_malformed(server: Running, http: httpx.Client, kind: str) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=30) as client:
        head = f"POST /v1/comparisons HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
        client.sendall(f"{head}Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n".encode())
        answer = client.recv(65536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert http.get("/healthz").status_code == 200


def test_a_chunked_upload_within_the_limit_is_taken(http: httpx.Client) -> None:
    built = httpx.Request("POST", "http://x", files={"image_a": PHOTO, "image_b": PHOTO})
    body = built.read()
    parts = (body[start : start + 100] for start in range(0, len(body), 100))
    answer = http.post("/v1/comparisons", content=parts, headers={"Content-Type": built.headers["Content-Type"]})
    assert answer.status_code == 202, answer.text


def test_events_arrive_one_by_one(http: httpx.Client) -> None:
    job = http.post("/v1/comparisons", files={"image_a": PHOTO, "image_b": PHOTO}).json()
    with http.stream("GET", job["links"]["events"]) as stream:
        for line in stream.iter_lines():
            if line == "event: queued":
                http.post(job["links"]["cancel"]).raise_for_status()
            if line == "event: cancelled":
                return
    pytest.fail("the outcome was not told")


def test_the_log_has_one_json_line_for_a_request(server: Running, http: httpx.Client) -> None:
    http.get("/v1/styles", headers={"X-Request-Id": "seen-in-the-log"})
    time.sleep(0.1)
    (line,) = [line for line in server.lines() if line.get("request_id") == "seen-in-the-log"]
    assert (line["event"], line["route"], line["status"]) == ("request", "/v1/styles", 200)
    assert server.token not in server.log.read_text()


def test_shutting_down_ends_streams_and_waits_and_answers_them(redis_url: str, tmp_path: Path) -> None:
    running = start(tmp_path, redis_url)
    headers = {"Authorization": f"Bearer {running.token}"}
    answers: list[int] = []
    with httpx.Client(base_url=running.url, headers=headers, timeout=60) as http:
        files = {"image_a": PHOTO, "image_b": PHOTO}
        events = http.post("/v1/comparisons", files=files).json()["links"]["events"]

        def follow() -> None:
            answers.append(http.get(events).status_code)

        def wait() -> None:
            answers.append(http.post("/v1/comparisons", files=files, headers={"Prefer": "wait=30"}).status_code)

        clients = [threading.Thread(target=client) for client in (follow, wait)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        started = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
        assert time.monotonic() - started < 12
        for client in clients:
            client.join()
    assert sorted(answers) == [200, 202]


def can_listen(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_when_the_parent_is_killed_the_port_is_free_at_once(redis_url: str, tmp_path: Path) -> None:
    running = start(tmp_path, redis_url)
    (worker,) = psutil.Process(running.process.pid).children()
    headers = {"Authorization": f"Bearer {running.token}"}
    with httpx.Client(base_url=running.url, headers=headers, timeout=60) as http, ThreadPoolExecutor() as pool:
        files = {"image_a": PHOTO, "image_b": PHOTO}
        waiting = pool.submit(http.post, "/v1/comparisons", files=files, headers={"Prefer": "wait=30"})
        time.sleep(0.5)
        running.process.kill()
        running.process.wait()
        until = time.monotonic() + 5  # the worker looks each second
        while not can_listen(http.base_url.port or 0):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert waiting.result().status_code == 202, "who was waiting gets an answer"
    worker.wait(15)


ENVIRONMENT = {
    "LIKENESS_REDIS__URL": "redis://127.0.0.1:1/0",
    "LIKENESS_S3__ENDPOINT": "127.0.0.1:1",
    "LIKENESS_S3__ACCESS_KEY": "key",
    "LIKENESS_S3__SECRET_KEY": "not-a-placeholder",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "object store cannot be reached"),
        ({"LIKENESS_S3__SECRET_KEY": "minioadmin"}, "LIKENESS_S3__SECRET_KEY"),
        ({"LIKENESS_S3__ENDPOINT": None}, "LIKENESS_S3__ENDPOINT"),
        ({"LIKENESS_LIMITS__BODY_BYTES": "0"}, "LIKENESS_LIMITS__BODY_BYTES"),
    ],
)
def test_what_makes_a_start_impossible_is_one_line(changes: dict[str, str | None], words: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LIKENESS_")}
    settings = {name: value for name, value in {**ENVIRONMENT, **changes}.items() if value is not None}
    command = [sys.executable, "-m", "gateway", "--port", str(free_ports(1)[0])]
    done = subprocess.run(command, env={**kept, **settings}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("gateway: ")
    assert words in line
    assert done.stdout == ""
