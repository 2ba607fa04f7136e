"""What is sent with a batch: pictures, a ZIP of pictures, a manifest that says which to paint and how.

Names of files are names and nothing else here: no path is ever made of one, and nothing of an archive reaches a
disk. A member is unpacked into memory when it is read, never beyond the size that the archive declares for it.
"""

import io
import json
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import Any, Self

from pydantic import Field, model_validator

from gateway.bodies import AnyIds, Body, parse_json, read_json
from gateway.errors import MalformedBody
from gateway.style_options import StyleOptions
from shared.errors import CorruptImage, ImageTooLarge, InvalidArchive, InvalidField, InvalidInput, UnsupportedImage
from shared.schemas import Id
from shared.settings import LimitSettings

NAME_LENGTH = 255
ID_LENGTH = 56  # leaves room for the number that tells equal names apart
ENTRY_MARK = b"PK\x01\x02"  # begins every entry of a ZIP's directory
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
LITTER = re.compile(r"(^|/)(__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)")

Read = Callable[[], bytes]


class StoredImage(Body):
    """A picture that is in the object store already."""

    job: Id | None = Field(None, description="a stylisation of yours: the picture that it made")
    key: str | None = Field(None, description="an object below inbox/{tenant}/; at most 1,024 bytes")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.job is None) == (self.key is None):
            raise InvalidField('`image` must be a file name, {"job": "..."} or {"key": "..."}.')
        return self


class ManifestLine(StyleOptions):
    """One picture to paint; options that it does not name are the batch's."""

    custom_id: Id
    image: str | StoredImage = Field(description="name of a file that is sent, or a picture that is stored")
    style_id: AnyIds = Field((), description="instead of the batch's style")


@dataclass(frozen=True)
class Wanted:
    """`line` is None where nothing but the file was sent; `number` is that of the line, from 1."""

    custom_id: str
    image: str | StoredImage
    line: ManifestLine | None = None
    number: int = 0

    @property
    def place(self) -> str:
        """Where a manifest asks for it."""
        return _place(self.number)


def files_of(images: Sequence[tuple[str, bytes]], archive: bytes | None, limits: LimitSettings) -> dict[str, Read]:
    """Every picture that is sent, by its name: files first, then the members of the ZIP.

    Raises:
        InvalidArchive: it is no ZIP, encrypted, or over a limit.
        InvalidField: two have one name, or there are too many.
    """
    found: list[tuple[str, Read]] = [(_clean(name), _giver(data)) for name, data in images]
    if archive is not None:
        found += _members(archive, limits)
    names = Counter(name for name, _ in found)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InvalidField(f"Two files are named {twice[0]!r}: give each a name of its own.")
    if len(found) > limits.batch_items:
        raise InvalidField(f"There are {len(found):,} pictures; a batch takes at most {limits.batch_items:,}.")
    return dict(found)


def wanted_of(names: Iterable[str]) -> list[Wanted]:
    """Every file, under an id made of its name."""
    taken: dict[str, int] = {}
    return [Wanted(_id_of(name, taken), name) for name in names]


def read_manifest(data: bytes, given: Mapping[str, Any], limits: LimitSettings) -> list[Wanted]:
    """The lines of a manifest, each completed by the batch's own options.

    Args:
        data: JSON lines.
        given: the options that were sent with the batch, as JSON has them.
        limits: how many lines there may be.

    Raises:
        InvalidField, MalformedBody, InvalidId: naming the line.
    """
    lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    if not 1 <= len(lines) <= limits.batch_items:
        raise InvalidField(f"`manifest` has {len(lines):,} lines; it must have from 1 to {limits.batch_items:,}.")
    found: dict[str, Wanted] = {}
    for number, text in lines:
        try:
            line = _read_line(text, given)
        except InvalidInput as error:
            raise type(error)(f"{_place(number)}: {error}") from None
        if line.custom_id in found:
            raise InvalidField(f"{_place(number)}: the custom_id {line.custom_id!r} is there twice.")
        image = _clean(line.image) if isinstance(line.image, str) else line.image
        found[line.custom_id] = Wanted(line.custom_id, image, line, number)
    return list(found.values())


def _read_line(text: bytes, given: Mapping[str, Any]) -> ManifestLine:
    try:
        sent = parse_json(text)
        if not isinstance(sent, dict):
            raise InvalidField("It must be a JSON object with `custom_id` and `image`.")
        return read_json(ManifestLine, json.dumps({**given, **sent}).encode())
    except MalformedBody:
        raise MalformedBody("It is not valid JSON.") from None


def _place(number: int) -> str:
    return f"Line {number} of `manifest`"


def _giver(data: bytes) -> Read:
    return lambda: data


def _members(data: bytes, limits: LimitSettings) -> list[tuple[str, Read]]:
    if data.count(ENTRY_MARK) > 2 * limits.batch_items + 100:  # before millions of them become objects
        raise InvalidArchive(
            f"The archive has too many entries; a batch takes at most {limits.batch_items:,} pictures."
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise InvalidArchive(f"`archive` is not a ZIP file that can be read ({error}).") from None
    entries = [entry for entry in archive.infolist() if not _is_litter(entry)]
    total = sum(entry.file_size for entry in entries)
    if total > limits.batch_bytes:
        raise InvalidArchive(f"The archive unpacks to {total:,} bytes; at most {limits.batch_bytes:,} are accepted.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidArchive("The archive is encrypted: send one without a password.")
    return [(_clean(entry.filename), _reader(archive, entry, limits.image_bytes)) for entry in entries]


def _is_litter(entry: zipfile.ZipInfo) -> bool:
    """Folders, links, and what file managers leave behind."""
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return entry.is_dir() or is_link or LITTER.search(entry.filename) is not None


def _reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> Read:
    def read() -> bytes:
        if entry.file_size > most:
            raise ImageTooLarge(f"The image has {entry.file_size:,} bytes; at most {most:,} are accepted.")
        if entry.compress_type not in METHODS:
            raise UnsupportedImage("It is packed in a way that is not supported: store or deflate it.")
        try:
            return archive.read(entry)
        except Exception as error:  # noqa: BLE001 - decompressors raise many types on damaged data
            raise CorruptImage(f"The archive's entry cannot be unpacked ({type(error).__name__}).") from None

    return read


def _clean(name: str) -> str:
    """A name to show and to be found by: no root, no "..", no control characters."""
    parts = (part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in {"/", ".."})
    printable = "".join(letter for letter in "/".join(parts) if letter.isprintable())
    return printable[-NAME_LENGTH:] or "image"


def untaken(base: str, taken: dict[str, int]) -> str:
    """`base`, or `base-2`, `base-3`, ...: the first that differs from those taken, not in case only; it is taken then.

    `taken` has the number to try next for each, so that thousands of one name take no longer than others.
    """
    folded = base.casefold()
    for number in count(taken.get(folded, 1)):
        found = base if number == 1 else f"{base}-{number}"
        if found.casefold() not in taken:
            break
    taken[found.casefold()] = 2
    taken[folded] = number + 1
    return found


def _id_of(name: str, taken: dict[str, int]) -> str:
    """An id made of a file's name, different from those that are taken."""
    stem = str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).name else name
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:ID_LENGTH] or "image"
    return untaken(base, taken)
