"""What a HEIC or AVIF file says of itself (ISO/IEC 14496-12 and 23008-12), before a codec is let near it.

A few kilobytes of such a file can ask for hours of decoding: a grid of one tile ten thousand times, a coded picture
a hundred times as large as the one that is shown. Only what is understood here is handed on, with its pixels counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from shared.errors import CorruptImage, UnsupportedImage
from shared.images import av1, hevc

MAX_BOXES = 5000  # in one box; a phone's picture of 200 million pixels has a thousand tiles
MAX_EXTENTS = 256  # of one item
HEVC, AV1 = frozenset({b"hvc1", b"hev1"}), frozenset({b"av01"})  # coded pictures
GRID = b"grid"
_ALPHA = (b":alpha", b"hevc:2015:auxid:1")  # how the type of a picture that holds opacity ends
_TRUNCATED = "The image is truncated or damaged ({}). Send the whole file."


class Box(NamedTuple):
    kind: bytes
    start: int  # of its content
    end: int


@dataclass(frozen=True)
class Item:
    """A coded picture, or one that is put together of others. `extents` are where its content lies in the file."""

    kind: bytes
    extents: tuple[tuple[int, int], ...] = ()
    width: int = 0
    height: int = 0
    auxiliary: bytes = b""
    configuration: bytes = b""  # of the codec


@dataclass(frozen=True)
class Container:
    """A file's pictures by their numbers; `parts` are those that a grid is put together of, in their order."""

    data: bytes
    primary: int
    items: Mapping[int, Item]
    parts: Mapping[int, tuple[int, ...]]
    auxiliaries: Mapping[int, tuple[int, ...]]
    animated: bool

    @classmethod
    def read(cls, data: bytes) -> "Container":
        """Read what lies around the pictures; none of them is decoded.

        Raises:
            CorruptImage: the file ends too early, or contradicts itself.
        """
        top = list(_boxes(data, 0, len(data)))
        meta = next((box for box in top if box.kind == b"meta"), None)
        if meta is None:
            raise CorruptImage(_TRUNCATED.format("it describes no picture"))
        inside = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
        parts, auxiliaries = _references(data, inside.get(b"iref"))
        return cls(
            data=data,
            primary=_primary(data, inside.get(b"pitm")),
            items=_items(data, inside),
            parts=parts,
            auxiliaries=auxiliaries,
            animated=any(box.kind == b"moov" for box in top),
        )

    def decoded_pixels(self, coded: frozenset[bytes]) -> int:
        """How many pixels the picture that is shown makes its codec decode, or its opacity if that makes more.

        `coded` are the kinds of pictures that the codec reads.

        Raises:
            CorruptImage, UnsupportedImage: part of it is missing, or of a kind that is not read.
        """
        shown = [number for number, of in self.auxiliaries.items() if self.primary in of and self._is_alpha(number)]
        return max(self._cost(number, coded) for number in (self.primary, *shown))

    def _is_alpha(self, number: int) -> bool:
        return number in self.items and self.items[number].auxiliary.endswith(_ALPHA)

    def _cost(self, number: int, coded: frozenset[bytes]) -> int:
        item = self.items.get(number)
        if item is None:
            raise CorruptImage(_TRUNCATED.format("a picture that it names is missing"))
        if item.kind != GRID:
            return self._cost_of_coded(item, coded)
        self._content(item)
        tiles = [self.items.get(part, Item(b"none")) for part in self.parts.get(number, ())]
        costs = {tile: self._cost_of_coded(tile, coded) for tile in set(tiles)}
        return max(item.width * item.height, sum(costs[tile] for tile in tiles))

    def _cost_of_coded(self, item: Item, coded: frozenset[bytes]) -> int:
        if item.kind not in coded:
            named = item.kind.decode("latin-1") if item.kind.isalnum() else "unknown"
            raise UnsupportedImage(f"The picture in the file is of the kind {named!r}, which is not read: send a JPEG.")
        content, declared = self._content(item), item.width * item.height
        if not declared:
            raise CorruptImage(_TRUNCATED.format("a picture in it has no size"))
        if item.kind in AV1:  # libavif brings whatever it decodes to the declared size
            return max(declared, av1.decoded_pixels(content))
        return declared * max(1, hevc.pictures(content, item.configuration))  # libheif decodes nothing larger

    def _content(self, item: Item) -> bytes:
        if not item.extents or any(start + length > len(self.data) for start, length in item.extents):
            raise CorruptImage(_TRUNCATED.format("its pixels end too early"))
        return b"".join(self.data[start : start + length] for start, length in item.extents)


class _Cursor:
    """Reads the numbers of one box, in their order."""

    def __init__(self, data: bytes, box: Box) -> None:
        self._data, self._at, self._end = data, box.start, box.end

    def uint(self, size: int) -> int:
        """Of `size` bytes."""
        return int.from_bytes(self.raw(size), "big")

    def raw(self, size: int) -> bytes:
        if self._at + size > self._end:
            raise CorruptImage(_TRUNCATED.format("one of its boxes is too short"))
        self._at += size
        return self._data[self._at - size : self._at]

    def version(self) -> tuple[int, int]:
        """A full box's version and flags."""
        return self.uint(1), self.uint(3)

    def rest(self) -> Box:
        return Box(b"", self._at, self._end)


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for _ in range(MAX_BOXES):
        if start >= end:
            return
        head = _Cursor(data, Box(b"", start, end))
        size, kind = head.uint(4), head.raw(4)
        size = head.uint(8) if size == 1 else size or end - start
        content = head.rest().start
        if not content <= start + size <= end:
            raise CorruptImage(_TRUNCATED.format("a box ends after the file"))
        yield Box(kind, content, start + size)
        start += size
    raise CorruptImage(_TRUNCATED.format("it has too many boxes"))


