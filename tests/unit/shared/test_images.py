"""Decoding what clients send, encoding what we made."""

import io
import struct
import zlib
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared import images
from shared.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    ImageTooSmall,
    InvalidImage,
    UnsupportedImage,
)
from shared.images import ImageFormat, ImageLimits, Provenance

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=4000, min_side=16)
PROVENANCE = Provenance(software='Likeness <test> "&', model="m", settings="mode=fast")


def picture(image_format: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **save: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).convert(mode).save(buffer, image_format, **save)
    return buffer.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A valid header, some KB of data and very many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "MPO"])
def test_the_formats_of_phones_are_taken(image_format: str) -> None:
    data = picture(image_format)
    images.check(data, LIMITS)
    assert images.decode(data, LIMITS).size == (64, 48)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        pytest.param(b"", EmptyImage, "0 bytes", id="empty"),
        pytest.param(b"hello, I am a .jpg", UnsupportedImage, "JPEG, PNG or WebP", id="text"),
        pytest.param(picture("GIF"), UnsupportedImage, "JPEG, PNG or WebP", id="gif"),
        pytest.param(picture("JPEG", (600, 600))[:-9000], CorruptImage, "truncated", id="truncated jpeg"),
        pytest.param(picture("PNG", (600, 600))[:-9000], CorruptImage, "truncated", id="truncated png"),
        pytest.param(picture("WEBP", (600, 600))[:-9000], InvalidImage, "damaged|header", id="truncated webp"),
        pytest.param(png_bomb(30_000, 30_000), ImageTooLarge, "1,000,000 pixels", id="bomb"),
        pytest.param(picture(size=(4001, 20)), ImageTooLarge, "4,000 px a side", id="long side"),
        pytest.param(picture(size=(15, 400)), ImageTooSmall, "16 px", id="short side"),
        pytest.param(b"\xff\xd8\xff" + b"x" * 1_000_000, ImageTooLarge, "1,000,000 are accepted", id="bytes"),
    ],
)
@pytest.mark.parametrize("act", [images.check, images.decode])
def test_bad_files_are_refused_with_what_is_wrong(
    act: object, data: bytes, error: type[InvalidImage], says: str
) -> None:
    assert callable(act)
    with pytest.raises(error, match=says):
        act(data, LIMITS)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 600))
def test_no_bytes_raise_anything_but_our_errors(noise: bytes, image_format: str, cut: int) -> None:
    data = picture(image_format)
    for hostile in (noise, data[:cut] + noise, data[:cut] + noise + data[cut + len(noise) :]):
        try:
            images.check(hostile, LIMITS)
            images.decode(hostile, LIMITS)
        except InvalidImage:
            pass


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_picture_comes_out_upright(orientation: int) -> None:
    """Red above blue in the upright picture, however the pixels lie in the file."""
    upright = Image.new("RGB", (40, 60), "blue")
    upright.paste("red", (0, 0, 40, 30))
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    lying = upright.transpose(undo) if undo is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    lying.save(buffer, "PNG", exif=exif)
    decoded = images.decode(buffer.getvalue(), LIMITS)
    assert decoded.size == (40, 60)
    assert decoded.getpixel((20, 5)) == (255, 0, 0)
    assert decoded.getpixel((20, 55)) == (0, 0, 255)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's, to the log of whoever runs it
def test_damaged_exif_does_not_cost_the_picture() -> None:
    data = picture("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert images.decode(data, LIMITS).size == (64, 48)


def test_transparency_becomes_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(buffer, "PNG")
    assert images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    buffer = io.BytesIO()
    Image.new("I;16", (32, 32), 128 * 257).save(buffer, "PNG")
    assert images.decode(buffer.getvalue(), LIMITS).getpixel((5, 5)) == (128, 128, 128)


def test_grey_and_cmyk_become_rgb() -> None:
    assert images.decode(picture("JPEG", mode="L"), LIMITS).mode == "RGB"
    assert images.decode(picture("JPEG", mode="CMYK"), LIMITS).mode == "RGB"


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_what_we_make_decodes_and_says_that_it_was_made(image_format: ImageFormat) -> None:
    made = images.encode(Image.new("RGB", (61, 33), "teal"), image_format, PROVENANCE)
    with Image.open(io.BytesIO(made)) as read:
        read.load()
        assert (read.format, read.size) == (image_format.value.upper(), (61, 33))
        packet = read.info.get("xmp") or read.info["XML:com.adobe.xmp"].encode()
    (description,) = ElementTree.fromstring(packet)[0]  # noqa: S314 - our own output
    xmp = {name.rpartition("}")[2]: value for name, value in description.items()}
    assert xmp["DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert xmp["CreatorTool"] == PROVENANCE.software
    assert (xmp["Model"], xmp["Settings"]) == ("m", "mode=fast")
