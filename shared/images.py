"""Every decode and encode of a picture (Pillow). Nothing here trusts the file, its name or its header."""

import io
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from PIL import ExifTags, Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from shared import colour_profiles
from shared.errors import CorruptImage, EmptyImage, ImageTooLarge, ImageTooSmall, UnsupportedImage
from shared.provenance import Provenance, xmp

# JPEG includes MPO, which many phones write: a JPEG with a second picture behind it. The first one is used.
FORMATS = ("JPEG", "PNG", "WEBP")
SIDEWAYS = range(5, 9)  # EXIF orientations that swap width and height
# Pillow has a limit of its own; `_check_size` applies ours to the header, before any decoding.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class ImageLimits:
    """What is accepted: file size in bytes, decoded size in pixels, sides in px."""

    max_bytes: int
    max_pixels: int
    max_side: int
    min_side: int


class ImageFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        return f"image/{self.value}"


class Decoded(NamedTuple):
    """An RGB picture and its opacity, mode L of the same size, None where all of it is opaque."""

    image: Image.Image
    alpha: Image.Image | None


def check(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Make sure that `data` is a whole picture within the limits; its width and height in px, upright.

    A JPEG is decoded at an eighth of its size: every byte is read, so truncation shows, for little work.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: the limit is in the message.
    """
    with _open(data, limits) as image:
        width, height = image.size
        image.draft("RGB", (image.width // 8, image.height // 8))
        _load(image)
        return (height, width) if _lies_on_its_side(image) else (width, height)


def measure(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """What a picture's header says: width and height in px, as stored. The rest may still be damaged.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: as `check`.
    """
    with _open(data, limits) as image:
        return image.size


def decode(data: bytes, limits: ImageLimits) -> Image.Image:
    """Decode to RGB in sRGB (an ICC profile is applied), upright (so is the EXIF orientation), of 8 bits a channel.

    What is transparent is white. Of an animation, the first picture. No metadata comes along.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: as `check`.
    """
    image, alpha = decode_with_alpha(data, limits)
    return image if alpha is None else _over_white(image, alpha)


def decode_with_alpha(data: bytes, limits: ImageLimits) -> Decoded:
    """As `decode`, but what is half transparent keeps its own colour; what is wholly transparent has none: white."""
    with _open(data, limits) as image:
        _load(image)
        profile = image.info.get("icc_profile")
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; the pixels are still good
            upright = image
        colour, alpha = _split(upright)
    rgb = colour_profiles.to_srgb(colour, profile)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha.point(lambda value: 255 if value else 0))
    rgb.info = {}  # Pillow's writers would take a comment or a profile from there
    return Decoded(rgb, alpha)


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
    profile = colour_profiles.SRGB
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
    with Image.open(io.BytesIO(data)) as written:
        _load(written)
        if written.size != image.size:
            raise CorruptImage(f"The encoded image is {written.size}, not {image.size}.")
    return data


def media_type(data: bytes) -> str:
    """Of a file that `check` or `decode` has taken."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return "image/jpeg" if image.format == "MPO" else f"image/{image.format}".lower()


def thumbnail(image: Image.Image, side: int) -> bytes:
    """A JPEG of an RGB picture, its longer side at most `side` px, without metadata."""
    small = image.copy()
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    if not data:
        raise EmptyImage("The image is empty (0 bytes). Send a JPEG, PNG or WebP file.")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"The image has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise UnsupportedImage("The file is not a JPEG, PNG or WebP image.") from None
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise many types on hostile headers
        raise CorruptImage(f"The image's header cannot be read ({type(error).__name__}).") from None
    _check_size(image.width, image.height, limits)
    return image


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise ImageTooLarge(
            f"The image is {width} × {height} px; at most {limits.max_pixels:,} pixels and "
            f"{limits.max_side:,} px a side are accepted. Scale it down."
        )
    if min(width, height) < limits.min_side:
        raise ImageTooSmall(f"The image is {width} × {height} px; each side needs at least {limits.min_side} px.")


def _lies_on_its_side(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; `decode` then leaves the picture as it is
        return False


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged data
        raise CorruptImage(f"The image is truncated or damaged ({error}). Send the whole file.") from None


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour (mode RGB, L or CMYK, which is what profiles are made for) and opacity (L)."""
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip instead of scale
        grey = image.point(lambda value: value / 257 + 0.5).convert("L")
        grey.info.pop("transparency", None)  # a level of 16 bits
        return grey, None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        colour = image.convert("L") if image.mode == "LA" else rgba.convert("RGB")
        return colour, None if alpha.getextrema() == (255, 255) else alpha
    if image.mode in {"1", "L"}:
        return image.convert("L"), None
    return image if image.mode == "CMYK" else image.convert("RGB"), None


def _with_alpha(image: Image.Image, alpha: Image.Image, image_format: ImageFormat) -> Image.Image:
    if image_format is ImageFormat.JPEG:
        return _over_white(image, alpha)
    transparent = image.copy()
    transparent.putalpha(alpha)
    return transparent


def _over_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    return Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
