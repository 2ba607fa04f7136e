"""Run the gateway: `python -m gateway --host 127.0.0.1 --port 8000`. Settings: see .env.example."""

import argparse
import socket
import struct
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from apiflask import APIFlask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from gateway import wsgi
from gateway.prefer import LONGEST_WAIT_S
from shared import logs
from shared.errors import LikenessError
from shared.settings import load_settings

Build = Callable[[threading.Event], APIFlask]


HEADER_SILENCE_S = 5  # a client that begins a request and then says nothing for so long has gone


class OneLog(Logger):  # type: ignore[misc]
    """Gunicorn's messages go where ours go; gateway/parting.py writes the line of each request."""

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

    Nor may silent clients hold its threads: gunicorn reads a request's head without any limit of time, so
    the listening sockets get one that the kernel hands on to each connection. gateway/gatekeeper.py sets
    the limit for all that follows.
    """

    def init_process(self) -> None:
        for listener in self.sockets:
            silence = struct.pack("ll", HEADER_SILENCE_S, 0)
            listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, silence)
        super().init_process()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.app.stopping.set()
        super().handle_exit(sig, frame)


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with one process of threads around what `build` makes.

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


def main() -> int:
    """Serve until SIGTERM, which lets requests under way finish."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    parser.add_argument(
        "--threads", type=int, default=64, help="more than event streams and requests at a time (%(default)s)"
    )
    arguments = parser.parse_args()
    try:
        settings = load_settings()
        logs.configure(settings)
        wsgi.prepare(settings)
    except LikenessError as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 1
    build = partial(wsgi.build, settings)
    Server(build, host=arguments.host, port=arguments.port, threads=arguments.threads).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
