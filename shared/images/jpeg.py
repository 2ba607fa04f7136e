"""What Pillow does not tell of a JPEG (ITU-T T.81): how it is stored, and whether all of its pixels are there.

libjpeg makes grey of what is missing, and says so to nobody. What is missing is therefore put in once as it would,
and once as noise: a picture that is all there is the same with either.
"""

import io
import random

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

END = b"\xff\xd9"
_SCAN, _PLAIN = 0xDA, frozenset({0xC0, 0xC1})  # the marker of the first scan; frames that are stored row by row
_ALONE = frozenset({0x01, *range(0xD0, 0xDA)})  # markers without content
_MAX_SEGMENTS = 10_000
_SIDE = 2000  # px; of a larger picture the two are compared at a half, a quarter or an eighth
_NOISE_BYTES = 64
_MISSING = frozenset({127, 128})  # what a pixel that is not there is in each channel; CMYK is inverted


def is_stored_by_rows(data: bytes) -> bool:
    """Whether it is decoded row by row: neither progressive nor with its channels in scans of their own.

    The coefficients of all others are held in memory, 2 bytes for each of each channel, whatever is made of them.
    """
    at, plain, channels = 2, False, 0
    for _ in range(_MAX_SEGMENTS):
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            return False
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in _ALONE:
            at += 2
            continue
        if marker in _PLAIN and at + 9 < len(data):
            plain, channels = True, data[at + 9]
        if marker == _SCAN:
            return plain and at + 4 < len(data) and data[at + 4] == channels
        at += 2 + length
    return False


def may_lack_pixels(image: Image.Image) -> bool:
    """Whether the last pixel of a decoded picture is as it would be if it were missing; most often it is not."""
    last = image.getpixel((image.width - 1, image.height - 1))
    return set(last if isinstance(last, tuple) else (last,)) <= _MISSING


def has_all_pixels(data: bytes) -> bool:
    """Whether nothing but the last marker may be missing."""
    found = data.find(END, max(data.find(bytes((0xFF, _SCAN))), 0))
    body = (data[:found] if found >= 0 else data).rstrip(b"\xff")
    try:
        return _decoded(body + END) == _decoded(body + _noise(body) + END)
    except Exception:  # noqa: BLE001 - Pillow's decoders raise many types on damaged data
        return False


def _decoded(data: bytes) -> bytes:
    with JpegImageFile(io.BytesIO(data)) as image:
        image.draft(None, (_SIDE, _SIDE))
        return image.tobytes()


def _noise(body: bytes) -> bytes:
    """For the bits of an unfinished byte, and then for each of the eight restart markers, beginning with the next."""
    marks = [body.rfind(bytes((0xFF, 0xD0 + number))) for number in range(8)]
    following = (marks.index(max(marks)) + 1) % 8 if max(marks) >= 0 else 0
    numbers = random.Random(0)

    def noise() -> bytes:
        return bytes(numbers.randrange(255) for _ in range(_NOISE_BYTES))

    restarts = (bytes((0xFF, 0xD0 + (following + step) % 8)) + noise() for step in range(8))
    return b"\xfe" + noise() + b"".join(restarts)
