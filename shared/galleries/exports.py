"""A gallery as a file: JSON lines, to keep or to move it (format `likeness-gallery`, version 1).

    {"kind": "gallery", "format": "likeness-gallery", "version": 1, "gallery", "rules", "model", "exported_at", ...}
    {"kind": "person", "id", "uid", "created_at", "name", ...}              everybody, with all that is known of him
    {"kind": "face", "person", "person_uid", "face", "embedding", ...}      base64 of little-endian float32
    {"kind": "end", "persons", "faces", "sha256"}                           of every byte before this line

The last line shows that nothing is missing. A reader checks it before he believes anything of the rest.
"""

import gzip
import hashlib
import json
import math
import sys
import zlib
from array import array
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Annotated, Any, Literal, cast

from pydantic import AwareDatetime, Field, ValidationError

from shared.erasures.log import Uid
from shared.errors import InvalidExport
from shared.galleries.templates import Template
from shared.schemas import Consent, FaceSource, GalleryRules, Id, Message, Model, Person
from shared.schemas.texts import Attributes, Groups, Label, Moment, Tags, Text

LONGEST_LINE = 256 * 2**10  # bytes
MOST_BYTES = 8 * 2**30  # of the lines together: eight million faces
UNIT = 1e-3  # by which the length of an embedding may differ from 1
GZIP = b"\x1f\x8b"
KEPT_HERE = {"model_digest", "person_uid", "source", "made_person", "thumbnail"}  # of a template; not exported


class GalleryLine(Message):
    kind: Literal["gallery"] = "gallery"
    format: Literal["likeness-gallery"] = "likeness-gallery"
    version: Literal[1] = 1
    gallery: Id
    rules: GalleryRules
    model: Model
    exported_at: AwareDatetime
    likeness: str = Field(description="the version that wrote it")


class ConsentPart(Message):
    reference: Text
    given_at: Moment | None = None


class PersonLine(Message):
    """A person's record, bounded as that of a request is."""

    kind: Literal["person"] = "person"
    id: Id
    uid: Uid
    created_at: Moment
    name: Text | None = None
    external_id: Text | None = None
    tags: Tags = ()
    groups: Groups = ()
    attributes: Attributes = Field(default_factory=dict)
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    expires_at: Moment | None = None
    consent: ConsentPart | None = None

    def person(self) -> Person:
        said = {name: getattr(self, name) for name in Person.model_fields}
        return Person(**{**said, "consent": Consent(**self.consent.model_dump()) if self.consent else None})


class FaceLine(Message):
    kind: Literal["face"] = "face"
    person: Id
    person_uid: Uid
    face: Id
    embedding: str
    quality: Annotated[float, Field(ge=0, le=1)]
    created_at: Moment
    label: Label | None = None

    def template(self, model: Model, dimensions: int) -> Template:
        """Raises ValueError, which says what is wrong with the embedding."""
        return Template(
            person=self.person,
            face=self.face,
            embedding=_unit_vector(self.embedding, dimensions),
            model_digest=model.digest,
            quality=self.quality,
            created_at=self.created_at,
            person_uid=self.person_uid,
            label=self.label,
            source=FaceSource.IMPORT,
        )


class EndLine(Message):
    kind: Literal["end"] = "end"
    persons: int
    faces: int
    sha256: str


Line = GalleryLine | PersonLine | FaceLine | EndLine
KINDS: dict[str, type[Line]] = {"gallery": GalleryLine, "person": PersonLine, "face": FaceLine, "end": EndLine}


@dataclass(frozen=True)
class BadLine:
    """A line that is left out, and why."""

    reason: str


