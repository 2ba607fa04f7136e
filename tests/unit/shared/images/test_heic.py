"""HEIC and AVIF: read as other formats are, and refused before their codecs can be made to work for hours."""

import io
import struct
from contextlib import suppress
from dataclasses import replace

import pytest
from PIL import Image

from shared import images
from shared.errors import CorruptImage, ImageTooLarge, InvalidImage, UnsupportedImage
from shared.images import ImageLimits
from tests.unit.shared.images.heif_files import (
    ALPHA,
    PICTURES,
    Part,
    box,
    coded_avif,
    coded_heic,
    full_box,
    grid,
    heif,
)

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=4000, min_side=16)
RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def read(name: str) -> bytes:
    return (PICTURES / f"{name}.heic").read_bytes()


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    """Rounded to what a lossy codec keeps."""
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return tuple(round(value / 51) * 51 for value in found)


def test_a_heic_is_read() -> None:
    image = images.decode(read("red-above-blue"), LIMITS)
    assert (image.mode, image.size, pixel(image, 5, 5), pixel(image, 5, 60)) == ("RGB", (64, 64), RED, BLUE)
    assert image.info == {}


def test_tiles_that_lie_on_their_side_become_one_upright_picture() -> None:
    """As phones write them; their EXIF tells the orientation too, and must not turn the picture once more."""
    data = read("grid-on-its-side")
    image = images.decode(data, LIMITS)
    assert images.check(data, LIMITS) == images.measure(data, LIMITS) == image.size == (150, 100)
    assert [pixel(image, x, y) for x, y in ((3, 3), (146, 3), (3, 96), (146, 96))] == [RED, RED, BLUE, BLUE]


@pytest.mark.parametrize(
    ("turned", "top_left", "top_right"),
    [
        (box(b"irot", b"\1"), RED, BLUE),
        (box(b"irot", b"\2"), BLUE, BLUE),
        (box(b"irot", b"\3"), BLUE, RED),
        (box(b"imir", b"\0"), BLUE, BLUE),
        (box(b"imir", b"\1"), RED, RED),
    ],
)
@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_the_containers_turns_and_mirrors_are_followed(
    brand: bytes, turned: bytes, top_left: tuple[int, ...], top_right: tuple[int, ...]
) -> None:
    part = coded_heic() if brand == b"heic" else coded_avif()
    image = images.decode(heif([part.with_properties(turned)], brand=brand), LIMITS)
    assert (pixel(image, 3, 3), pixel(image, 60, 3)) == (top_left, top_right)


def test_an_embedded_profile_says_what_the_numbers_mean() -> None:
    assert pixel(images.decode(read("swapped-profile"), LIMITS), 5, 5) == BLUE


def test_opacity_is_read() -> None:
    found = images.decode_with_alpha(read("transparent"), LIMITS)
    assert found.alpha is not None
    assert [found.alpha.getpixel(place) for place in ((5, 5), (60, 5), (60, 60))] == [0, 255, 51]
    assert pixel(found.opaque, 5, 5) == (255, 255, 255)


@pytest.mark.parametrize("name", ["ten-bits", "gray-of-ten-bits"])
def test_ten_bits_become_eight(name: str) -> None:
    image = images.decode(read(name), LIMITS)
    assert [pixel(image, x, 30) for x in (0, 32, 63)] == [(0, 0, 0), (153, 153, 153), (255, 255, 255)]


@pytest.mark.parametrize("name", ["gray", "gray-of-ten-bits", "red-above-blue", "ten-bits"])
@pytest.mark.parametrize("bits", range(8, 17))
def test_a_depth_that_is_not_that_of_the_pixels_costs_the_picture_at_most(name: str, bits: int) -> None:
    """Of gray, pi-heif's own plugin wrote behind the end of the pixels, and the process died."""
    data = bytearray(read(name))
    at = data.index(b"hvcC") + 4 + 17  # ISO/IEC 14496-15, 8.3.3.1: bit_depth_luma_minus8, then the same of chroma
    data[at : at + 2] = bytes((0xF8 | bits - 8 & 7,)) * 2
    for _ in range(20):
        with suppress(InvalidImage):
            assert images.decode(bytes(data), LIMITS).size == (64, 64)


def test_metadata_of_a_kind_that_is_no_text_is_left_alone() -> None:
    """In pi-heif, to read it ended the process."""
    data = read("grid-on-its-side")
    assert b"Exif" in data
    assert images.decode(data.replace(b"Exif", b"\xff\xfe\xfd\xfc"), LIMITS).size == (150, 100)


def test_a_picture_without_color_is_read() -> None:
    image = images.decode(read("gray"), LIMITS)
    assert (image.mode, pixel(image, 30, 0), pixel(image, 30, 63)) == ("RGB", (0, 0, 0), (255, 255, 255))


def test_of_several_pictures_the_primary_one_is_taken() -> None:
    image = images.decode(read("second-is-primary"), LIMITS)
    assert (image.size, pixel(image, 5, 5)) == ((64, 48), GREEN)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_an_avif_is_read(mode: str) -> None:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert(mode).save(buffer, "AVIF", quality=90)
    image = images.decode(buffer.getvalue(), LIMITS)
    assert (image.mode, image.size, pixel(image, 30, 47)) == ("RGB", (64, 48), (255, 255, 255))


