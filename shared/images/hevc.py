"""How many pictures an HEVC bitstream holds, as a file stores one (ISO/IEC 14496-15; ITU-T H.265, 7.3.1)."""

from collections.abc import Callable

FIRST_PARAMETER_SET = 32  # types of units below it hold parts of pictures
LENGTH_SIZE_AT = 21  # in the decoder's configuration, 2 bits
DEFAULT_LENGTH_SIZE = 4


def pictures(data: bytes, configuration: bytes, spend: Callable[[int], object]) -> int:
    """Units are behind their lengths; the first bit behind the header of one says that a picture begins.

    `spend` is told of each unit, and may raise when there are too many.
    """
    size = (configuration[LENGTH_SIZE_AT] & 3) + 1 if len(configuration) > LENGTH_SIZE_AT else DEFAULT_LENGTH_SIZE
    found = at = 0
    while at + size + 2 < len(data):
        spend(1)
        kind, begins = data[at + size] >> 1 & 63, data[at + size + 2] >> 7
        found += kind < FIRST_PARAMETER_SET and begins
        at += size + int.from_bytes(data[at : at + size], "big")
    return found
