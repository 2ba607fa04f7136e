"""Who knows no secret gets nothing from any port or socket on which the embedded stack listens."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from shared.embedded.info import StackInfo
from shared.embedded.stack import Stack

HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # how a client of gRPC begins
SETTINGS = 4  # the kind of the frame by which a server of gRPC answers
REFUSALS = tuple(f"HTTP/1.{minor} {status}".encode() for minor in (0, 1) for status in (400, 401, 403, 404, 405))
PATHS = (
    "/",
    "/?pretty=y",
    "/buckets/",
    "/buckets/likeness/keys/default/",
    "/dir/assign",
    "/dir/status",
    "/ui/index.html",
)

Connect = Callable[[], socket.socket]


def listening(running: Stack, kind: str) -> Iterator[str]:
    """Of all processes of the stack: ports, or paths of sockets."""
    for record in running.supervisor.processes():
        process = psutil.Process(record.pid)
        for one in (process, *process.children(recursive=True)):
            for found in one.net_connections(kind):
                if kind == "unix":
                    yield str(found.laddr)
                elif found.status == psutil.CONN_LISTEN:
                    assert found.laddr.ip == "127.0.0.1", f"{one.name()} listens to the network"
                    yield str(found.laddr.port)


def said(connect: Connect, sent: bytes) -> bytes:
    """The beginning of what is answered; nothing when the connection is closed."""
    with connect() as connection:
        connection.settimeout(5)
        try:
            connection.sendall(sent)
            return connection.recv(4096)
        except OSError:
            return b""


def over_tls(connect: Connect, sent: bytes) -> bytes:
    anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
    anything.set_alpn_protocols(["h2" if sent == HTTP_2 else "http/1.1"])
    try:
        return said(lambda: anything.wrap_socket(connect()), sent)
    except OSError:
        return b""


def gets_nothing(connect: Connect) -> None:
    """Nobody answers but to refuse."""
    for method in ("GET", "PUT", "POST", "DELETE"):
        for path in PATHS:
            sent = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode()
            assert over_tls(connect, sent) == b"", (method, path)
            answer = said(connect, sent)
            assert not answer or answer.startswith(REFUSALS), (method, path, answer)
    for answer in (said(connect, HTTP_2), over_tls(connect, HTTP_2)):
        assert answer[3:4] != bytes([SETTINGS]), answer


def to_port(port: int) -> Connect:
    return lambda: socket.create_connection(("127.0.0.1", port), timeout=5)


def to_socket(path: str) -> Connect:
    def connect() -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.connect(path)
        return made

    return connect


def test_every_port_refuses_who_knows_no_secret(running: Stack, stack: StackInfo) -> None:
    ports = {int(port) for port in listening(running, "inet")}
    gateway, s3, redis = (urlsplit(url).port for url in (stack.url, f"http://{stack.s3.endpoint}", stack.redis))
    assert {gateway, s3, redis} < ports
    for port in ports - {gateway, s3, redis}:
        gets_nothing(to_port(port))
    assert httpx.get(f"{stack.url}/v1/jobs").status_code == 401
    for path in ("", "/", "/likeness", "/likeness/keys/default/first.json"):
        answer = httpx.get(f"http://{stack.s3.endpoint}{path}", headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403, path
    assert httpx.put(f"http://{stack.s3.endpoint}/likeness/planted", content=b"{}").status_code == 403
    assert redis is not None
    assert said(to_port(redis), b"KEYS *\r\n").startswith(b"-NOAUTH")


def test_so_does_every_socket(running: Stack) -> None:
    paths = {path for path in listening(running, "unix") if Path(path).is_socket()}
    assert any("seaweedfs" in path for path in paths)
    for path in paths:
        gets_nothing(to_socket(path))


@pytest.mark.parametrize("name", ["api-key", "stack.json", "processes.json", "data/secrets.json", "data/s3/s3.json"])
def test_what_is_secret_is_its_owner_s_only(running: Stack, name: str) -> None:
    assert (running.home / name).stat().st_mode & 0o077 == 0
    assert running.home.stat().st_mode & 0o077 == 0


def test_the_keys_of_the_object_store_s_parts_are_too(running: Stack) -> None:
    for file in (running.home / "data" / "s3" / "tls").iterdir():
        assert file.stat().st_mode & 0o077 == 0
