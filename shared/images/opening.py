"""From bytes to a picture whose header was read and judged, and to its pixels. Each format has one decoder.

Pillow's registry of formats is not asked, so that nothing which another package adds to it is ever let near a file.
"""

import io
from collections.abc import Callable

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shared.errors import CorruptImage, EmptyImage, ImageTooLarge, UnsupportedImage
from shared.images import gif, jpeg, png
from shared.images.formats import ACCEPTED, Format, brands, describe, identify
from shared.images.heic import HeicImageFile
from shared.images.isobmff import AV1, HEVC, Container
from shared.images.limits import ImageLimits

# Pillow has a limit of its own; `open_image` applies ours to the header, before any decoding.
Image.MAX_IMAGE_PIXELS = None

PARTS: dict[Format, Callable[[bytes], None]] = {Format.PNG: png.check_chunks, Format.GIF: gif.check_blocks}
SCANS = 20  # of a progressive JPEG of as many pixels as are accepted; encoders make 10
OVERHEAD = 2  # of the pixels that are shown, how many a file in boxes may have decoded: tiles hang over the edge
IN_BOXES = {Format.HEIC: HEVC, Format.AVIF: AV1}  # and the kinds of pictures that their decoders read


def open_image(data: bytes, limits: ImageLimits) -> tuple[ImageFile, Format]:
    """Read a picture's header and judge it; no pixel is decoded.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: the limit is in the message.
    """
    if not data:
        raise EmptyImage(f"The image is empty (0 bytes). Send a file: {ACCEPTED}.")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"The image has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.")
    found = identify(data)
    if found is None:
        raise UnsupportedImage(describe(data))
    if found in IN_BOXES:
        _check_container(data, found, limits)
    if found in PARTS:
        PARTS[found](data)
    stored = jpeg.layout(data) if found is Format.JPEG else None
    image = open_as(found, data)
    limits.check_size(*image.size, scales=stored is not None and stored.by_rows)
    if stored and stored.scans * image.width * image.height > SCANS * limits.max_pixels:
        raise ImageTooLarge(
            f"The JPEG goes over its {image.width} × {image.height} px in {stored.scans:,} scans, which takes too long "
            "to decode. Save it anew, not progressive."
        )
    return image, found


def open_as(kind: Format, data: bytes) -> ImageFile:
    """By the decoder of that format. Raises CorruptImage."""
    try:
        return _OPENERS[kind](io.BytesIO(data))
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise many types on hostile headers
        raise CorruptImage(
            f"The header of the {kind} file cannot be read ({_told(error)}). Send the whole file."
        ) from None


def load(image: ImageFile, kind: Format, data: bytes, *, reduction: int = 1) -> ImageFile:
    """Decode the pixels; of a JPEG scaled down on the way. It is another picture where the file had to be mended.

    Raises:
        CorruptImage: pixels are missing.
    """
    size = image.size
    if kind is not Format.JPEG:
        _load(image)
        if image.size != size:
            raise CorruptImage(f"The image is {image.width} × {image.height} px, not {size[0]} × {size[1]} px.")
        return image
    image.draft(None, (max(1, size[0] // reduction), max(1, size[1] // reduction)))
    try:
        _load(image)
    except CorruptImage:
        if data.endswith(jpeg.END) or not jpeg.has_all_pixels(data):
            raise
        return load(open_as(kind, data + jpeg.END), kind, data + jpeg.END, reduction=reduction)
    if jpeg.may_lack_pixels(image) and not jpeg.has_all_pixels(data):
        raise CorruptImage("The image is truncated or damaged (its last rows are missing). Send the whole file.")
    return image


def _load(image: ImageFile) -> None:
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged data
        raise CorruptImage(f"The image is truncated or damaged ({_told(error)}). Send the whole file.") from None


def _told(error: Exception) -> str:
    """In one line of characters that can be shown."""
    text = " ".join(str(error).split())[:200]
    return "".join(one for one in text if one.isprintable()) or type(error).__name__


def _check_container(data: bytes, kind: Format, limits: ImageLimits) -> None:
    container = Container.read(data)
    if kind is Format.AVIF and container.animated and brands(data)[0] != b"avif":
        raise UnsupportedImage("The file is an animated AVIF: send a still picture.")
    needed = container.decoded_pixels(IN_BOXES[kind])
    if needed > OVERHEAD * limits.max_pixels:
        raise ImageTooLarge(
            f"The {kind} file makes its decoder decode {min(needed, 10**12):,} pixels; "
            f"at most {limits.max_pixels:,} pixels are accepted. Scale it down."
        )


_OPENERS: dict[Format, Callable[[io.BytesIO], ImageFile]] = {
    Format.JPEG: JpegImageFile,
    Format.PNG: PngImageFile,
    Format.WEBP: WebPImageFile,
    Format.HEIC: HeicImageFile,
    Format.AVIF: AvifImageFile,
    Format.GIF: GifImageFile,
    Format.BMP: BmpImageFile,
}
