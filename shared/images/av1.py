"""How many pixels an AV1 bitstream holds by its headers (AV1 Bitstream & Decoding Process, 5.3 and 5.5)."""

from collections.abc import Callable

SEQUENCE_HEADER = 1
FRAMES = frozenset({3, 6})  # a frame's header, alone or with the frame
UNKNOWN = 2**62  # pixels: what cannot be read is too large


def decoded_pixels(data: bytes, spend: Callable[[int], object]) -> int:
    """As many as all frames have together if each is as large as the largest that any sequence header allows.

    `spend` is told of each unit, and may raise when there are too many.
    """
    largest = frames = at = 0
    while at < len(data):
        spend(1)
        kind, extended, sized = data[at] >> 3 & 15, data[at] >> 2 & 1, data[at] >> 1 & 1
        at += 1 + extended
        length, used = _leb128(data[at : at + 8]) if sized else (len(data) - at, 0)
        at += used
        if kind == SEQUENCE_HEADER:
            largest = max(largest, _frame(data[at : at + length]))
        frames += kind in FRAMES
        at += length
    return largest * max(1, frames)


def _leb128(data: bytes) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data):
        value |= (byte & 127) << 7 * index
        if not byte & 128:
            return value, index + 1
    return value, len(data)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data[:1024], "big"), 8 * len(data[:1024])

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise EOFError
        return self._value >> self._left & (1 << count) - 1

    def take_uvlc(self) -> None:
        zeros = 0
        while not self.take(1):
            zeros += 1
        self.take(zeros if zeros < 32 else 0)


def _frame(header: bytes) -> int:
    bits = _Bits(header)
    try:
        bits.take(4)  # profile, still picture
        if bits.take(1):  # reduced header
            bits.take(5)
        else:
            _skip_operating_points(bits)
        width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
        return (bits.take(width_bits) + 1) * (bits.take(height_bits) + 1)
    except EOFError:
        return UNKNOWN


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.take_uvlc()
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(42)
    delays = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if delays and bits.take(1):
            bits.take(4)
