"""Every encoding of a picture that was made here."""

import io
from enum import StrEnum

from PIL import Image, PngImagePlugin

from shared.errors import CorruptImage
from shared.images import color_profiles
from shared.images.decoding import over_white
from shared.images.formats import Format
from shared.images.opening import open_as
from shared.images.provenance import Provenance, xmp


class ImageFormat(StrEnum):
    """The formats of what is made."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"


def encode(
    image: Image.Image, image_format: ImageFormat, provenance: Provenance, *, alpha: Image.Image | None = None
) -> bytes:
    """Encode a generated RGB picture as sRGB with its provenance as XMP, and prove that it decodes.

    `alpha` (mode L, any size) becomes its opacity; JPEG knows none, there the picture lies on white.

    Raises:
        CorruptImage: the encoder's output does not decode to the same size.
    """
    if alpha is not None:
        image = _with_alpha(image, alpha.resize(image.size), image_format)
    buffer = io.BytesIO()
    packet = xmp(provenance)
    profile = color_profiles.SRGB
    match image_format:
        case ImageFormat.JPEG:
            image.save(buffer, "JPEG", quality=92, optimize=True, xmp=packet, icc_profile=profile)
        case ImageFormat.WEBP:
            image.save(buffer, "WEBP", quality=90, xmp=packet, icc_profile=profile)
        case ImageFormat.PNG:
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode())
            image.save(buffer, "PNG", pnginfo=info, icc_profile=profile)
    data = buffer.getvalue()
    _prove(data, image_format, image.size)
    return data


def thumbnail(image: Image.Image, side: int) -> bytes:
    """A JPEG of an RGB picture, its longer side at most `side` px, without metadata."""
    small = image.copy()
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _prove(data: bytes, image_format: ImageFormat, size: tuple[int, int]) -> None:
    with open_as(Format[image_format.name], data) as written:
        try:
            written.load()
        except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types
            raise CorruptImage(f"The encoded image cannot be decoded ({error}).") from None
        if written.size != size:
            raise CorruptImage(f"The encoded image is {written.size}, not {size}.")


def _with_alpha(image: Image.Image, alpha: Image.Image, image_format: ImageFormat) -> Image.Image:
    if image_format is ImageFormat.JPEG:
        return over_white(image, alpha)
    transparent = image.copy()
    transparent.putalpha(alpha)
    return transparent
