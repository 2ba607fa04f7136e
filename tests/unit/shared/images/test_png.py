"""PNGs of every depth: what they show does not depend on how many bits they say it in."""

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from shared import images
from shared.images import ImageLimits

LIMITS = ImageLimits(max_bytes=1_000_000, max_pixels=1_000_000, max_side=4000, min_side=16)
SIDE = 64
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by PNG's type of color


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(color: int, value: Callable[[int], int], *, alpha: int = 65535, transparent: bytes = b"") -> bytes:
    """64 × 64 px of 16 bits a channel, all colors alike and the same in each column."""
    channels = CHANNELS[color]
    own = channels - 1 if color in {4, 6} else channels
    samples = [[value(x)] * own + [alpha] * (channels - own) for x in range(SIDE)]
    row = b"\0" + b"".join(struct.pack(f">{channels}H", *sample) for sample in samples)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, color, 0, 0, 0)
    more = chunk(b"tRNS", transparent) if transparent else b""
    rows = chunk(b"IDAT", zlib.compress(row * SIDE))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + rows + chunk(b"IEND", b"")


def ramp(bits: int) -> Callable[[int], int]:
    return lambda x: x * ((1 << bits) - 1) // (SIDE - 1)


def row(data: bytes) -> list[int]:
    image = images.decode(data, LIMITS)
    red, green, blue = (image.getchannel(one) for one in "RGB")
    assert red.tobytes() == green.tobytes() == blue.tobytes()
    return list(red.crop((0, 9, SIDE, 10)).tobytes())


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("color", CHANNELS)
def test_a_ramp_is_a_ramp_whatever_its_bits(color: int, bits: int) -> None:
    found = row(png16(color, ramp(bits)))
    assert all(abs(value - x * 255 / (SIDE - 1)) <= 1 for x, value in enumerate(found))


@pytest.mark.parametrize("color", CHANNELS)
def test_a_dark_picture_of_sixteen_bits_stays_dark(color: int) -> None:
    found = row(png16(color, lambda x: 4096 + 100 * x))
    assert found[0] == 16
    assert 40 <= found[-1] <= 42


@pytest.mark.parametrize("color", CHANNELS)
def test_black_stays_black(color: int) -> None:
    assert set(row(png16(color, lambda _: 0))) == {0}


@pytest.mark.parametrize("color", [4, 6])
@pytest.mark.parametrize(("alpha", "seen"), [(65535, None), (0, 0), (0x8000, 128), (4095, None), (2048, 128)])
def test_opacity_of_sixteen_bits_has_a_range_of_its_own(color: int, alpha: int, seen: int | None) -> None:
    found = images.decode_with_alpha(png16(color, ramp(12), alpha=alpha), LIMITS).alpha
    assert (found and found.getpixel((5, 5))) == seen


@pytest.mark.parametrize(("color", "transparent"), [(0, b"\x0f\xff"), (2, b"\x0f\xff" * 3), (2, b"\xff\xff" * 3)])
def test_a_transparent_color_of_sixteen_bits_costs_nothing(color: int, transparent: bytes) -> None:
    assert row(png16(color, ramp(12), transparent=transparent))[-1] >= 254


def test_interlaced_pixels_are_scaled_too() -> None:
    """Adam7 of a single color: all seven passes hold the same."""
    passes = [(8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32)]
    rows = b"".join((b"\0" + struct.pack(">3H", 4095, 2048, 0) * width) * height for width, height in passes)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert images.decode(data, LIMITS).getpixel((9, 9)) == (255, 128, 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_every_mode_that_pillow_writes_is_read(mode: str) -> None:
    buffer = io.BytesIO()
    made = Image.linear_gradient("L").resize((SIDE, SIDE))
    (made.point(lambda value: value * 257, "I").convert("I;16") if mode == "I;16" else made.convert(mode)).save(
        buffer, "PNG"
    )
    image = images.decode(buffer.getvalue(), LIMITS)
    assert image.mode == "RGB"
    top, bottom = image.getpixel((30, 0)), image.getpixel((30, SIDE - 1))
    assert max(top) < 10  # type: ignore[arg-type]
    assert min(bottom) > 245  # type: ignore[arg-type]
