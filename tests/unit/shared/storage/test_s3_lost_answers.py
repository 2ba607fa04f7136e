"""A conditional write whose answer is lost is sent again, and then meets itself: it has won all the same."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler

import pytest

from shared.storage.s3_store import S3Store
from tests.unit.shared.storage.served import serving


@dataclass
class Objects:
    """What a store holds; of the next writes it does `lost` and answers none of them."""

    by_path: dict[str, bytes] = field(default_factory=dict)
    lost: int = 0
    rival: bytes | None = None  # what somebody else writes before that answer is missed

    def tag(self, path: str) -> str | None:
        return f'"{sha256(self.by_path[path]).hexdigest()}"' if path in self.by_path else None


class Handler(BaseHTTPRequestHandler):
    objects: Objects

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self._answer(200, self.objects.by_path[path], self.objects.tag(path) or "")

    def do_PUT(self) -> None:
        path, data = self.path.partition("?")[0], self.rfile.read(int(self.headers["Content-Length"]))
        tag = self.objects.tag(path)
        if (self.headers["If-None-Match"] and tag) or (self.headers["If-Match"] not in {None, tag}):
            self._answer(412)
            return
        self.objects.by_path[path] = data
        if self.objects.lost:
            self.objects.lost -= 1
            if self.objects.rival is not None:
                self.objects.by_path[path], self.objects.rival = self.objects.rival, None
            self.close_connection = True  # without a word
            return
        self._answer(200)

    def _answer(self, status: int, body: bytes = b"", tag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def objects() -> Objects:
    return Objects()


@pytest.fixture
def store(objects: Objects) -> Iterator[S3Store]:
    with serving(type("Server", (Handler,), {"objects": objects})) as opened:
        yield opened


def test_a_creation_is_not_taken_for_somebody_elses(store: S3Store, objects: Objects) -> None:
    objects.lost = 1
    assert store.put_if_absent("keys/first.json", b"ours")
    assert store.get("keys/first.json") == b"ours"
    assert not store.put_if_absent("keys/first.json", b"ours"), "which is there already"


def test_a_change_is_made_once(store: S3Store, objects: Objects) -> None:
    store.put("count", b"1")
    objects.lost = 1
    assert store.update("count", lambda former: b"%d" % (int(former) + 1)) == b"2"
    assert store.get("count") == b"2"


def test_who_was_overtaken_has_not_won(store: S3Store, objects: Objects) -> None:
    objects.lost, objects.rival = 1, b"theirs"
    assert not store.put_if_absent("keys/first.json", b"ours")
    assert store.get("keys/first.json") == b"theirs"
