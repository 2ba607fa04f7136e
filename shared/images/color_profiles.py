"""ICC profiles: pictures come in whatever colour space their camera wrote, and are sRGB inside and when they leave."""

import io

from PIL import Image, ImageCms

SRGB_NAMES = frozenset({"sRGB IEC61966-2.1", "sRGB built-in"})  # exactly: others are named so with another gamma


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture of mode RGB, L or CMYK as RGB in sRGB; without a usable profile, as Pillow converts it.

    A profile may be damaged, or of another kind of picture than the one it lies in; the picture is still good.
    """
    if not profile:
        return _unprofiled(image)
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and ImageCms.getProfileDescription(source).strip() in SRGB_NAMES:
            return image  # most photos: neither work nor rounding
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return _unprofiled(image)
    return converted or _unprofiled(image)


def _unprofiled(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _srgb() -> bytes:
    """The profile to embed. LittleCMS writes the time into it: one date for all, so that equal pictures are equal."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = b"".join(number.to_bytes(2, "big") for number in (2026, 1, 1, 0, 0, 0))
    return bytes(profile)


SRGB = _srgb()
