"""Pictures on their way in and out: `images.decode(data, limits)`, `images.encode(...)`."""

from shared.images.decoding import Decoded, check, decode, decode_with_alpha, decoded_pixels, measure, media_type
from shared.images.encoding import ImageFormat, encode, thumbnail
from shared.images.formats import ACCEPTED, SUFFIXES, Format
from shared.images.limits import ImageLimits
from shared.images.provenance import Provenance

__all__ = [
    "ACCEPTED",
    "SUFFIXES",
    "Decoded",
    "Format",
    "ImageFormat",
    "ImageLimits",
    "Provenance",
    "check",
    "decode",
    "decode_with_alpha",
    "decoded_pixels",
    "encode",
    "measure",
    "media_type",
    "thumbnail",
]
