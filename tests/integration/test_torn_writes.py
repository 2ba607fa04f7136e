"""A writer that dies in the middle of a write leaves what was there before, never a part of what it wrote."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from shared.errors import ObjectNotFound, StorageUnavailable
from shared.settings import S3Settings
from shared.storage.s3_store import S3Store

DATA = b"x" * 3000
END_OF_HEADERS = b"\r\n\r\n"


class DyingConnection:
    """Stands between a client and the store, and cuts each PUT off, so many bytes after its headers."""

    def __init__(self, endpoint: str, passed: int) -> None:
        host, _, port = endpoint.partition(":")
        self._server, self._passed = (host, int(port)), passed
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, socket.create_connection(self._server) as server:
                    self._relay(client, server)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        received = b""
        while END_OF_HEADERS not in received or len(received.partition(END_OF_HEADERS)[2]) < self._passed:
            received += client.recv(65536)
            if received.startswith(b"GET"):  # an update reads first
                server.sendall(received)
                client.sendall(server.recv(65536))
                received = b""
        headers, _, body = received.partition(END_OF_HEADERS)
        server.sendall(headers + END_OF_HEADERS + body[: self._passed])


@pytest.fixture(params=[0, 1, 1500])
def dying(request: pytest.FixtureRequest, s3_settings: S3Settings) -> Iterator[S3Store]:
    connection = DyingConnection(s3_settings.endpoint, request.param)
    yield S3Store(s3_settings.model_copy(update={"endpoint": connection.endpoint}))
    connection.close()


@pytest.mark.parametrize(
    "write",
    [lambda store: store.put("torn/new", DATA), lambda store: store.put_if_absent("torn/new", DATA)],
    ids=["put", "put_if_absent"],
)
def test_a_new_object_is_whole_or_not_there(write: Callable[[S3Store], object], dying: S3Store, s3: S3Store) -> None:
    with pytest.raises(StorageUnavailable):
        write(dying)
    with pytest.raises(ObjectNotFound):
        s3.get("torn/new")


@pytest.mark.parametrize(
    "write",
    [lambda store: store.put("torn/old", DATA), lambda store: store.update("torn/old", lambda _: DATA)],
    ids=["put", "update"],
)
def test_an_object_stays_as_it_was(write: Callable[[S3Store], object], dying: S3Store, s3: S3Store) -> None:
    s3.put("torn/old", b"old")
    with pytest.raises(StorageUnavailable):
        write(dying)
    assert s3.get("torn/old") == b"old"
