"""JPEGs whose end is missing: read when all their pixels are there, refused when rows are gray for want of data."""

import io
import time
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from shared import images
from shared.errors import CorruptImage, ImageTooLarge
from shared.images import ImageLimits
from shared.images.jpeg import END, Layout, layout

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=4000, min_side=16)
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {}),
    "fine": ("RGB", {"quality": 100, "subsampling": 0}),
    "gray": ("L", {}),
    "cmyk": ("CMYK", {}),
    "optimized": ("RGB", {"optimize": True}),
    "restarts by row": ("RGB", {"restart_marker_rows": 1}),
    "restarts by block": ("RGB", {"restart_marker_blocks": 1}),
    "progressive": ("RGB", {"progressive": True}),
}


def jpeg(kind: str = "baseline", size: tuple[int, int] = (150, 133)) -> bytes:
    mode, options = KINDS[kind]
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).convert(mode).save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    assert data.endswith(END)
    return data


@pytest.mark.parametrize("act", [images.check, images.decode])
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_without_its_last_marker_a_jpeg_is_the_same_picture(kind: str, missing: int, act: object) -> None:
    assert callable(act)
    data = jpeg(kind)
    found, expected = act(data[:-missing], LIMITS), act(data, LIMITS)
    assert found == expected


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("missing", [30, 300, 3000])
@pytest.mark.parametrize("kind", KINDS)
def test_without_its_last_rows_it_is_refused_whether_or_not_somebody_closed_it(
    kind: str, missing: int, closed: bool
) -> None:
    data = jpeg(kind)[:-missing] + (END if closed else b"")
    for act in (images.check, images.decode):
        if closed and (missing == 30 or kind == "progressive"):
            continue  # detail is missing at most: nothing is gray
        with pytest.raises(CorruptImage, match="Send the whole file"):
            act(data, LIMITS)


@pytest.mark.parametrize("closed", [False, True])
def test_rows_that_are_missing_from_a_restart_on_are_missed(closed: bool) -> None:
    """What a camera loses that sends row by row."""
    data = jpeg("restarts by row")
    at = max(data.rfind(bytes((0xFF, 0xD0 + number))) for number in range(8))
    for act in (images.check, images.decode):
        with pytest.raises(CorruptImage):
            act(data[:at] + (END if closed else b""), LIMITS)


def test_a_picture_that_is_gray_is_whole() -> None:
    for mode, color in (("L", 128), ("RGB", (128, 128, 128)), ("CMYK", (127, 127, 127, 127))):
        buffer = io.BytesIO()
        Image.new(mode, (90, 90), color).save(buffer, "JPEG", quality=95)
        for data in (buffer.getvalue(), buffer.getvalue()[:-2]):
            assert images.decode(data, LIMITS).size == images.check(data, LIMITS) == (90, 90)


@pytest.mark.parametrize("more", [b"\0" * 100, b"trailer" * 1000, END, b"\xff\xd8\xff\xe0 a second picture"])
def test_what_lies_behind_the_picture_does_not_matter(more: bytes) -> None:
    data = jpeg()
    assert images.check(data + more, LIMITS) == (150, 133)
    assert images.decode(data + more, LIMITS) == images.decode(data, LIMITS)


def test_of_two_pictures_in_one_file_the_first_is_taken() -> None:
    first, second = Image.new("RGB", (64, 48), "red"), Image.new("RGB", (32, 24), "blue")
    buffer = io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    assert images.decode(buffer.getvalue(), LIMITS).size == (64, 48)
    assert images.media_type(buffer.getvalue()) == "image/jpeg"


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_stored_row_by_row_can_be_scaled_while_it_is_decoded(kind: str) -> None:
    assert layout(jpeg(kind)).by_rows is (kind != "progressive")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\0\0" * 3, b"\xff" * 100])
def test_what_is_no_jpeg_is_not_stored_row_by_row(data: bytes) -> None:
    assert layout(data) == Layout(by_rows=False, scans=0)


def test_scans_are_counted_up_to_the_end_of_the_picture() -> None:
    one = jpeg("progressive")
    assert 5 < layout(one).scans < 20
    assert layout(one + one) == layout(one)


def test_a_picture_that_is_gone_over_again_and_again_is_refused() -> None:
    """A scan of a hundred bytes takes a large picture's time."""
    data = jpeg("progressive", (500, 500))
    last = data[data.rindex(b"\xff\xda") : -2]
    often = data[:-2] + last * 85 + END
    for act in (images.check, images.measure, images.decode):
        act(data, LIMITS)
        with pytest.raises(ImageTooLarge, match="scans"):
            act(often, replace(LIMITS, max_bytes=10**8))


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


TOO_MUCH = {
    "scans": lambda data: data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 200 + END,
    "exif": lambda data: data[:2] + segment(0xE1, b"Exif\0\0" + bytes(2000)) * 9000 + data[2:],
    "profiles": lambda data: data[:2] + segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000)) * 200 + data[2:],
    "comments": lambda data: data[:2] + segment(0xFE, bytes(60_000)) * 200 + data[2:],
    "tables": lambda data: data[:2] + segment(0xDB, b"\0" + bytes(range(1, 65))) * 2000 + data[2:],
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_takes_long_to_go_through_is_not_gone_through(what: str) -> None:
    """Thousands of EXIF segments, 56 KB in a ZIP, took 18 s."""
    limits = replace(LIMITS, max_bytes=10**8)
    data = TOO_MUCH[what](jpeg("progressive"))
    for act in (images.check, images.measure, images.decode):
        begun = time.process_time()
        with pytest.raises(CorruptImage, match="too many parts"):
            act(data, limits)
        assert time.process_time() - begun < 1


def test_what_photo_programs_keep_in_a_file_is_no_reason_to_refuse_it() -> None:
    data = jpeg()
    kept = segment(0xE1, b"Exif\0\0" + bytes(60_000)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b" " * 60_000)
    previews = segment(0xED, b"Photoshop 3.0\0" + bytes(65_000)) * 90
    assert images.decode(data[:2] + kept + previews + data[2:], replace(LIMITS, max_bytes=10**8)).size == (150, 133)
