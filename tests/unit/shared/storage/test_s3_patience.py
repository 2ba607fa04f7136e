"""How long the S3 store waits for an answer: little for small objects, longer for large ones."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from shared.errors import StorageUnavailable
from shared.storage import s3_store
from shared.storage.s3_store import S3Store
from tests.unit.shared.storage.served import serving

SLOWNESS_S = 0.5


class BusyStore(BaseHTTPRequestHandler):
    """Takes every object, slowly."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SLOWNESS_S)
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    monkeypatch.setattr(s3_store, "READ_S", SLOWNESS_S / 10)
    monkeypatch.setattr(s3_store, "LARGE_READ_S", 20 * SLOWNESS_S)
    with serving(BusyStore) as store:
        yield store


def test_a_large_object_may_take_its_time(busy: S3Store) -> None:
    busy.put("uploads/large", bytes(s3_store.LARGE_BYTES + 1))


def test_a_small_one_may_not(busy: S3Store) -> None:
    with pytest.raises(StorageUnavailable):
        busy.put("uploads/small", b"small")
