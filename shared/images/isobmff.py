"""What a HEIC or AVIF file says of itself (ISO/IEC 14496-12 and 23008-12), before a codec is let near it.

A few kilobytes of such a file can ask for hours of decoding: a grid of one tile ten thousand times, a coded picture
a hundred times as large as the one that is shown, a profile that belongs to a thousand pictures. Only what is
understood here is handed on, with its pixels counted; what two readers could understand differently is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.errors import UnsupportedImage
from shared.images import av1, hevc
from shared.images.boxes import Box, BoxFile, Cursor, damaged

HEVC, AV1 = frozenset({b"hvc1", b"hev1"}), frozenset({b"av01"})  # coded pictures
GRID = b"grid"
MAX_DESCRIPTION_BYTES = 2**24  # of all items together: each gets its own copy of a profile that it shares
_ALPHA = (b":alpha", b"hevc:2015:auxid:1")  # how the type of a picture that holds opacity ends

Extents = tuple[tuple[int, int], ...]
"""(start, length) in the file."""

References = Mapping[int, tuple[int, ...]]


@dataclass(frozen=True)
class Item:
    """A coded picture, or one that is put together of others. `extents` are where its content lies."""

    kind: bytes
    extents: Extents = ()
    width: int = 0
    height: int = 0
    auxiliary: bytes = b""
    configuration: bytes = b""  # of the codec

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True)
class Container:
    """A file's pictures by their numbers.

    `parts` are those that a grid is put together of, in their order; `owners` those that an auxiliary one belongs to.
    """

    file: BoxFile
    primary: int
    items: Mapping[int, Item]
    parts: References
    owners: References
    animated: bool

    @classmethod
    def read(cls, data: bytes) -> "Container":
        """Read what lies around the pictures; none of them is decoded.

        Raises:
            CorruptImage: the file ends too early, contradicts itself, or has more parts than any picture.
            UnsupportedImage: it has no picture besides its films.
        """
        file = BoxFile(data)
        top = list(file.boxes(0, len(data)))
        metas, animated = [box for box in top if box.kind == b"meta"], any(box.kind == b"moov" for box in top)
        if animated and not metas:
            raise UnsupportedImage("The file is an animation or a film: send a still picture.")
        if len(metas) != 1:
            raise damaged("it does not describe one picture")
        inside = _by_kind(file.inside(metas[0], skipped=4))
        references = _references(file, inside.get(b"iref"))
        return cls(
            file=file,
            primary=_primary(file, inside.get(b"pitm")),
            items=_items(file, inside),
            parts=references.get(b"dimg", {}),
            owners=references.get(b"auxl", {}),
            animated=animated,
        )

    def decoded_pixels(self, coded: frozenset[bytes]) -> int:
        """How many pixels the picture that is shown makes its codec decode, or its opacity if that makes more.

        `coded` are the kinds of pictures that the codec reads.

        Raises:
            CorruptImage, UnsupportedImage: part of it is missing, or of a kind that is not read.
        """
        opacity = [number for number, of in self.owners.items() if self.primary in of and self._is_alpha(number)]
        return max(self._cost(number, coded) for number in (self.primary, *opacity))

    def _is_alpha(self, number: int) -> bool:
        return number in self.items and self.items[number].auxiliary.endswith(_ALPHA)

    def _cost(self, number: int, coded: frozenset[bytes]) -> int:
        item = self.items.get(number)
        if item is None:
            raise damaged("a picture that it names is missing")
        if item.kind != GRID:
            return self._cost_of_coded(item, coded)
        self._content(item)
        tiles = [self.items.get(part, Item(b"none")) for part in self.parts.get(number, ())]
        costs = {tile: self._cost_of_coded(tile, coded) for tile in set(tiles)}
        return max(item.pixels, sum(costs[tile] for tile in tiles))

    def _cost_of_coded(self, item: Item, coded: frozenset[bytes]) -> int:
        if item.kind not in coded:
            named = item.kind.decode("latin-1") if item.kind.isalnum() else "unknown"
            raise UnsupportedImage(f"The picture in the file is of the kind {named!r}, which is not read: send a JPEG.")
        content = self._content(item)
        if not item.pixels:
            raise damaged("a picture in it has no size")
        if item.kind in AV1:  # libavif brings whatever it decodes to the declared size
            return max(item.pixels, av1.decoded_pixels(content, self.file.spend))
        return item.pixels * max(1, hevc.pictures(content, item.configuration, self.file.spend))  # libheif: no larger

    def _content(self, item: Item) -> bytes:
        data = self.file.data
        if not item.extents or any(start + length > len(data) for start, length in item.extents):
            raise damaged("its pixels end too early")
        return b"".join(data[start : start + length] for start, length in item.extents)


def _by_kind(boxes: Iterable[Box]) -> dict[bytes, Box]:
    found: dict[bytes, Box] = {}
    for box in boxes:
        if box.kind in found and box.kind != b"free":
            raise damaged("it describes something twice")
        found[box.kind] = box
    return found


def _primary(file: BoxFile, box: Box | None) -> int:
    if box is None:
        raise damaged("it does not say which picture is shown")
    cursor = Cursor(file, box)
    version, _ = cursor.version()
    return cursor.uint(4 if version else 2)


def _items(file: BoxFile, inside: Mapping[bytes, Box]) -> dict[int, Item]:
    kinds = _kinds(file, inside.get(b"iinf"))
    extents = _locations(file, inside.get(b"iloc"), inside.get(b"idat"))
    if sum(length for pieces in extents.values() for _, length in pieces) > 2 * len(file.data):
        raise damaged("its pictures lie over each other")  # each is copied
    properties = _properties(file, inside.get(b"iprp"))
    if sum(box.end - box.start for boxes in properties.values() for box in boxes) > MAX_DESCRIPTION_BYTES:
        raise damaged("it describes its pictures at too great length")
    return {
        number: _described(file, Item(kind, extents.get(number, ())), properties.get(number, ()))
        for number, kind in kinds.items()
    }


def _kinds(file: BoxFile, box: Box | None) -> dict[int, bytes]:
    if box is None:
        return {}
    cursor = Cursor(file, box)
    version, _ = cursor.version()
    cursor.uint(4 if version else 2)
    found: dict[int, bytes] = {}
    for entry in file.boxes(cursor.at, box.end):
        inner = Cursor(file, entry)
        version, _ = inner.version()
        if entry.kind == b"infe" and version >= 2:
            number, _ = inner.uint(4 if version > 2 else 2), inner.uint(2)
            if number in found:
                raise damaged("it has two pictures of one number")
            found[number] = inner.raw(4)
    return found


def _locations(file: BoxFile, box: Box | None, idat: Box | None) -> dict[int, Extents]:
    if box is None:
        return {}
    cursor = Cursor(file, box)
    version, _ = cursor.version()
    sizes = cursor.uint(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    found: dict[int, Extents] = {}
    for _ in cursor.count(4 if version == 2 else 2):
        number = cursor.uint(4 if version == 2 else 2)
        method = cursor.uint(2) & 15 if version else 0
        cursor.uint(2)
        base = cursor.uint(base_size)
        start, end = (0, len(file.data)) if method == 0 or idat is None else idat[1:]
        pieces = []
        for _ in cursor.count(2):
            cursor.uint(index_size if version else 0)
            at = start + base + cursor.uint(offset_size)
            pieces.append((at, cursor.uint(length_size) or max(0, end - at)))
        if number in found:
            raise damaged("a picture lies in two places")
        found[number] = tuple(pieces) if method < 2 else ()
    return found


def _properties(file: BoxFile, box: Box | None) -> dict[int, list[Box]]:
    if box is None:
        return {}
    inside = list(file.inside(box))
    kept = [one for part in inside if part.kind == b"ipco" for one in file.inside(part)]
    found: dict[int, list[Box]] = {}
    for part in inside:
        if part.kind != b"ipma":
            continue
        cursor = Cursor(file, part)
        version, flags = cursor.version()
        for _ in cursor.count(4):
            mine = found.setdefault(cursor.uint(4 if version else 2), [])
            for _ in cursor.count(1):
                index = cursor.uint(2) & 0x7FFF if flags & 1 else cursor.uint(1) & 0x7F
                mine += kept[index - 1 : index] if index else []
    return found


def _described(file: BoxFile, item: Item, properties: Iterable[Box]) -> Item:
    """With what its boxes say of it; of two sizes the larger counts."""
    width, height, auxiliary, configuration = 0, 0, b"", b""
    for box in properties:
        cursor = Cursor(file, box)
        if box.kind == b"ispe":
            cursor.version()
            width, height = max(width, cursor.uint(4)), max(height, cursor.uint(4))
        elif box.kind == b"auxC":
            cursor.version()
            auxiliary = file.data[cursor.at : box.end].partition(b"\0")[0]
        elif box.kind == b"hvcC":
            configuration = file.data[box.start : box.end]
    return Item(item.kind, item.extents, width, height, auxiliary, configuration)


def _references(file: BoxFile, box: Box | None) -> dict[bytes, dict[int, tuple[int, ...]]]:
    """By their kind what each picture refers to."""
    found: dict[bytes, dict[int, tuple[int, ...]]] = {}
    if box is None:
        return found
    cursor = Cursor(file, box)
    size = 4 if cursor.version()[0] else 2
    for reference in file.boxes(cursor.at, box.end):
        inner = Cursor(file, reference)
        number, same_kind = inner.uint(size), found.setdefault(reference.kind, {})
        if number in same_kind:
            raise damaged("a picture refers to others twice")
        same_kind[number] = tuple(inner.uint(size) for _ in inner.count(2))
    return found