def write(header: GalleryLine, persons: Iterable[Person], templates: Iterable[Template]) -> Iterator[bytes]:
    """The lines of an export. Templates of nobody among `persons` are left out."""
    digest = hashlib.sha256()
    owners: dict[str, Person] = {}
    faces = 0

    def line(kind: str, content: Mapping[str, Any]) -> bytes:
        data = json.dumps({"kind": kind, **content}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        digest.update(data)
        return data

    yield line("gallery", header.model_dump(mode="json"))
    for person in persons:
        owners[person.id] = Person(id=person.id, uid=person.uid, created_at=person.created_at)
        yield line("person", person.model_dump(mode="json"))
    for template in templates:
        owner = owners.get(template.person)
        if owner is not None and template.is_of(owner):
            faces += 1
            face = template.model_dump(mode="json", exclude=KEPT_HERE, exclude_defaults=True)
            yield line("face", {**face, "person_uid": owner.uid})
    yield line("end", {"persons": len(owners), "faces": faces, "sha256": digest.hexdigest()})


@contextmanager
def opened(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """An export to read, packed with gzip or not; of a file that is at its beginning."""
    packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    if not packed:
        yield file
        return
    with gzip.open(file, "rb") as unpacked:
        yield cast("IO[bytes]", unpacked)


def read_header(file: IO[bytes]) -> GalleryLine:
    """The first line.

    Raises:
        InvalidExport
    """
    line = next(_lines(file), None)
    if line is None:
        raise InvalidExport("The file is empty: send an export of a gallery, as GET /v1/galleries/{gallery}/export is.")
    return _header(line)


def check(file: IO[bytes], progress: Callable[[int], None]) -> tuple[GalleryLine, int]:
    """Read an export to its end; what it is of, and how many lines there are between the first and the last.

    Args:
        file: as `opened` gives it.
        progress: is told how many lines were read.

    Raises:
        InvalidExport: it is damaged, incomplete or of another kind; the message names the line.
    """
    digest = hashlib.sha256()
    header, former, number = None, b"", 0
    for number, line in enumerate(_lines(file), 1):
        if number == 1:
            header = _header(line)
        else:
            digest.update(former)
        former = line
        progress(number)
    if header is None:
        raise InvalidExport("The file is empty: send an export of a gallery.")
    end = parse(former) if number > 1 else None
    if not isinstance(end, EndLine):
        raise InvalidExport(
            f"The file ends at line {number} without the line that every export ends with: send all of it."
        )
    if end.sha256 != digest.hexdigest():
        raise InvalidExport(f"The file is not as it was written: its SHA-256 up to line {number} is another one.")
    if end.persons + end.faces != number - 2:
        raise InvalidExport(
            f"Line {number}: {end.persons + end.faces} lines should lie between the first and this one."
        )
    return header, number - 2


def contents(file: IO[bytes]) -> Iterator[tuple[int, PersonLine | FaceLine | BadLine]]:
    """Number and content of the lines between the first and the last, of a file that was checked."""
    for number, line in enumerate(_lines(file), 1):
        match parse(line):
            case GalleryLine() if number == 1:
                continue
            case EndLine():
                return
            case GalleryLine():
                yield number, BadLine("only the first line may be of the kind `gallery`")
            case PersonLine() | FaceLine() | BadLine() as found:
                yield number, found


def parse(line: bytes) -> Line | BadLine:
    try:
        said = json.loads(line)
        kind = KINDS.get(said.get("kind", "")) if isinstance(said, dict) else None
    except (ValueError, RecursionError, TypeError):
        return BadLine("it is not valid JSON")
    if kind is None:
        return BadLine(f"it must be an object with a `kind`: one of {', '.join(KINDS)}")
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return BadLine(f"`{where[:64]}`: {first['msg']}" if where else first["msg"])


def _header(line: bytes) -> GalleryLine:
    found = parse(line)
    if isinstance(found, GalleryLine):
        return found
    reason = found.reason if isinstance(found, BadLine) else f"it is of the kind `{found.kind}`"
    raise InvalidExport(f"Line 1 is not that of an export of a gallery, version 1: {reason}.")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Raises InvalidExport, which names the line."""
    number, total = 0, 0
    while True:
        number += 1
        try:
            line = file.readline(LONGEST_LINE + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InvalidExport(f"Line {number}: the gzip file is damaged or ends too early.") from None
        total += len(line)
        if not line:
            return
        if len(line) > LONGEST_LINE:
            raise InvalidExport(f"Line {number} is longer than {LONGEST_LINE:,} bytes.")
        if total > MOST_BYTES:
            raise InvalidExport(f"Line {number}: more than {MOST_BYTES:,} bytes; split the file by people.")
        yield line


def _unit_vector(text: str, dimensions: int) -> tuple[float, ...]:
    try:
        data = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise ValueError("`embedding` is not valid base64") from None
    if len(data) != 4 * dimensions:
        raise ValueError(f"`embedding` has {len(data)} bytes; the model's have {dimensions} float32, {4 * dimensions}")
    values = array("f", data)
    if sys.byteorder == "big":
        values.byteswap()
    length = math.sqrt(math.fsum(value * value for value in values))
    if not math.isfinite(length) or abs(length - 1) > UNIT:
        raise ValueError("`embedding` is not of unit length")
    return tuple(values)
