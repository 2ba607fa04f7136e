"""HEIC and AVIF files put together by hand (ISO/IEC 14496-12, 23008-12): what no encoder would write."""

import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from shared.images.isobmff import Container

PICTURES = Path("tests/data/pictures")
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + content)


@dataclass(frozen=True)
class Part:
    """A picture of a file: its kind, its content, and the boxes that describe it."""

    kind: bytes
    content: bytes
    properties: Sequence[bytes] = ()

    def sized(self, width: int, height: int) -> "Part":
        """The same, said to be of that size."""
        others = [one for one in self.properties if one[4:8] != b"ispe"]
        return replace(self, properties=[ispe(width, height), *others])

    def with_properties(self, *more: bytes) -> "Part":
        return replace(self, properties=[*self.properties, *more])


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def grid(rows: int, columns: int, width: int, height: int) -> Part:
    content = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    return Part(b"grid", content, [ispe(width, height)])


def heif(
    parts: Sequence[Part],
    *,
    brand: bytes = b"heic",
    made_of: Mapping[int, Sequence[int]] | None = None,
    belongs_to: Mapping[int, int] | None = None,
    more: bytes = b"",
) -> bytes:
    """A file that shows the first of `parts`, which are numbered from 1.

    `made_of` tells of which parts a grid is put together, `belongs_to` whose opacity a part is. What parts
    have alike, content or properties, is there once.
    """
    kinds = [full_box(b"infe", struct.pack(">HH4s", n, 0, part.kind) + b"\0", 2) for n, part in enumerate(parts, 1)]
    contents = list(dict.fromkeys(part.content for part in parts))
    references = [_reference(b"dimg", one, of) for one, of in (made_of or {}).items()]
    references += [_reference(b"auxl", one, [of]) for one, of in (belongs_to or {}).items()]

    def described(start: int) -> bytes:
        places, at = {}, start
        for content in contents:
            places[content] = struct.pack(">HHII", 0, 1, at, len(content))
            at += len(content)
        located = b"".join(struct.pack(">H", number) + places[part.content] for number, part in enumerate(parts, 1))
        return full_box(
            b"meta",
            full_box(b"hdlr", b"\0\0\0\0pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iloc", struct.pack(">HH", 0x4400, len(parts)) + located)
            + full_box(b"iinf", struct.pack(">H", len(parts)) + b"".join(kinds))
            + (full_box(b"iref", b"".join(references)) if references else b"")
            + _properties(parts),
        )

    head = box(b"ftyp", brand + bytes(4) + brand + b"mif1") + more
    start = len(head) + len(described(0)) + 8
    return head + described(start) + box(b"mdat", b"".join(contents))


def _reference(kind: bytes, one: int, of: Sequence[int]) -> bytes:
    return box(kind, struct.pack(f">HH{len(of)}H", one, len(of), *of))


def _properties(parts: Sequence[Part]) -> bytes:
    kept = list(dict.fromkeys(one for part in parts for one in part.properties))
    places = {one: struct.pack(">H", 0x8000 | place) for place, one in enumerate(kept, 1)}
    entries = b""
    for number, part in enumerate(parts, 1):
        mine = [places[one] for one in part.properties]
        entries += struct.pack(">HB", number, len(mine)) + b"".join(mine)
    assigned = full_box(b"ipma", struct.pack(">I", len(parts)) + entries, flags=1)
    return box(b"iprp", box(b"ipco", b"".join(kept)) + assigned)


def first_part(data: bytes) -> Part:
    """The coded picture that a file of one shows, with its size and how its codec is set up."""
    found = Container.read(data)
    item = found.items[found.primary]
    content = b"".join(data[start : start + length] for start, length in item.extents)
    file = found.file
    meta = next(one for one in file.boxes(0, len(data)) if one.kind == b"meta")
    described = next(one for one in file.inside(meta, skipped=4) if one.kind == b"iprp")
    shared = next(one for one in file.inside(described) if one.kind == b"ipco")
    kept = [one for one in file.inside(shared) if one.kind in {b"hvcC", b"av1C", b"pixi"}]
    return Part(item.kind, content, [ispe(item.width, item.height), *(data[one.start - 8 : one.end] for one in kept)])


def coded_heic() -> Part:
    """64 × 64 px, the upper half red, the lower one blue."""
    return first_part((PICTURES / "red-above-blue.heic").read_bytes())


def coded_avif(width: int = 64, height: int = 64) -> Part:
    """The same in AV1."""
    made = Image.new("RGB", (width, height), "blue")
    made.paste("red", (0, 0, width, height // 2))
    buffer = io.BytesIO()
    made.save(buffer, "AVIF", quality=80, speed=10, subsampling="4:4:4")
    return first_part(buffer.getvalue())
