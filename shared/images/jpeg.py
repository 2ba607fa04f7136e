"""What Pillow does not tell of a JPEG (ITU-T T.81): how it is stored, and whether all of its pixels are there.

libjpeg makes gray of what is missing, and says so to nobody. What is missing is therefore put in once as it would,
and once as noise: a picture that is all there is the same with either.
"""

import io
import random
import re
from typing import NamedTuple

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.errors import CorruptImage

END = b"\xff\xd9"
_SCAN, _LAST = 0xDA, 0xD9
_PLAIN = frozenset({0xC0, 0xC1})  # frames that may be stored row by row
_METADATA = frozenset({0xFE, *range(0xE0, 0xF0)})  # comments, and what applications keep: EXIF, profiles, previews
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without content
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # none that lies among coded pixels
# Cameras and programs make some twenty parts of a file, ten of them scans, and less than a megabyte beside the picture.
MAX_SEGMENTS = 1000
MAX_SCANS = 100  # each is a pass over all of the picture
MAX_METADATA_BYTES = 8 * 2**20  # Pillow joins a file's EXIF segments one by one: twice as many take four times as long
_SIDE = 2000  # px; of a larger picture the two are compared at a half, a quarter or an eighth
_NOISE_BYTES = 64
_MISSING = frozenset({127, 128})  # what a pixel that is not there is in each channel; CMYK is inverted


class Layout(NamedTuple):
    """How a JPEG is stored.

    What is stored row by row is decoded so, in one pass. Of all others, progressive ones and those with scans for each
    channel, every coefficient is held in memory (2 bytes) and gone through once for each scan.
    """

    by_rows: bool
    scans: int


def layout(data: bytes) -> Layout:
    """Read a file's markers, up to the end of its first picture.

    Raises:
        CorruptImage: there is more of them than any picture needs; Pillow would go through it all.
    """
    plain, channels, scans, metadata, at = False, 0, 0, 0, 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        marker = found[0][1] if found else _LAST
        at = found.end() if found else len(data)
        if marker == _LAST:
            return Layout(False, scans)
        if marker in _ALONE:
            continue
        if marker in _PLAIN and len(data) > at + 7:
            plain, channels = True, data[at + 7]
        if marker == _SCAN:
            scans += 1
            if scans > MAX_SCANS:
                break
            if plain and scans == 1 and data[at + 2 : at + 3] == bytes((channels,)):
                return Layout(True, 1)
        length = int.from_bytes(data[at : at + 2], "big")
        metadata += length if marker in _METADATA else 0
        if metadata > MAX_METADATA_BYTES:
            break
        at += length
    raise CorruptImage("The JPEG has too many parts, or too much beside its picture. Save it anew.")


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