def test_the_gateways_check_does_not_decode() -> None:
    """What is damaged within its pixels is found when it is decoded; that nothing is missing is seen before."""
    data = heif([replace(coded_heic(), content=b"\0\0\0\x0b\x28\1" + b"damaged??")])
    assert images.check(data, LIMITS) == (64, 64)
    with pytest.raises(CorruptImage, match="truncated or damaged"):
        images.decode(data, LIMITS)


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["portrait", "grid-on-its-side", "avif"])
@pytest.mark.parametrize("act", [images.check, images.measure, images.decode])
def test_a_truncated_file_is_refused_before_it_is_decoded(act: object, name: str, kept: float) -> None:
    assert callable(act)
    data = heif([coded_avif()], brand=b"avif") if name == "avif" else read(name)
    with pytest.raises(CorruptImage, match="Send the whole file"):
        act(data[: int(len(data) * kept)], LIMITS)


def lying(part: Part) -> Part:
    """A small picture that is said to be large."""
    return part.sized(3000, 3000)


def opacity(part: Part) -> Part:
    return part.with_properties(full_box(b"auxC", ALPHA + b"\0"))


def repeated(part: Part, times: int) -> Part:
    return replace(part, content=part.content * times)


BOMBS = {
    "a size of a billion": (heif([coded_heic().sized(30_000, 30_000)]), ImageTooLarge),
    "a large picture": (heif([lying(coded_heic())]), ImageTooLarge),
    "a large avif": (heif([lying(coded_avif())], brand=b"avif"), ImageTooLarge),
    "a large picture said to be small": (heif([coded_avif(2000, 1500).sized(64, 64)], brand=b"avif"), ImageTooLarge),
    "a large tile": (heif([grid(1, 1, 64, 64), lying(coded_heic())], made_of={1: [2]}), ImageTooLarge),
    "one tile many times": (
        heif([grid(30, 30, 64, 64), coded_heic()], made_of={1: [2] * 900}), ImageTooLarge,
    ),
    "more tiles than any picture": (
        heif([grid(200, 200, 64, 64), coded_heic()], made_of={1: [2] * 60_000}), CorruptImage,
    ),
    "large opacity": (heif([coded_heic(), opacity(lying(coded_heic()))], belongs_to={2: 1}), ImageTooLarge),
    "hidden frames": (heif([repeated(coded_avif(), 1000)], brand=b"avif"), ImageTooLarge),
    "pictures after the picture": (heif([repeated(coded_heic(), 1000)]), ImageTooLarge),
    "an overlay": (
        heif([Part(b"iovl", bytes(20), coded_heic().properties), coded_heic()], made_of={1: [2]}), UnsupportedImage,
    ),
    "a grid of grids": (
        heif([grid(1, 1, 64, 64), grid(1, 1, 64, 64), coded_heic()], made_of={1: [2], 2: [3]}), UnsupportedImage,
    ),
    "another codec": (heif([replace(coded_heic(), kind=b"vvc1")]), UnsupportedImage),
    "av1 in a heic": (heif([coded_avif()]), UnsupportedImage),
    "no size": (heif([replace(coded_heic(), properties=())]), CorruptImage),
    "no tiles": (heif([grid(1, 1, 64, 64)]), InvalidImage),
    "a million empty boxes": (heif([coded_heic()]) + box(b"free") * 100_000, CorruptImage),
    "a million units": (heif([replace(coded_heic(), content=bytes(400_000))]), CorruptImage),
    "metadata that five hundred share": (heif([coded_heic(), *[Part(b"Exif", bytes(50_000))] * 500]), CorruptImage),
    "a profile that five hundred share": (
        heif([coded_heic().with_properties(box(b"colr", b"prof" + bytes(50_000)))] * 500), CorruptImage,
    ),
    "a picture that is described twice": (heif([coded_heic()]) + full_box(b"meta", b""), CorruptImage),
    "an animation without a picture": (box(b"ftyp", b"msf1\0\0\0\0hevc") + box(b"moov"), UnsupportedImage),
    "an animation": (heif([coded_avif()], brand=b"avis", more=box(b"moov")), UnsupportedImage),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_what_would_take_too_long_is_refused_by_what_the_file_says(name: str) -> None:
    data, error = BOMBS[name]
    for act in (images.check, images.measure, images.decode):
        with pytest.raises(error):
            act(data, LIMITS)


def test_libheif_holds_a_picture_to_the_size_that_it_is_said_to_have() -> None:
    """What the count of pixels in a HEIC relies on."""
    small = heif([coded_heic().sized(32, 32)])
    with pytest.raises(CorruptImage):
        images.decode(small, replace(LIMITS, max_pixels=2000))


def test_a_declared_length_beyond_the_file_is_truncation() -> None:
    data = heif([coded_heic()])
    at = data.index(b"mdat") - 4
    endless = data[:at] + struct.pack(">I", 0) + data[at + 4 : -30]  # a box that goes on to the end of the file
    with pytest.raises(CorruptImage, match="end too early"):
        images.check(endless, LIMITS)
