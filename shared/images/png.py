"""PNGs of 16 bits a channel made of 8: by the range that is used, for cameras put 10 or 12 bits of data into 16.

Pillow reads gray in 16 bits, but of colors the high bytes only, which are all but black where 12 bits were put into
16. Such a file is read once more, by its low bytes.
"""

import io
from collections.abc import Sequence

from PIL import Image, ImageChops
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

from shared.errors import CorruptImage

DEPTHS = (8, 10, 12, 16)  # bits that data comes in; 14 could as well be a dark picture of 16
MAX_CHUNKS = 50_000  # writers make one of each few kilobytes; Pillow goes through them one by one
COARSE = 16  # high bytes below it are of at most 12 bits
# How Pillow unpacks high bytes, and by what it unpacks low ones; two channels it takes for the four of RGBA.
LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}


def check_chunks(data: bytes) -> None:
    """Make sure that a PNG is not in more pieces than any picture is. Raises CorruptImage."""
    at = 8
    for _ in range(MAX_CHUNKS):
        if at >= len(data):
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise CorruptImage("The PNG has too many parts. Save it anew.")


def depth_of(image: ImageFile) -> str | None:
    """How the high bytes of a PNG that is not decoded yet will be unpacked; None where nothing is lost by it."""
    how = str(image.tile[0].args) if image.format == "PNG" and image.tile else None
    return how if how in LOW_BYTES else None


def gray(image: Image.Image) -> Image.Image:
    """Mode I;16 -> L. Pillow's own conversion would clip."""
    scale = 255 / ((1 << _bits(_highest(image))) - 1)
    made = image.point(lambda value: value * scale + 0.5).convert("L")
    made.info.pop("transparency", None)  # a level of 16 bits
    return made


def of_eight_bits(image: Image.Image, unpacking: str, data: bytes) -> Image.Image:
    """What was decoded of `data`, with its low bytes where the high ones hold next to nothing."""
    image.info.pop("transparency", None)  # a color of 16 bits
    colors, alpha = _parts(image)
    if _highest(colors) >= COARSE:
        return image
    low_colors, low_alpha = _parts(_low_bytes(data, unpacking))
    made = _joined(colors, low_colors)
    if alpha is not None and low_alpha is not None:
        made.putalpha(alpha if _highest(alpha) >= COARSE else _joined(alpha, low_alpha))
    return made


def _low_bytes(data: bytes, unpacking: str) -> Image.Image:
    with PngImageFile(io.BytesIO(data)) as image:
        image.tile = [tile._replace(args=LOW_BYTES[unpacking]) for tile in image.tile]
        image.load()
        if unpacking != "LA;16B":
            return image.copy()
        _, low, _, low_alpha = image.split()
        return Image.merge("RGBA", (low, low, low, low_alpha))


def _parts(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    return image.convert("RGB"), image.getchannel("A") if image.mode == "RGBA" else None


def _joined(high: Image.Image, low: Image.Image) -> Image.Image:
    """The high and the low bytes of pixels of at most 12 bits -> their 8 most significant bits."""
    bits = _bits(_highest(high) * 256 + 255)
    if bits == 8:
        return low
    up, down = 1 << 16 - bits, 1 << bits - 8
    return ImageChops.add(high.point(lambda value: value * up), low.point(lambda value: value // down))


def _bits(highest: int) -> int:
    """Of how many bits data is whose largest value is `highest`."""
    return next(bits for bits in DEPTHS if highest < 1 << bits)


def _highest(image: Image.Image) -> int:
    extrema: Sequence[object] = image.getextrema()
    tops = [one[1] for one in extrema if isinstance(one, tuple)] or [extrema[1]]
    return max(int(top) for top in tops if isinstance(top, (int, float)))
