"""Gunicorn with one process of threads, patient with nobody: what comes in has a limit of size and of time."""

import contextlib
import selectors
import socket
import struct
import sys
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from apiflask import APIFlask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
)
from gunicorn.workers.gthread import TConn, ThreadWorker

from gateway.web.prefer import LONGEST_WAIT_S
from gateway.web.problems import PROBLEM_TYPE, problem_body

Build = Callable[[threading.Event], APIFlask]

HEADER_SILENCE_S = 5  # a client that begins a request and then says nothing for so long has gone
HEAD_S = 10.0  # for the whole of a request's head, however steadily it trickles in
LINGER_S = 2.0  # for a client to take the end of its answer and to close the connection
LINGER_BYTES = 65_536
# What gunicorn refuses before there is a request: status, reason, code, what to do. Anything else is 400.
REFUSALS: dict[type[Exception], tuple[int, str, str, str]] = {
    LimitRequestLine: (414, "URI Too Long", "uri_too_long", "The address is too long."),
    LimitRequestHeaders: (
        431,
        "Request Header Fields Too Large",
        "headers_too_large",
        "The headers are too many or too large.",
    ),
    ExpectationFailed: (417, "Expectation Failed", "expectation_failed", "`Expect` may ask for 100-continue only."),
}
MALFORMED = (400, "Bad Request", "bad_request", "This is not a well-formed HTTP/1.1 request.")


class OneLog(Logger):  # type: ignore[misc]
    """Gunicorn's messages go where ours go; gateway/web/parting.py writes the line of each request."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A client that fell silent is no error of ours, and must not be able to fill the log."""
        if isinstance(sys.exc_info()[1], BlockingIOError):
            self.debug(msg, *args)
        else:
            super().exception(msg, *args, **kwargs)


class Worker(ThreadWorker):  # type: ignore[misc]
    """Tells waiting requests and open event streams that the process ends, or they would hold it up.

    Nor may silent or slow clients hold its threads: gunicorn reads a request's head without any limit of time, so
    the listening sockets get one that the kernel hands on to each connection, and a head that is not whole by its
    time is cut off. gateway/web/gatekeeper.py sets the limit for all that follows.

    A connection that ends is read until its client ends it too, or the end of an answer may be lost (RFC 9112, 9.6).
    Gunicorn does so for one after the other, two seconds each, while nobody else is let in; here all wait side by side.
    """

    def init_process(self) -> None:
        self._heads: dict[TConn, float] = {}  # connection -> when its request's head must be whole
        self._ending: dict[TConn, float] = {}  # connection -> when it is closed, whatever its client does
        for listener in self.sockets:
            silence = struct.pack("ll", HEADER_SILENCE_S, 0)
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, silence)
        super().init_process()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.app.stopping.set()
        super().handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """A worker whose parent was killed gives up the port at once, for the next gateway is being started there."""
        if super().is_parent_alive():
            return True
        self.alive = False
        self.app.stopping.set()
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.close()
        return False

    def handle(self, conn: TConn) -> Any:
        """In a thread: read a request's head, then answer it."""
        self._heads[conn] = time.monotonic() + HEAD_S
        try:
            return super().handle(conn)
        finally:
            self._heads.pop(conn, None)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        self._heads.pop(conn, None)
        return super().handle_request(req, conn)

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """In the main loop."""
        conn.close = partial(self._end, conn)
        super().finish_request(conn, fs)

    def _end(self, conn: TConn, *, graceful: bool = False) -> None:
        if graceful:
            with contextlib.suppress(OSError):  # its client has gone
                conn.sock.setblocking(False)
                conn.sock.shutdown(socket.SHUT_WR)
                self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_on, conn))
                self._ending[conn] = time.monotonic() + LINGER_S
                self.nr_conns += 1  # it counts until it is closed
                return
        TConn.close(conn)

    def _read_on(self, conn: TConn, _: socket.socket) -> None:
        try:
            ended = not conn.sock.recv(LINGER_BYTES)
        except BlockingIOError:
            return
        except OSError:
            ended = True
        if ended:
            self._close(conn)

    def _close(self, conn: TConn) -> None:
        del self._ending[conn]
        self.nr_conns -= 1
        self.poller.unregister(conn.sock)
        TConn.close(conn)

    def murder_pending(self) -> None:
        """In the main loop, each second at least."""
        super().murder_pending()
        now = time.monotonic()
        for conn, until in self._ending.copy().items():
            if now > until:
                self._close(conn)
        for conn, until in self._heads.copy().items():
            if now > until:
                with contextlib.suppress(OSError):  # it has gone by itself
                    conn.sock.shutdown(socket.SHUT_RD)  # its thread reads the end

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Refuse what is no request with a problem document, where gunicorn would send a page of HTML."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        found = next((REFUSALS[kind] for kind in type(exc).__mro__ if kind in REFUSALS), MALFORMED)
        self.log.info("refused %s: %s", found[2], type(exc).__name__)
        with contextlib.suppress(OSError):
            client.sendall(_refusal(*found))


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn around what `build` makes.

    `build` is called in the worker process, so no connection is shared with the parent. It is given the event
    that is set when the process shuts down.
    """

    def __init__(self, build: Build, *, host: str, port: int, threads: int) -> None:
        self.options = {
            "bind": f"{host}:{port}",
            "workers": 1,
            "worker_class": Worker,
            "threads": threads,
            "logger_class": OneLog,
            "graceful_timeout": LONGEST_WAIT_S + 5,
            "keepalive": 75,
            "control_socket_disable": True,
        }
        self.build = build
        self.stopping = threading.Event()
        super().__init__(prog="python -m gateway")

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> APIFlask:
        return self.build(self.stopping)


def _refusal(status: int, reason: str, code: str, detail: str) -> bytes:
    request_id = uuid.uuid4().hex
    body = problem_body(status, code, detail, instance="", request_id=request_id).encode()
    head = {
        "Connection": "close",
        "Content-Type": PROBLEM_TYPE,
        "Content-Length": str(len(body)),
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode() + body
