"""Every decode and encode of a picture (Pillow). Nothing here trusts the file, its name or its header."""

import io
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import quoteattr

from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from shared.errors import CorruptImage, EmptyImage, ImageTooLarge, ImageTooSmall, UnsupportedImage

# JPEG includes MPO, which many phones write: a JPEG with a second picture behind it. The first one is used.
FORMATS = ("JPEG", "PNG", "WEBP")
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


@dataclass(frozen=True)
class Provenance:
    """What a generated picture says about itself (EU AI Act Art. 50(2), IPTC digital source type)."""

    software: str
    model: str
    settings: str


def check(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Make sure that `data` is a whole picture within the limits; its width and height in px, as stored.

    A JPEG is decoded at an eighth of its size: every byte is read, so truncation shows, for little work.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: the limit is in the message.
    """
    with _open(data, limits) as image:
        size = image.size
        image.draft("RGB", (image.width // 8, image.height // 8))
        _load(image)
    return size


def decode(data: bytes, limits: ImageLimits) -> Image.Image:
    """Decode to RGB, upright (EXIF orientation applied), transparency over white.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: as `check`.
    """
    with _open(data, limits) as image:
        _load(image)
        try:
            upright = ImageOps.exif_transpose(image)
        except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; the pixels are still good
            upright = image
        return _to_rgb(upright)


def encode(image: Image.Image, image_format: ImageFormat, provenance: Provenance) -> bytes:
    """Encode a generated RGB picture with its provenance as XMP, and prove that it decodes.

    Raises:
        CorruptImage: the encoder's output does not decode to the same size.
    """
    buffer = io.BytesIO()
    xmp = _xmp(provenance)
    match image_format:
        case ImageFormat.JPEG:
            image.save(buffer, "JPEG", quality=92, optimize=True, xmp=xmp)
        case ImageFormat.WEBP:
            image.save(buffer, "WEBP", quality=90, xmp=xmp)
        case ImageFormat.PNG:
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", xmp.decode())
            image.save(buffer, "PNG", pnginfo=info)
    data = buffer.getvalue()
    with Image.open(io.BytesIO(data)) as written:
        _load(written)
        if written.size != image.size:
            raise CorruptImage(f"The encoded image is {written.size}, not {image.size}.")
    return data


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


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise many types on damaged data
        raise CorruptImage(f"The image is truncated or damaged ({error}). Send the whole file.") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip instead of scale
        image = image.point(lambda value: value / 257).convert("L")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        image = Image.alpha_composite(white, rgba)
    return image.convert("RGB")


def _xmp(provenance: Provenance) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:likeness="urn:likeness:provenance:1.0:" '
        f"xmp:CreatorTool={quoteattr(provenance.software)} "
        "Iptc4xmpExt:DigitalSourceType="
        '"http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia" '
        f"likeness:Model={quoteattr(provenance.model)} likeness:Settings={quoteattr(provenance.settings)}/>"
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
