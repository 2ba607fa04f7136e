"""The S3 store before a server that answers as a test's handler does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.settings import S3Settings
from shared.storage.s3_store import S3Store


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[S3Store]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint = f"127.0.0.1:{server.server_port}"
    yield S3Store(
        S3Settings.model_validate({"endpoint": endpoint, "access_key": "a", "secret_key": "b", "region": "us-east-1"})
    )
    server.shutdown()
    thread.join()
    server.server_close()
