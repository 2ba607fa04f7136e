"""Nonsense for every field of every route that takes a body: a problem that says what is wrong, never 5xx.

The routes and their fields come from the OpenAPI document, so a new one is tried as soon as it is there.
"""

import base64
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from gateway.context import Services
from gateway.web.problems import PROBLEM_TYPE
from shared.galleries.store import GalleryStore
from shared.storage.store import MemoryStore
from tests.unit.gateway.conftest import PHOTO, Api, FakeWorker
from tests.unit.gateway.route_table import ROUTES
from tests.unit.gateway.web.test_openapi import BODIES, spec
from tests.unit.gateway.world import World

NAMES = [f"{method} {path}" for method, path in BODIES]

MALFORMED = {
    "nothing": b"",
    "a brace": b"{",
    "a bracket": b"[",
    "a list": b"[]",
    "null": b"null",
    "a number": b"1",
    "text": b'"x"',
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "no unicode": b"\xff\xfe\x00",
    "half a character": b'{"a": "\xc3"}',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "a member twice": b'{"a": 1, "a": 1}',
    "a comma too many": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "two documents": b"{}{}",
    "endless digits": b'{"a": ' + b"9" * 10_000 + b"}",
    "a nul": b'{"a": "\x00"}',
    "an unknown member": b'{"no such field": 1}',
    "a member without a name": b'{"": 1}',
    "half a surrogate for a name": b'{"\\ud800": 1}',
    "half a surrogate for a name twice": b'{"\\ud800": 1, "\\ud800": 2}',
}
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 10**30, -(10**30), 1e308, 0.1, "", " ", "x", "0", "nan", "1e999", "x" * 100_000,
    "\x00", "a\x00b", "\ud800", "\u202e", "ä", "../../etc/passwd", "%00", "{}", "[]", "upload:", "upload:../x",
    "data:image/png;base64,", "QUJD", [], [[]], [None], [1, "a"], ["x"] * 3, {}, {"a": {"b": []}}, [{}] * 50,
)  # fmt: skip
TEXTS = ("", "x", "-1", "nan", "1e999", "x" * 100_000, "a\x00b", "ä", "[[]]", '{"a": NaN}', "upload:../x")


@pytest.fixture
def ids(
    api: Api, worker: FakeWorker, store: MemoryStore, galleries: GalleryStore, staff: str, services: Services
) -> Mapping[str, str]:
    assert staff
    services.stopping.set()
    return World(api, worker, store, galleries).build()


def schema_of(name: str) -> Mapping[str, Any]:
    method, path = name.split()
    content = spec()["paths"][path][method.lower()]["requestBody"]["content"]
    found: Mapping[str, Any] = spec()["components"]["schemas"][
        content["application/json"]["schema"]["$ref"].rpartition("/")[2]
    ]
    return found


def filled(text: str, ids: Mapping[str, str]) -> str:
    for kind, value in ids.items():
        text = text.replace(f"{{{kind}}}", value)
    return text


