"""The boxes of a file (ISO/IEC 14496-12, 4.2) and the numbers in them, read with a bound on the work that it takes."""

from collections.abc import Iterator
from typing import NamedTuple

from shared.errors import CorruptImage

MAX_STEPS = 50_000  # a phone's picture of 200 million pixels takes 10,000


class Box(NamedTuple):
    """`start` and `end` are those of its content in the file."""

    kind: bytes
    start: int
    end: int


def damaged(how: str) -> CorruptImage:
    """Of a picture: what is told of the file that it is in."""
    return CorruptImage(f"The image is truncated or damaged ({how}). Send the whole file.")


class BoxFile:
    """A file in boxes. Its methods raise CorruptImage."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._left = MAX_STEPS

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        """Those that lie side by side from `start` to `end`."""
        while start < end:
            self.spend(1)
            head = Cursor(self, Box(b"", start, end))
            size, kind = head.uint(4), head.raw(4)
            size = head.uint(8) if size == 1 else size or end - start
            content = head.at
            if not content <= start + size <= end:
                raise damaged("a box ends after the file")
            yield Box(kind, content, start + size)
            start += size

    def inside(self, box: Box, *, skipped: int = 0) -> Iterator[Box]:
        """Those in another one, behind so many bytes."""
        return self.boxes(box.start + skipped, box.end)

    def spend(self, steps: int) -> int:
        """Count steps that are about to be made."""
        self._left -= steps
        if self._left < 0:
            raise damaged("it has too many parts")
        return steps


class Cursor:
    """Reads the numbers of one box, in their order."""

    def __init__(self, file: BoxFile, box: Box) -> None:
        self._file, self.at, self._end = file, box.start, box.end

    def uint(self, size: int) -> int:
        """Of `size` bytes."""
        return int.from_bytes(self.raw(size), "big")

    def raw(self, size: int) -> bytes:
        if self.at + size > self._end:
            raise damaged("one of its boxes is too short")
        self.at += size
        return self._file.data[self.at - size : self.at]

    def count(self, size: int) -> range:
        """A number of so many bytes, to be counted up to."""
        return range(self._file.spend(self.uint(size)))

    def version(self) -> tuple[int, int]:
        """A full box's version and flags."""
        return self.uint(1), self.uint(3)
