"""Every decoding of a picture. Nothing here trusts the file, its name or its header."""

from dataclasses import dataclass

from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from shared.images import color_profiles, jpeg, png
from shared.images.formats import Format, identify
from shared.images.limits import STRONGEST_REDUCTION, ImageLimits
from shared.images.opening import IN_BOXES, load, open_image

# By the EXIF orientation, what brings a picture upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = range(5, 9)  # orientations that swap width and height


@dataclass(frozen=True, eq=False)
class Decoded:
    """An RGB picture, upright, and its opacity, mode L of the same size, None where all of it is opaque.

    One of its pixels is `scale` by `scale` pixels of the file, whose `size` is (width, height) in px, upright.
    """

    image: Image.Image
    alpha: Image.Image | None
    scale: int
    size: tuple[int, int]

    @property
    def opaque(self) -> Image.Image:
        """What is transparent is white."""
        return self.image if self.alpha is None else over_white(self.image, self.alpha)


def check(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """Make sure that `data` is a whole picture within the limits; its width and height in px, upright.

    A JPEG is decoded at an eighth of its size: every byte is read, so truncation shows, for little work. Of a HEIC or
    AVIF, which cannot be decoded in part, the file is known to be whole without decoding it: its boxes are all there.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: the limit is in the message.
    """
    opened, kind = open_image(data, limits)
    size = opened.size
    if kind in IN_BOXES:
        with opened:
            return _upright(size, _orientation(opened))
    with opened, load(opened, kind, data, reduction=STRONGEST_REDUCTION) as image:
        return _upright(size, _orientation(image))


def measure(data: bytes, limits: ImageLimits) -> tuple[int, int]:
    """What a picture's header says: width and height in px, as stored. The rest may still be damaged.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: as `check`.
    """
    with open_image(data, limits)[0] as image:
        return image.size


def decoded_pixels(data: bytes, limits: ImageLimits, *, side: int = 0) -> int:
    """How many pixels `decode` will hold at its peak, by the header.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: as `check`.
    """
    image, kind = open_image(data, limits)
    with image:
        width, height = image.size
        scales = kind is Format.JPEG and jpeg.layout(data).by_rows
        return width * height // (limits.reduction(width, height, side=side) ** 2 if scales else 1)


def decode(data: bytes, limits: ImageLimits, *, side: int = 0) -> Image.Image:
    """Decode to RGB in sRGB (an ICC profile is applied), upright (so is the EXIF orientation), of 8 bits a channel.

    What is transparent is white. Of an animation, the first picture. No metadata comes along. A picture of more than
    `limits.working_pixels` comes at a half, a quarter or an eighth, as long as its longer side stays at `side` px.

    Raises:
        EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge, ImageTooSmall: as `check`.
    """
    return decode_with_alpha(data, limits, side=side).opaque


def decode_with_alpha(data: bytes, limits: ImageLimits, *, side: int = 0) -> Decoded:
    """As `decode`, but what is half transparent keeps its own color; what is wholly transparent has none: white."""
    opened, kind = open_image(data, limits)
    size, unpacking = opened.size, png.depth_of(opened)
    scale = limits.reduction(*size, side=side)
    with opened, load(opened, kind, data, reduction=scale) as image:
        orientation, profile = _orientation(image), image.info.get("icc_profile")
        color, alpha = _split(png.of_eight_bits(image, unpacking, data) if unpacking else image)
    if scale > 1 and kind is not Format.JPEG:
        color, alpha = color.reduce(scale), alpha and alpha.reduce(scale)
    if (turn := TURNS.get(orientation)) is not None:
        color, alpha = color.transpose(turn), alpha and alpha.transpose(turn)
    rgb = color_profiles.to_srgb(color, profile)
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha.point(lambda value: 255 if value else 0))
    if isinstance(rgb, ImageFile):
        rgb = rgb.copy()  # a picture that knows nothing of the file
    rgb.info = {}  # Pillow's writers would take a comment or a profile from there
    return Decoded(rgb, alpha, scale, _upright(size, orientation))


def media_type(data: bytes) -> str:
    """Of a file that `check` or `decode` has taken."""
    found = identify(data)
    return found.media_type if found else "application/octet-stream"


def over_white(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """An RGB picture on white where it is transparent."""
    return Image.composite(image, Image.new("RGB", image.size, "white"), alpha)


def _orientation(image: ImageFile) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a damaged EXIF block raises anything; the pixels are still good
        return 1


def _upright(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    width, height = size
    return (height, width) if orientation in SIDEWAYS else (width, height)


def _split(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Color (mode RGB, L or CMYK, which is what profiles are made for) and opacity (L)."""
    if image.mode.startswith("I"):
        return png.gray(image), None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        color = image.convert("L") if image.mode == "LA" else rgba.convert("RGB")
        return color, None if alpha.getextrema() == (255, 255) else alpha
    if image.mode in {"1", "L"}:
        return image.convert("L"), None
    return image if image.mode in {"RGB", "CMYK"} else image.convert("RGB"), None
