"""One request to a webhook's receiver: to an address that was judged, within a time, without redirects or proxies.

A connection serves one request. Its DNS look-up, handshake, request and answer share one deadline, so a receiver that
sends a byte a second gains nothing. Of an answer only the beginning is read, and nothing is ever decompressed.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

import certifi
import httpcore

from shared.errors import ForbiddenTarget, InvalidField
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.targets import Target, TargetPolicy

READ_BYTES = 4096
EXCERPT_CHARACTERS = 200
USER_AGENT = b"Likeness-Webhooks/1"
DEFAULT_PORTS = {"http": 80, "https": 443}
TIMED_OUT = "The receiver did not answer in time."


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        status: of the answer; None when there was none.
        error: why there was none, in words for the webhook's owner.
        excerpt: the beginning of the answer's text.
        retry_after: seconds that the receiver asks us to wait.
    """

    status: int | None = None
    error: str | None = None
    excerpt: str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender:
    def __init__(self, settings: WebhookSettings, policy: TargetPolicy) -> None:
        self._policy = policy
        self._seconds = settings.timeout_seconds
        self._tls = ssl.create_default_context(cafile=settings.ca_file or certifi.where())

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """POST a JSON body; every way in which that fails is a Reply."""
        backend = _Guarded(self._policy, time.monotonic() + self._seconds)
        try:
            target = self._policy.read(url)
            address = httpcore.URL(
                scheme=target.scheme, host=target.host, port=target.port, target=target.path.encode()
            )
            own = {"Content-Type": "application/json", "Accept": "*/*"}
            lines = [(b"Host", host_header(target).encode()), (b"User-Agent", USER_AGENT), *_lines({**own, **headers})]
            with (
                httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend) as pool,
                pool.stream("POST", address, headers=lines, content=body) as answer,
            ):
                return _reply(answer)
        except (ForbiddenTarget, InvalidField) as error:
            return Reply(error=str(error))
        except (httpcore.TimeoutException, TimeoutError):
            return Reply(error=TIMED_OUT)
        except httpcore.ConnectError as error:
            return Reply(error=_why_no_connection(error))
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return Reply(error="The receiver broke the connection off, or its answer is not HTTP.")


class _Guarded(httpcore.NetworkBackend):
    """Connects to judged addresses only, and ends everything at the deadline."""

    def __init__(self, policy: TargetPolicy, deadline: float) -> None:
        self._policy = policy
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline is all that counts
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._policy.addresses(host, port, _left(self._deadline))
        for number, address in enumerate(addresses, 1):
            share = _left(self._deadline) / (len(addresses) - number + 1)
            try:
                stream = self._plain.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
                continue
            try:
                self._policy.admit(ip_address(stream.get_extra_info("server_addr")[0]))
            except BaseException:
                stream.close()
                raise
            return _Limited(stream, self._deadline)
        raise httpcore.ConnectError("no address")


class _Limited(httpcore.NetworkStream):
    """A connection whose every operation ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Limited(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    """Seconds until the deadline. Raises TimeoutError after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def host_header(target: Target) -> str:
    """The Host header: an IPv6 address goes into brackets (RFC 9110, 7.2)."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == DEFAULT_PORTS[target.scheme] else f"{host}:{target.port}"


def _lines(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _reply(answer: httpcore.Response) -> Reply:
    found = b""
    for piece in answer.iter_stream():
        found += piece
        if len(found) >= READ_BYTES:
            break
    text = found[:READ_BYTES].decode(errors="replace")
    shown = "".join(character if character.isprintable() else " " for character in text)
    named = {name.lower(): value for name, value in answer.headers}
    return Reply(
        status=answer.status,
        excerpt=shown[:EXCERPT_CHARACTERS],
        retry_after=retry_after(named.get(b"retry-after", b"").decode("latin-1"), time.time()),
    )


def retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; None when it asks for nothing readable."""
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _why_no_connection(error: Exception) -> str:
    """A connection that was not made: for its owner to act on, so by what went wrong and not in the system's words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"The receiver's certificate is not valid: {cause.verify_message}."
        if isinstance(cause, ssl.SSLError):
            return "The receiver does not speak TLS as it should."
        cause = cause.__cause__ or cause.__context__
    return "The receiver cannot be reached: nothing accepts the connection."
