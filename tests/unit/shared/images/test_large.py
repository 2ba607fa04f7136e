"""Pictures of more pixels than are worked with: decoded at a half, a quarter or an eighth."""

import io
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared import images
from shared.errors import ImageTooLarge
from shared.images import ImageLimits

LIMITS = ImageLimits(
    max_bytes=4_000_000,
    max_pixels=1_000_000,
    max_side=4000,
    min_side=16,
    max_jpeg_pixels=4_000_000,
    working_pixels=250_000,
)
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "GIF"]


def picture(image_format: str, size: tuple[int, int], **options: object) -> bytes:
    """Red above blue."""
    made = Image.new("RGB", size, "blue")
    made.paste("red", (0, 0, size[0], size[1] // 2))
    buffer = io.BytesIO()
    made.save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_large_picture_comes_at_a_half_and_says_so(image_format: str) -> None:
    found = images.decode_with_alpha(picture(image_format, (901, 700)), LIMITS)
    assert (found.image.size, found.scale, found.size) == ((451, 350), 2, (901, 700))
    (red, _, _), (_, _, blue) = found.image.getpixel((225, 100)), found.image.getpixel((225, 300))  # type: ignore[misc]
    assert min(red, blue) > 240


@pytest.mark.parametrize("image_format", FORMATS)
def test_an_ordinary_picture_keeps_its_pixels(image_format: str) -> None:
    found = images.decode_with_alpha(picture(image_format, (500, 500)), LIMITS)
    assert (found.image.size, found.scale) == ((500, 500), 1)


def test_a_jpeg_may_have_more_pixels_than_are_ever_decoded() -> None:
    data = picture("JPEG", (2000, 1999))
    assert images.check(data, LIMITS) == (2000, 1999)
    found = images.decode_with_alpha(data, LIMITS)
    assert (found.image.size, found.scale) == ((500, 500), 4)
    with pytest.raises(ImageTooLarge, match=r"2001 × 2000 px; at most 1,000,000 pixels \(4,000,000 of a JPEG"):
        images.check(picture("JPEG", (2001, 2000)), LIMITS)


@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "AVIF", "BMP", "GIF"])
def test_other_formats_may_not_for_they_are_decoded_whole(image_format: str) -> None:
    with pytest.raises(ImageTooLarge):
        images.check(picture(image_format, (1001, 1000)), LIMITS)


def test_nor_may_a_progressive_jpeg() -> None:
    assert images.check(picture("JPEG", (1000, 1000), progressive=True), LIMITS) == (1000, 1000)
    with pytest.raises(ImageTooLarge):
        images.check(picture("JPEG", (1001, 1000), progressive=True), LIMITS)


def test_nor_may_a_jpeg_with_a_scan_for_each_channel() -> None:
    """libjpeg holds all of it, as of a progressive one."""
    data = picture("JPEG", (1001, 1000))
    at = data.index(b"\xff\xda")
    alone = data[:at] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + data[at + 14 :]  # a scan that names one of three channels
    with pytest.raises(ImageTooLarge):
        images.check(alone, LIMITS)


def test_the_longer_side_stays_as_long_as_is_asked_for() -> None:
    data = picture("JPEG", (1600, 900))
    assert images.decode(data, LIMITS).size == (400, 225)
    assert images.decode(data, LIMITS, side=401).size == (800, 450)
    assert images.decode(data, LIMITS, side=801).size == (1600, 900)


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_size_that_is_told_is_that_of_the_upright_file(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for image_format, size in product(("JPEG", "PNG"), ((901, 300), (903, 600))):
        found = images.decode_with_alpha(picture(image_format, size, exif=exif), LIMITS)
        upright = size if orientation == 1 else size[::-1]
        assert found.size == upright
        assert found.image.size == tuple(-(-side // found.scale) for side in upright)


def test_opacity_is_reduced_with_the_picture() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (900, 700), (1, 2, 3, 100)).save(buffer, "PNG")
    found = images.decode_with_alpha(buffer.getvalue(), LIMITS)
    assert found.alpha is not None
    assert found.alpha.size == found.image.size == (450, 350)


def test_what_is_decoded_at_the_most_is_told_by_the_header() -> None:
    assert images.decoded_pixels(picture("JPEG", (1600, 900)), LIMITS) == 400 * 225
    assert images.decoded_pixels(picture("JPEG", (1600, 900)), LIMITS, side=800) == 800 * 450
    assert images.decoded_pixels(picture("JPEG", (900, 900), progressive=True), LIMITS) == 900 * 900
    assert images.decoded_pixels(picture("PNG", (900, 900)), LIMITS) == 900 * 900


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(0, 5000))
def test_a_reduction_is_the_smallest_that_suffices_and_never_too_strong(width: int, height: int, side: int) -> None:
    limits = replace(LIMITS, working_pixels=25_000_000)
    divisor = limits.reduction(width, height, side=side)
    long_side, pixels = max(width, height), width * height
    assert divisor in {1, 2, 4, 8}
    assert divisor == 1 or (long_side // divisor >= side and pixels > 25_000_000 * (divisor // 2) ** 2)
    enough = pixels <= 25_000_000 * divisor**2
    assert enough or divisor == 8 or long_side < side * divisor * 2
