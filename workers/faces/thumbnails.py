"""A small picture of an enrolled face, by which people tell a person's faces apart. Nothing is ever matched with it."""

import io

from PIL import Image

from workers.face_reader import Pixels

QUALITY = 80  # of the JPEG: 4 KB


def thumbnail(face: Pixels) -> bytes:
    """A JPEG, without anything that the photo said of itself.

    Args:
        face: (112, 112, 3) RGB, upright, as a network sees it.
    """
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
