"""How many blocks lie before a GIF's first picture (GIF89a, 20 to 26): Pillow goes through them one by one."""

from shared.errors import CorruptImage

MAX_BLOCKS = 10_000
_EXTENSION = 0x21
_SCREEN = 13  # bytes: the header, and what is said of the screen


def check_blocks(data: bytes) -> None:
    """Make sure that they are no more than any picture has. Raises CorruptImage."""
    packed = data[10] if len(data) > 10 else 0
    at = _SCREEN + (3 << (packed & 7) + 1 if packed & 0x80 else 0)
    inside = False  # an extension, whose pieces are behind their lengths up to an empty one
    for _ in range(MAX_BLOCKS):
        if at >= len(data):
            return
        if inside:
            inside = data[at] > 0
            at += 1 + data[at]
        elif data[at] == _EXTENSION:
            inside = True
            at += 2
        else:
            return
    raise CorruptImage("The GIF has too many parts. Save it anew.")
