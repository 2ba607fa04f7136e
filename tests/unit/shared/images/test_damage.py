"""Files that are damaged in any way: refused with one of our errors or read, in bounded time; never anything else."""

import io
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared import images
from shared.errors import CorruptImage, InvalidImage
from shared.images import ImageLimits
from tests.unit.shared.images.heif_files import PICTURES, coded_avif, coded_heic, grid, heif

LIMITS = ImageLimits(
    max_bytes=100_000, max_pixels=300_000, max_side=2000, min_side=16, max_jpeg_pixels=1_000_000, working_pixels=50_000
)
LONGEST_S = 10.0  # of a file of a few thousand bytes, on a machine that does much else; most take a millisecond


def written(image_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert(mode).save(buffer, image_format, **options)
    return buffer.getvalue()


WHOLE = {
    "jpeg": written("JPEG"),
    "progressive jpeg": written("JPEG", progressive=True),
    "jpeg with restarts": written("JPEG", restart_marker_rows=1),
    "png": written("PNG"),
    "png of a palette": written("PNG", "P"),
    "png of 16 bits": written("PNG", "I;16"),
    "webp": written("WEBP"),
    "gif": written("GIF", "P"),
    "bmp": written("BMP"),
    "avif": written("AVIF"),
    "grid of avif": heif([grid(1, 1, 64, 64), coded_avif()], made_of={1: [2]}, brand=b"avif"),
    "heic": (PICTURES / "red-above-blue.heic").read_bytes(),
    "heic with opacity": (PICTURES / "transparent.heic").read_bytes(),
    "grid of heic": (PICTURES / "grid-on-its-side.heic").read_bytes(),
    "several heic": (PICTURES / "second-is-primary.heic").read_bytes(),
    "heic by hand": heif([coded_heic()]),
}


def flipped(data: bytes, at: float, bits: int) -> bytes:
    place = int(at * (len(data) - 1))
    return data[:place] + bytes((data[place] ^ bits,)) + data[place + 1 :]


def spliced(data: bytes, at: float, noise: bytes, length: int) -> bytes:
    place = int(at * len(data))
    return data[:place] + noise + data[place + length :]


def refusal(act: Callable[[bytes, ImageLimits], object], data: bytes) -> str:
    """What is said of a file; nothing where it is read."""
    try:
        act(data, LIMITS)
    except InvalidImage as error:
        return str(error)
    return ""


FRACTION = st.floats(0, 1, exclude_max=True)
DAMAGES = st.lists(
    st.one_of(
        st.builds(lambda at, bits: lambda data: flipped(data, at, bits), FRACTION, st.integers(1, 255)),
        st.builds(lambda at: lambda data: data[: 12 + int(at * len(data))], FRACTION),
        st.builds(
            lambda at, noise, length: lambda data: spliced(data, at, noise, length),
            FRACTION,
            st.binary(max_size=12),
            st.integers(0, 40),
        ),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.filterwarnings("ignore")  # Pillow's, about whatever it finds
@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=40, deadline=None)
@given(damages=DAMAGES)
def test_damage_ends_in_a_picture_or_in_one_of_our_errors(name: str, damages: list[Callable[[bytes], bytes]]) -> None:
    data = WHOLE[name]
    for damage in damages:
        data = damage(data) or data
    started = time.monotonic()
    told = [refusal(act, data) for act in (images.check, images.measure, images.decoded_pixels, images.decode)]
    assert all(text.isprintable() and len(text) < 400 for text in told)
    assert time.monotonic() - started < LONGEST_S


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_ends_anywhere_is_refused_or_shows_all(name: str) -> None:
    data = WHOLE[name]
    expected = images.decode(data, LIMITS).size
    for length in range(0, len(data), max(1, len(data) // 60)):
        with suppress(InvalidImage):
            assert images.decode(data[:length], LIMITS).size == expected


PARTS = {
    "jpeg": WHOLE["jpeg"][:2] + b"\xff\xe9\0\2" * 20_000 + WHOLE["jpeg"][2:],
    "png": WHOLE["png"][:33] + struct.pack(">I4sI", 0, b"teSt", zlib.crc32(b"teSt")) * 60_000 + WHOLE["png"][33:],
    "gif": WHOLE["gif"][:781] + b"!\xfe\1a\0" * 20_000 + WHOLE["gif"][781:],
    "heic": WHOLE["heic"] + struct.pack(">I4s", 8, b"free") * 60_000,
}


@pytest.mark.parametrize("name", PARTS)
def test_a_file_of_very_many_parts_is_refused_before_anybody_goes_through_them(name: str) -> None:
    for act in (images.check, images.measure, images.decode):
        with pytest.raises(CorruptImage, match="too many parts"):
            act(PARTS[name], replace(LIMITS, max_bytes=10**7))
