"""One request to a receiver: what it carries, and every way in which a receiver can be hostile."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from shared.webhooks.settings import WebhookSettings
from shared.webhooks.targets import TargetPolicy
from tests.receivers import Answer, receiving
from workers.delivery import EXCERPT_CHARACTERS, Reply, Sender, host_header, retry_after

LOOPBACK = {"allow_http": True, "ports": "1-65535", "networks": "127.0.0.0/8"}


class Names:
    """A resolver whose answers follow each other; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int, _seconds: float) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def sender(names: Names | None = None, **changed: object) -> Sender:
    settings = WebhookSettings.model_validate({**LOOPBACK, **changed})
    return Sender(settings, TargetPolicy(settings, names or Names(["127.0.0.1"])))


def send(by: Sender, url: str) -> Reply:
    return by.send(url, {"webhook-id": "msg_1"}, b'{"a":1}')


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what `talk` does; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        talk(connection)
                    except OSError:
                        continue  # the other side has had enough

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_request_carries_body_headers_and_the_name_it_is_for() -> None:
    with receiving() as receiver:
        reply = send(sender(), f"http://hooks.example:{receiver.port}/hook?a=b")
    assert reply == Reply(status=200, excerpt="ok")
    (received,) = receiver.received
    assert received.path == "/hook?a=b"
    assert received.body == b'{"a":1}'
    assert received.headers["host"] == f"hooks.example:{receiver.port}"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["user-agent"].startswith("Likeness")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://hooks.example/", "hooks.example"),
        ("https://hooks.example:8443/", "hooks.example:8443"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
    ],
)
def test_the_host_is_named_as_http_wants_it(url: str, named: str) -> None:
    assert host_header(TargetPolicy(WebhookSettings()).read(url)) == named


def test_redirects_are_not_followed() -> None:
    with receiving() as inner, receiving(lambda _: Answer(302, {"Location": inner.url})) as outer:
        assert send(sender(), outer.url).status == 302
    assert inner.received == []


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert send(sender(), receiver.url).ok
    assert proxy.received == []


def test_a_private_target_is_never_connected_to() -> None:
    with receiving() as receiver:
        reply = send(sender(networks=""), receiver.url)
    assert reply.status is None
    assert "the internet can reach" in str(reply.error)
    assert receiver.received == []


def test_a_name_that_changes_its_mind_is_asked_once_and_judged_at_every_attempt() -> None:
    with receiving() as receiver:
        names = Names(["93.184.215.14"], ["127.0.0.1"])
        url = f"http://rebinding.example:{receiver.port}/"
        policy = TargetPolicy(WebhookSettings.model_validate({**LOOPBACK, "networks": ""}), names)
        policy.addresses("rebinding.example", receiver.port)  # when the webhook was made
        settings = WebhookSettings.model_validate({**LOOPBACK, "networks": ""})
        assert "the internet can reach" in str(send(Sender(settings, policy), url).error)
    assert receiver.received == []
    assert names.asked == ["rebinding.example"] * 2


def test_the_connection_goes_to_the_address_that_was_judged() -> None:
    with receiving() as receiver:
        names = Names(["127.0.0.1"], ["127.0.0.9"])
        assert send(sender(names), f"http://hooks.example:{receiver.port}/").ok
    assert names.asked == ["hooks.example"]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with receiving() as receiver:
        assert send(sender(Names(["127.0.0.2", "127.0.0.1"])), f"http://hooks.example:{receiver.port}/").ok


def test_nothing_that_listens_is_said_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert "nothing accepts" in str(send(sender(), f"http://127.0.0.1:{port}/").error)


@pytest.mark.parametrize(
    "talk",
    [
        lambda _: time.sleep(5),
        lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
        lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000),
        lambda connection: drip(connection, b"HTTP/1.1 102 Processing\r\n\r\n" * 1000),
    ],
    ids=["silent", "endless-headers", "slow-body", "endless-interim-answers"],
)
def test_no_receiver_holds_us_up_for_longer_than_the_limit(talk: Callable[[socket.socket], None]) -> None:
    with talking(talk) as url:
        began = time.monotonic()
        reply = send(sender(timeout_seconds=0.4), url)
        assert time.monotonic() - began < 1.5
    assert reply == Reply(error="The receiver did not answer in time.")


def drip(connection: socket.socket, data: bytes) -> None:
    for number in range(len(data)):
        connection.sendall(data[number : number + 1])
        time.sleep(0.02)


def test_a_slow_look_up_counts_too() -> None:
    def slow(_host: str, _port: int, seconds: float) -> Sequence[str]:
        time.sleep(seconds)
        raise TimeoutError

    settings = WebhookSettings.model_validate({**LOOPBACK, "timeout_seconds": 0.3})
    reply = send(Sender(settings, TargetPolicy(settings, slow)), "http://slow.example/")
    assert "no address" in str(reply.error)


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\x00" * 100,
     b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000],
)  # fmt: skip
def test_an_answer_that_is_no_http_is_an_error(answer: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with talking(talk) as url:
        reply = send(sender(), url)
    assert reply.status is None
    assert reply.error


def test_of_a_large_answer_only_the_beginning_is_read() -> None:
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"a\x1b\n" * 300_000)
            sent += 900_000

    with talking(talk) as url:
        began = time.monotonic()
        reply = send(sender(), url)
        assert time.monotonic() - began < 5
    assert reply.status == 500
    assert len(reply.excerpt) == EXCERPT_CHARACTERS
    assert reply.excerpt.isprintable()
    assert sent < 100_000_000


def test_compressed_answers_are_not_unpacked() -> None:
    with receiving(lambda _: Answer(500, {"Content-Encoding": "gzip"}, b"\x1f\x8b" + b"x" * 50)) as receiver:
        assert send(sender(), receiver.url).status == 500


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def served_as(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_the_certificate_is_checked_against_the_name_and_not_the_address(authority: trustme.CA, ca_file: Path) -> None:
    with receiving(tls=served_as(authority, "hooks.example")) as receiver:
        assert send(sender(ca_file=ca_file), f"https://hooks.example:{receiver.port}/").ok
        other = send(sender(ca_file=ca_file), f"https://other.example:{receiver.port}/")
        unknown = send(sender(), f"https://hooks.example:{receiver.port}/")
    assert "certificate is not valid" in str(other.error)
    assert "certificate is not valid" in str(unknown.error)
    assert len(receiver.received) == 1


def test_an_expired_certificate_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example", not_after=datetime(2020, 1, 2, tzinfo=UTC)).configure_cert(context)
    with receiving(tls=context) as receiver:
        reply = send(sender(ca_file=ca_file), f"https://hooks.example:{receiver.port}/")
    assert "expired" in str(reply.error)


def test_a_receiver_without_tls_is_an_error(ca_file: Path) -> None:
    with receiving() as receiver:
        assert send(sender(ca_file=ca_file), f"https://hooks.example:{receiver.port}/").error


# --- Retry-After ---


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120.0), ("0", 0.0), ("", None), ("soon", None), ("-5", None), ("9" * 40, None), ("١٢", None),
     ("Sun, 06 Nov 1994 08:50:07 GMT", 30.0), ("Sun, 06 Nov 1994 08:49:07 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, 784111777.0) == seconds
