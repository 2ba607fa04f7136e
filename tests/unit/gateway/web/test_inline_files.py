"""Files as text: which base64 is understood, and what is taken for a URL or a path."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gateway.web.inline_files import HOLDS_PATH, HOLDS_URL, decode_base64, named_place

WRITERS = {
    "standard": base64.b64encode,
    "url-safe": base64.urlsafe_b64encode,
    "unpadded": lambda data: base64.b64encode(data).rstrip(b"="),
    "url-safe, unpadded": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "lines": base64.encodebytes,
    "data url": lambda data: b"data:image/png;base64," + base64.b64encode(data),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@given(data=st.binary(max_size=200))
def test_what_any_common_writer_of_base64_makes_is_read(write: object, data: bytes) -> None:
    assert callable(write)
    text = write(b"\x89PNG" + data).decode()
    assert decode_base64(text) == b"\x89PNG" + data


def test_every_jpeg_begins_like_a_path_and_is_none() -> None:
    tiny = b"\xff\xd8\xff\xe0" + bytes(100)
    assert decode_base64(base64.b64encode(tiny).decode()) == tiny


@pytest.mark.parametrize("text", ["%%%", "abcde", "YWI=YWJj", "ää", "data:image/png;base64,%%%"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError, match="is not valid base64"):
        decode_base64(text)


@pytest.mark.parametrize(
    "text",
    ["http://a/b.jpg", " https://a.example/b?c=d", "s3://bucket/key", "gs://b/k", "file:///etc/passwd", "FTP://a/b"],
)
def test_a_url_is_told_that_nothing_is_fetched(text: str) -> None:
    assert named_place(text) == HOLDS_URL
    with pytest.raises(PydanticCustomError, match="nothing is fetched"):
        decode_base64(text)


@pytest.mark.parametrize(
    "text",
    [
        "ada.jpg",
        "photos/ada.heic",
        "/etc/passwd",
        "./ada",
        "../ada",
        "~/ada",
        r"C:\photos\ada",
        "C:/ada",
        r"photos\ada",
    ],
)
def test_a_path_is_told_that_no_file_is_opened(text: str) -> None:
    assert named_place(text) == HOLDS_PATH
    with pytest.raises(PydanticCustomError, match="no file is opened"):
        decode_base64(text)


@pytest.mark.parametrize("text", ["", "Zm9v", "iVBORw0KGgo", "/9j/4AAQ", "upload-1", "a" * 2000 + ".jpg"])
def test_other_text_names_no_place(text: str) -> None:
    assert named_place(text) is None