def _counted(count: int) -> range:
    if count > MAX_BOXES:
        raise CorruptImage(_TRUNCATED.format("it has too many pictures"))
    return range(count)


def _primary(data: bytes, box: Box | None) -> int:
    if box is None:
        raise CorruptImage(_TRUNCATED.format("it does not say which picture is shown"))
    cursor = _Cursor(data, box)
    version, _ = cursor.version()
    return cursor.uint(4 if version else 2)


def _items(data: bytes, inside: Mapping[bytes, Box]) -> dict[int, Item]:
    kinds = _kinds(data, inside.get(b"iinf"))
    extents = _locations(data, inside.get(b"iloc"), inside.get(b"idat"))
    properties = _properties(data, inside.get(b"iprp"))
    return {
        number: Item(kind, tuple(extents.get(number, ())), *_described(data, properties.get(number, ())))
        for number, kind in kinds.items()
    }


def _kinds(data: bytes, box: Box | None) -> dict[int, bytes]:
    if box is None:
        return {}
    cursor = _Cursor(data, box)
    version, _ = cursor.version()
    cursor.uint(4 if version else 2)
    found = {}
    for entry in _boxes(data, cursor.rest().start, box.end):
        inner = _Cursor(data, entry)
        version, _ = inner.version()
        if entry.kind == b"infe" and version >= 2:
            number, _ = inner.uint(4 if version > 2 else 2), inner.uint(2)
            found[number] = inner.raw(4)
    return found


def _locations(data: bytes, box: Box | None, idat: Box | None) -> dict[int, list[tuple[int, int]]]:
    """Where each item's content lies: (start, length) in the file."""
    if box is None:
        return {}
    cursor = _Cursor(data, box)
    version, _ = cursor.version()
    sizes = cursor.uint(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    found: dict[int, list[tuple[int, int]]] = {}
    for _ in _counted(cursor.uint(4 if version == 2 else 2)):
        number = cursor.uint(4 if version == 2 else 2)
        method = cursor.uint(2) & 15 if version else 0
        cursor.uint(2)
        base = cursor.uint(base_size)
        if (count := cursor.uint(2)) > MAX_EXTENTS:
            raise CorruptImage(_TRUNCATED.format("a picture is in too many pieces"))
        start, end = (0, len(data)) if method == 0 or idat is None else idat[1:]
        pieces = []
        for _ in range(count):
            cursor.uint(index_size if version else 0)
            at = start + base + cursor.uint(offset_size)
            pieces.append((at, cursor.uint(length_size) or max(0, end - at)))
        found[number] = pieces if method < 2 else []
    return found


def _properties(data: bytes, box: Box | None) -> dict[int, list[Box]]:
    if box is None:
        return {}
    inside = list(_boxes(data, box.start, box.end))
    kept = [one for part in inside if part.kind == b"ipco" for one in _boxes(data, part.start, part.end)]
    found: dict[int, list[Box]] = {}
    for part in inside:
        if part.kind != b"ipma":
            continue
        cursor = _Cursor(data, part)
        version, flags = cursor.version()
        for _ in _counted(cursor.uint(4)):
            mine = found.setdefault(cursor.uint(4 if version else 2), [])
            for _ in range(cursor.uint(1)):
                index = cursor.uint(2) & 0x7FFF if flags & 1 else cursor.uint(1) & 0x7F
                mine += kept[index - 1 : index] if index else []
    return found


def _described(data: bytes, properties: list[Box] | tuple[()]) -> tuple[int, int, bytes, bytes]:
    """Width and height in px, which kind of auxiliary picture it is, how its codec is set up."""
    width, height, auxiliary, configuration = 0, 0, b"", b""
    for box in properties:
        cursor = _Cursor(data, box)
        if box.kind == b"ispe":
            cursor.version()
            width, height = cursor.uint(4), cursor.uint(4)
        elif box.kind == b"auxC":
            cursor.version()
            auxiliary = data[cursor.rest().start : box.end].partition(b"\0")[0]
        elif box.kind == b"hvcC":
            configuration = data[box.start : box.end]
    return width, height, auxiliary, configuration


def _references(data: bytes, box: Box | None) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
    """What each picture is put together of, and what each belongs to as its opacity or depth."""
    found: dict[bytes, dict[int, tuple[int, ...]]] = {b"dimg": {}, b"auxl": {}}
    if box is not None:
        cursor = _Cursor(data, box)
        size = 4 if cursor.version()[0] else 2
        for reference in _boxes(data, cursor.rest().start, box.end):
            inner = _Cursor(data, reference)
            number = inner.uint(size)
            named = tuple(inner.uint(size) for _ in _counted(inner.uint(2)))
            found.setdefault(reference.kind, {})[number] = named
    return found[b"dimg"], found[b"auxl"]