def good(name: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """A JSON body that the route takes."""
    known = ROUTES[name]
    if known.json is not None:
        made: dict[str, Any] = json.loads(filled(json.dumps(known.json), ids))
        return made
    files = {field: base64.b64encode(data).decode() for field, data in known.files.items()}
    return {**known.fields, **files}


def send(api: Api, name: str, ids: Mapping[str, str], data: bytes, kind: str | None, **headers: str) -> TestResponse:
    method, path = name.split()
    return api(method, filled(path, ids), data=data, content_type=kind, headers=headers)


def form(fields: Mapping[str, Any]) -> tuple[bytes, str]:
    boundary, body = encode_multipart(fields)
    return body, f"multipart/form-data; boundary={boundary}"


def file(data: bytes, name: str = "a.jpg") -> FileStorage:
    return FileStorage(io.BytesIO(data), name)


def judge(answer: TestResponse, sent: object, *, refused: bool = False) -> None:
    said = f"{str(sent)[:200]!r} was answered {answer.status_code}: {answer.data[:300]!r}"
    assert answer.status_code < 500, said
    assert not refused or answer.status_code >= 400, said
    if answer.status_code >= 400:
        assert answer.content_type == PROBLEM_TYPE, said
        problem = json.loads(answer.text)
        assert problem["code"] not in {"http_error", "internal_error"}, said
        assert problem["detail"], said


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_json_object_is_refused(api: Api, ids: Mapping[str, str], name: str) -> None:
    for what, raw in MALFORMED.items():
        judge(send(api, name, ids, raw, "application/json"), what, refused=True)


@pytest.mark.parametrize("name", NAMES)
def test_any_value_of_any_json_member_is_answered(api: Api, ids: Mapping[str, str], name: str) -> None:
    body = good(name, ids)
    for field in schema_of(name)["properties"]:
        for value in VALUES:
            raw = json.dumps({**body, field: value}).encode()
            judge(send(api, name, ids, raw, "application/json"), {field: value})


@pytest.mark.parametrize("name", NAMES)
def test_any_value_of_any_form_field_is_answered(api: Api, ids: Mapping[str, str], name: str) -> None:
    for field in schema_of(name)["properties"]:
        for value in TEXTS:
            judge(send(api, name, ids, *form({**ROUTES[name].fields, field: value})), {field: value})
        for data in (b"", b"no file of that kind", PHOTO[:300], b"PK\x03\x04" + bytes(100)):
            body, kind = form({**ROUTES[name].fields, field: file(data)})
            judge(send(api, name, ids, body, kind), {field: data})


def damaged_forms(name: str) -> Iterator[tuple[str, bytes, str]]:
    fields = {**ROUTES[name].fields, **{field: file(data) for field, data in ROUTES[name].files.items()}}
    body, kind = form(fields or {"a": "b"})
    boundary = kind.partition("boundary=")[2]
    yield "truncated", body[: len(body) // 2], kind
    yield "without its end", body[: -len(boundary) - 8], kind
    yield "with another boundary", body, "multipart/form-data; boundary=other"
    yield "without a boundary", body, "multipart/form-data"
    yield "with an endless boundary", body, f"multipart/form-data; boundary={'b' * 5000}"
    yield "of noise", bytes(range(256)) * 8, kind
    yield "with an unknown field", *form({"no such field": "1"})
    yield "with a nameless field", *form({"": "1"})
    yield "with a field twice", *form({"a": ["1", "2"]})
    yield "with a very long name", *form({"x" * 10_000: "1"})
    yield "with many fields", *form({f"f{number}": "1" for number in range(2000)})
    yield (
        "with many headers",
        f"--b\r\n{'X: y' * 20_000}\r\n\r\n1\r\n--b--\r\n".encode(),
        "multipart/form-data; boundary=b",
    )
    yield "with a part without a name", b"--b\r\n\r\n1\r\n--b--\r\n", "multipart/form-data; boundary=b"


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_form_is_refused(api: Api, ids: Mapping[str, str], name: str) -> None:
    for what, body, kind in damaged_forms(name):
        judge(send(api, name, ids, body, kind), what, refused=True)


KINDS = (
    "text/plain",
    "text/html",
    "application/xml",
    "application/x-www-form-urlencoded",
    "image/jpeg",
    "x",
    "/",
    None,
)


@pytest.mark.parametrize("name", NAMES)
def test_another_content_type_is_refused(api: Api, ids: Mapping[str, str], name: str) -> None:
    raw = json.dumps(good(name, ids)).encode()
    for kind in KINDS:
        answer = send(api, name, ids, raw, kind)
        judge(answer, kind, refused=True)
        assert answer.status_code in {404, 409, 415}, (kind, answer.text)


HEADERS = {
    "Prefer": ("wait=x", "wait=-1", "wait=" + "9" * 5000, ",,,;;;=", "wait", '"', "wait=1, wait=x" * 500),
    "Idempotency-Key": ("", " ", "x" * 256, "\u00e4", "a\tb"),
    "Last-Event-ID": ("x", "-1", "0", "9" * 100 + "-0", "1-1; DROP"),
    "X-Request-Id": ("", "x" * 10_000, "\u00e4", "../.."),
    "X-Forwarded-Proto": ("gopher", "https, http"),
    "Origin": ("null", "x", "https://a.example\u00e4"),
    "Accept": ("text/html", "*/*;q=x", "x" * 1000),
    "Range": ("bytes=x", "bytes=9-1"),
    "If-None-Match": ("x", '"', "W/"),
    "Content-Encoding": ("gzip", "x"),
    "Transfer-Encoding": ("x",),
}


@pytest.mark.parametrize("name", [name for name in ROUTES if name != "GET /v1/erasures"])
def test_odd_headers_are_answered(api: Api, ids: Mapping[str, str], name: str) -> None:
    method, path = name.split()
    for header, values in HEADERS.items():
        for value in values:
            judge(api(method, filled(path, ids), headers={header: value.encode().decode("latin-1")}), {header: value})


ODD_IDS = (
    "%00",
    "%ff",
    "%C3%A4",
    "x" * 65,
    "x" * 5000,
    "%2e%2e",
    "..%2f..",
    "%0d%0aX: y",
    ".",
    "-",
    "%20",
    "{}",
    "'",
    "🙂",
)


@pytest.mark.parametrize("name", [name for name in ROUTES if "{" in name])
def test_odd_ids_are_refused(api: Api, name: str) -> None:
    method, path = name.split()
    kinds = [part.partition("}")[0] for part in path.split("{")[1:]]
    for odd in ODD_IDS:
        for kind in kinds:
            url = filled(path, {other: odd if other == kind else "x" for other in kinds})
            judge(api(method, url), url, refused=True)


QUERIES = ("limit=x", "limit=-1", "limit=" + "9" * 400, "cursor=%00", "cursor=%ff", "cursor=", "x=y", "limit=1&limit=2")


@pytest.mark.parametrize("name", [name for name in ROUTES if name.startswith("GET")])
def test_odd_queries_are_answered(api: Api, ids: Mapping[str, str], name: str) -> None:
    _, path = name.split()
    for query in (
        *QUERIES,
        "mode=x&width=-1",
        "since=yesterday",
        "until=9999999999999999",
        "q=" + "%F0%9F%99%82" * 200,
    ):
        judge(api.get(f"{filled(path, ids)}?{query}"), query)
