"""Every kind of bad input gets its 4xx problem with a stable code, and leaves nothing behind."""

import base64
import gzip
import io
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from werkzeug.test import TestResponse

from gateway.web.problems import PROBLEM_TYPE
from shared.storage.store import UPLOADS, MemoryStore
from tests.unit.gateway.conftest import PHOTO, PREFIX, Api, picture

VERIFY = "/v1/galleries/staff/verifications"
RECOGNISE = "/v1/galleries/staff/recognitions"
STYLIZE = "/v1/stylizations"
B64 = base64.b64encode(PHOTO).decode()


def bomb(side: int = 30_000) -> bytes:
    """A valid PNG header that promises side x side pixels, and next to nothing else."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(5000))) + chunk(b"IEND", b"")
    )


pytestmark = pytest.mark.usefixtures("staff")


@pytest.fixture(autouse=True)
def nothing_is_left_behind(store: MemoryStore, redis: Redis) -> Iterator[None]:
    yield
    assert list(store.keys(UPLOADS)) == []
    assert list(redis.scan_iter(f"{PREFIX}job:*")) == []


def refused(answer: TestResponse, status: int, code: str, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.content_type == PROBLEM_TYPE
    body = json.loads(answer.text)
    assert (body["status"], body["code"]) == (status, code)
    for word in words:
        assert word in body["detail"]


PICTURES = {
    "empty": (b"", 422, "empty_image", "0 bytes"),
    "text named .jpg": (b"I am no picture", 415, "unsupported_image", "text, not a picture"),
    "tiff": (picture("TIFF"), 415, "unsupported_image", "a TIFF"),
    "truncated jpeg": (picture("JPEG", (900, 700))[:8000], 422, "corrupt_image", "truncated"),
    "truncated png": (picture()[:200], 422, "corrupt_image", "truncated"),
    "decompression bomb": (bomb(), 413, "image_too_large", "52,428,800"),
    "too many bytes": (picture("BMP") + bytes(1_000_000), 413, "image_too_large", "1,000,000"),
    "too small": (picture(size=(15, 40)), 422, "image_too_small", "16"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_bad_picture_is_refused_by_field_and_limit(api: Api, name: str) -> None:
    data, status, code, words = PICTURES[name]
    refused(api.upload(RECOGNISE, image=data), status, code, words, "`image`")


@pytest.mark.parametrize("name", PICTURES)
def test_a_bad_picture_in_json_is_refused_alike(api: Api, name: str) -> None:
    data, status, code, words = PICTURES[name]
    body = {"image_a": B64, "image_b": base64.b64encode(data).decode()}
    refused(api.post("/v1/comparisons", json=body), status, code, words, "`image_b`")


Fields = dict[str, Any]
FIELDS: dict[str, tuple[str, Fields, str, tuple[str, ...]]] = {
    "missing text": (VERIFY, {}, "invalid_field", ("`person` is missing",)),
    "empty person": (VERIFY, {"person": ""}, "invalid_id", ("`person`", "1 to 64")),
    "path in person": (VERIFY, {"person": "../secret"}, "invalid_id", ("`person`",)),
    "long person": (VERIFY, {"person": "p" * 65}, "invalid_id", ("`person`",)),
    "newline in person": (VERIFY, {"person": "ada\n"}, "invalid_id", ("`person`",)),
    "unknown field": (VERIFY, {"person": "ada", "treshold": "1"}, "invalid_field", ("`treshold`", "policy")),
    "policy of another use": (
        VERIFY, {"person": "ada", "policy": "identify-fpir-1e-2"}, "unknown_policy", ("verify-fmr-1e-4",),
    ),
    "policy": (RECOGNISE, {"policy": "mine"}, "unknown_policy", ("identify-fpir-1e-1",)),
    "priority": (RECOGNISE, {"priority": "urgent"}, "invalid_field", ("interactive, bulk",)),
    "top_k word": (RECOGNISE, {"top_k": "abc"}, "invalid_field", ("`top_k`", "from 1 to 100")),
    "top_k 0": (RECOGNISE, {"top_k": "0"}, "invalid_field", ("from 1 to 100",)),
    "top_k 101": (RECOGNISE, {"top_k": "101"}, "invalid_field", ("from 1 to 100",)),
    "top_k fraction": (RECOGNISE, {"top_k": "1.5"}, "invalid_field", ("an integer",)),
    "top_k true": (RECOGNISE, {"top_k": "true"}, "invalid_field", ("an integer",)),
    "top_k huge": (RECOGNISE, {"top_k": "9" * 5000}, "invalid_field", ("from 1 to 100",)),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_a_bad_field_is_refused_with_its_range(api: Api, name: str) -> None:
    path, fields, code, words = FIELDS[name]
    refused(api.upload(path, fields, image=PHOTO), 422, code, *words)


FINE = {"mode": "fine"}
STYLE: dict[str, tuple[Fields, tuple[str, ...]]] = {
    "no style": ({}, ("from 1 to 8", "style_id")),
    "unknown layer": ({**FINE, "style_layers": '{"conv9_9": 1}'}, ("conv1_1", "conv5_3")),
    "layers no json": ({**FINE, "content_layers": "conv4_2"}, ("`content_layers`",)),
    "layers no object": ({**FINE, "content_layers": "[1]"}, ("`content_layers`",)),
    "no layers": ({**FINE, "content_layers": "{}"}, ("`content_layers`",)),
    "layer twice": (
        {**FINE, "style_layers": '{"conv1_1": 1, "conv1_1": 2}'},
        ("more than once",),
    ),
    "layer weight": ({**FINE, "style_layers": '{"conv1_1": -1}'}, ("`style_layers`",)),
    "layer weight as text": ({**FINE, "style_layers": '{"conv1_1": "1"}'}, ("`style_layers`",)),
    "style layers all zero": (
        {**FINE, "style_layers": '{"conv1_1": 0, "relu4_2": 0}'},
        ("`style_layers` must have a weight above 0; set `beta` to 0 to leave the style out.",),
    ),
    "content layers all zero": (
        {**FINE, "content_layers": '{"relu4_2": 0}'},
        ("`content_layers` must have a weight above 0; set `alpha` to 0 to leave the content out.",),
    ),
    "layer weight nan": ({**FINE, "style_layers": '{"conv1_1": NaN}'}, ("JSON",)),
    "fine option in fast mode": ({"steps": "10"}, ("mode=fine", "`steps`")),
    "layers in fast mode": ({"content_layers": '{"conv4_2": 1}'}, ("`content_layers`",)),
    "mode": ({"mode": "slow"}, ("fast, fine",)),
    "format": ({"format": "gif"}, ("jpeg, png, webp",)),
    "size 63": ({"size": "63"}, ("at least 64",)),
    "size too large": ({"size": "4097"}, ("from 64 to 4,096",)),
    "size too large in fine mode": ({**FINE, "size": "4097"}, ("from 64 to 4,096",)),
    "steps -1": ({**FINE, "steps": "-1"}, ("`steps`", "at least 1")),
    "steps 1001": ({**FINE, "steps": "1001"}, ("from 1 to 1,000",)),
    "strength": ({"strength": "1.1"}, ("from 0 to 1",)),
    "strength nan": ({"strength": "nan"}, ("a finite number",)),
    "alpha infinite": ({**FINE, "alpha": "inf"}, ("a finite number",)),
    "alpha overflows": ({**FINE, "alpha": "1e999"}, ("a finite number",)),
    "beta negative": ({**FINE, "beta": "-1"}, ("`beta`",)),
    "learning rate 0": ({**FINE, "learning_rate": "0"}, ("above 0",)),
    "seed negative": ({**FINE, "seed": "-1"}, ("`seed`",)),
    "optimiser": ({**FINE, "optimiser": "sgd"}, ("adam, lbfgs",)),
    "init": ({**FINE, "init": "zeros"}, ("content, noise",)),
}


@pytest.mark.parametrize("name", STYLE)
def test_a_bad_style_option_is_refused(api: Api, name: str) -> None:
    fields, words = STYLE[name]
    style = {} if name == "no style" else {"style_id": "great-wave"}
    refused(api.upload(STYLIZE, {**style, **fields}, content=PHOTO), 422, "invalid_field", *words)


def test_a_style_that_does_not_exist_is_404_and_names_those_that_do(api: Api) -> None:
    refused(api.upload(STYLIZE, {"style_id": "no-such"}, content=PHOTO), 404, "style_not_found", "great-wave")


def test_unknown_galleries_and_people_are_404(api: Api) -> None:
    for kind in ("verifications", "recognitions"):
        fields = {"person": "ada"} if kind == "verifications" else {}
        answer = api.upload(f"/v1/galleries/nowhere/{kind}", fields, image=PHOTO)
        refused(answer, 404, "gallery_not_found", "nowhere")
    refused(api.upload("/v1/galleries/nowhere/persons/a/faces", image=PHOTO), 404, "gallery_not_found")
    refused(api.upload(VERIFY, {"person": "nobody"}, image=PHOTO), 404, "person_not_found", "nobody")


PATHS = {
    "..": "..",
    "encoded ..": "%2e%2e",
    "space": "%20",
    "newline": "ada%0A",
    "nul": "a%00b",
    "hidden": ".hidden",
    "umlaut": "%C3%A4",
    "empty": "",
    "long": "a" * 65,
}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("path", ["/v1/galleries/{}", "/v1/galleries/staff/persons/{}", "/v1/jobs/{}", "/v1/styles/{}"])
def test_a_bad_id_in_the_path_is_refused(api: Api, path: str, name: str) -> None:
    refused(api.get(path.format(PATHS[name])), 422, "invalid_id")


def test_a_slash_smuggled_into_an_id_leads_nowhere(api: Api) -> None:
    refused(api.get("/v1/galleries/..%2f..%2fkeys"), 404, "not_found")
    refused(api.upload("/v1/galleries/staff/persons//faces", image=PHOTO), 422, "invalid_id", "person")


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "br", "x-unknown"])
def test_a_packed_body_is_refused(api: Api, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    answer = api.post(
        "/v1/galleries", data=gzip.compress(b'{"id": "a"}'), content_type="application/json", headers=headers
    )
    refused(answer, 415, "unsupported_media_type", "without `Content-Encoding`")
    assert api.post("/v1/galleries", json={"id": "a"}, headers={"Content-Encoding": "identity"}).status_code == 201


def test_a_byte_order_mark_before_json_is_passed_over(api: Api) -> None:
    for number, mark in enumerate(("", "\ufeff")):
        body = f'{mark}{{"id": "g{number}"}}'.encode()
        assert api.post("/v1/galleries", data=body, content_type="application/json").status_code == 201


def test_a_field_given_twice_is_refused(api: Api) -> None:
    def file() -> Any:
        return io.BytesIO(PHOTO), "a.jpg"

    twice_a_file = {"image": [file(), file()]}
    refused(api.post(RECOGNISE, data=twice_a_file), 422, "invalid_field", "`image`", "more than once")
    twice_a_text = {"image": file(), "top_k": ["1", "2"]}
    refused(api.post(RECOGNISE, data=twice_a_text), 422, "invalid_field", "`top_k`", "more than once")
    raw = f'{{"image": "{B64}", "top_k": 1, "top_k": 2}}'
    answer = api.post(RECOGNISE, data=raw, content_type="application/json")
    refused(answer, 422, "invalid_field", "`top_k`", "more than once")


def test_text_for_a_file_and_a_file_for_text_are_refused(api: Api) -> None:
    text = api.post(RECOGNISE, data={"image": "text"}, content_type="multipart/form-data")
    refused(text, 422, "invalid_field", "`image`", "file")
    refused(api.upload(VERIFY, image=PHOTO, person=b"ada"), 422, "invalid_field", "`person`", "text")


def test_a_file_input_left_empty_in_a_browser_counts_as_not_given(api: Api) -> None:
    refused(api.post(RECOGNISE, data={"image": (io.BytesIO(b""), "")}), 422, "invalid_field", "`image` is missing")


JSON_BODIES: dict[str, tuple[Any, int, str, str]] = {
    "malformed": ('{"image": ', 400, "malformed_body", "JSON"),
    "empty": ("", 400, "malformed_body", "JSON"),
    "not unicode": (b"\xff\xfe\xfa", 400, "malformed_body", "JSON"),
    "nan": ('{"top_k": NaN}', 400, "malformed_body", "JSON"),
    "endless digits": ('{"top_k": ' + "9" * 5000 + "}", 400, "malformed_body", "JSON"),
    "deep": ("[" * 100_000, 400, "malformed_body", "JSON"),
    "a value for every byte": ('{"top_k": [' + "0," * 60_000 + "0]}", 400, "malformed_body", "50,000 values"),
    "array": ("[]", 422, "invalid_field", "object"),
    "string": ('"image"', 422, "invalid_field", "object"),
    "null": ("null", 422, "invalid_field", "object"),
    "image missing": ("{}", 422, "invalid_field", "`image` is missing"),
    "image null": ('{"image": null}', 422, "invalid_field", "`image`"),
    "image number": ('{"image": 5}', 422, "invalid_field", "`image`"),
    "not base64": ('{"image": "%%%"}', 422, "invalid_base64", "`image`"),
    "umlauts": ('{"image": "ää"}', 422, "invalid_base64", "`image`"),
    "no length of base64": ('{"image": "abcde"}', 422, "invalid_base64", "`image`"),
    "padding in the middle": ('{"image": "YWI=YWJj"}', 422, "invalid_base64", "`image`"),
    "url": ('{"image": "https://example.com/a.jpg"}', 422, "invalid_base64", "nothing is fetched"),
    "key of an object store": ('{"image": "s3://bucket/a.jpg"}', 422, "invalid_base64", "nothing is fetched"),
    "file url": ('{"image": "file:///etc/passwd"}', 422, "invalid_base64", "nothing is fetched"),
    "path": ('{"image": "/etc/passwd"}', 422, "invalid_base64", "no file is opened"),
    "name of a file": ('{"image": "ada.jpg"}', 422, "invalid_base64", "no file is opened"),
    "path of windows": ('{"image": "C:\\\\ada"}', 422, "invalid_base64", "no file is opened"),
    "data url of text": ('{"image": "data:image/svg+xml,%3Csvg"}', 422, "invalid_base64", "not in base64"),
    "bad data url": ('{"image": "data:image/png;base64,%%%"}', 422, "invalid_base64", "`image`"),
    "empty image": ('{"image": ""}', 422, "empty_image", "0 bytes"),
    "boolean for integer": (f'{{"image": "{B64}", "top_k": true}}', 422, "invalid_field", "`top_k`"),
    "text for integer": (f'{{"image": "{B64}", "top_k": "5"}}', 422, "invalid_field", "`top_k`"),
    "number for text": (f'{{"image": "{B64}", "policy": 5}}', 422, "invalid_field", "`policy`"),
    "unknown member": (f'{{"image": "{B64}", "topk": 5}}', 422, "invalid_field", "top_k"),
}


@pytest.mark.parametrize("name", JSON_BODIES)
def test_a_bad_json_body_is_refused(api: Api, name: str) -> None:
    raw, status, code, word = JSON_BODIES[name]
    refused(api.post(RECOGNISE, data=raw, content_type="application/json"), status, code, word)


@pytest.mark.parametrize("kind", ["text/plain", "image/jpeg", "application/x-www-form-urlencoded", None])
def test_another_content_type_is_refused(api: Api, kind: str | None) -> None:
    answer = api.post(RECOGNISE, data=PHOTO, content_type=kind)
    refused(answer, 415, "unsupported_media_type", "multipart/form-data", "application/json")


def test_a_multipart_body_without_a_boundary_is_refused(api: Api) -> None:
    refused(api.post(RECOGNISE, data=b"x", content_type="multipart/form-data"), 400, "malformed_body", "boundary")


def test_a_body_beyond_the_limit_is_refused_with_the_limit(api: Api) -> None:
    refused(api.upload(RECOGNISE, image=bytes(2_000_001)), 413, "body_too_large", "2,000,000")


def test_a_chunked_body_beyond_the_limit_is_refused_with_the_limit(api: Api) -> None:
    """As gunicorn hands it over: no length, a stream that ends by itself."""
    terminated = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = api.post(
        RECOGNISE,
        input_stream=io.BytesIO(b'{"image": "' + b"A" * 2_000_000),
        content_type="application/json",
        environ_base=terminated,
    )
    refused(answer, 413, "body_too_large", "2,000,000")


def test_a_client_that_goes_silent_in_its_body_is_refused(api: Api) -> None:
    class Silent(io.BytesIO):
        def read(self, *_: int | None) -> bytes:
            raise TimeoutError

        def readinto(self, *_: object) -> int:
            raise TimeoutError

    answer = api.post(
        RECOGNISE,
        input_stream=Silent(),
        content_type="application/json",
        content_length=100,
        environ_base={"wsgi.input_terminated": True},
    )
    refused(answer, 400, "malformed_body")


def test_what_is_wrong_twice_is_said_once(api: Api) -> None:
    answer = api.post("/v1/batches", json={"images": [None, 1, None], "style_id": "poppies"})
    detail = answer.get_json(force=True)["detail"]
    assert detail.count("`images`") == 1


@pytest.mark.parametrize("field", ["title", "year", "artist"])
def test_text_of_a_wrong_length_is_refused_with_its_length(api: Api, field: str) -> None:
    body = {"image": B64, field: "x" * 201}
    answer = api.put("/v1/styles/mine", json=body)
    refused(answer, 422, "invalid_field", f"`{field}` must be text of 1 to 200 characters, not only")


@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "", "1e3", "٣"])
def test_a_bad_preference_is_refused_before_anything_is_done(api: Api, value: str) -> None:
    headers = {"Prefer": f"wait={value}"}
    path = "/v1/galleries/staff/persons/new/faces"
    refused(api.upload(path, image=PHOTO, headers=headers), 400, "invalid_prefer", "0 to 30")
    assert api.get("/v1/galleries/staff/persons/new").status_code == 404


QUERIES = {
    "/v1/jobs?limit=0": "from 1 to 200",
    "/v1/jobs?limit=x": "from 1 to 200",
    "/v1/jobs?limit=1&limit=2": "more than once",
    "/v1/jobs?page=2": "cursor, limit",
    "/v1/jobs?cursor=yesterday": "`cursor`",
    "/v1/galleries/staff/persons?limit=1001": "from 1 to 1,000",
    "/v1/whoami?limit=5": "none",
}


@pytest.mark.parametrize("path", QUERIES)
def test_a_bad_query_is_refused(api: Api, path: str) -> None:
    refused(api.get(path), 422, "invalid_field", QUERIES[path])


def test_a_bad_cursor_of_people_is_a_bad_id(api: Api) -> None:
    refused(api.get("/v1/galleries/staff/persons?cursor=../x"), 422, "invalid_id")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["content", "mode"]), inner),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON_VALUES)
def test_any_json_at_all_is_a_4xx(api: Api, value: Any) -> None:
    answer = api.post(STYLIZE, data=json.dumps(value), content_type="application/json")
    assert answer.status_code in {400, 422}, answer.text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary())
def test_any_bytes_at_all_are_a_4xx(api: Api, data: bytes) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=b"):
        answer = api.post(STYLIZE, data=data, content_type=kind)
        assert answer.status_code in {400, 413, 422}, answer.text


def test_what_was_sent_is_never_echoed(api: Api) -> None:
    answer = api.upload(RECOGNISE, {"top_k": "<script>secret"}, image=PHOTO)
    assert "secret" not in answer.text
