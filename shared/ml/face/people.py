"""Photos of people, a folder per person: from a directory or from a ZIP file of one.

    collection/
        Ada Lovelace/1.jpg
        Ada Lovelace/2.png
        Zoë/holiday.webp

Nothing is decoded here, and nothing of an archive ever reaches a disk: an entry is unpacked into memory when
its photo is read, and never beyond the limit of bytes, whatever the archive says about its size.
"""

import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from shared.errors import EmptyImage, ImageTooLarge, InvalidArchive, LikenessError

_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp"})
_LOOSE = "lies beside the people's folders: put it into the folder of its person"
_DEEPER = "lies deeper than a person's folder: move it up"
_NO_PHOTO = "is not a JPEG, PNG or WebP file by its name"
_NO_FILE = "is neither a file nor a folder"
_TWICE = "is in the archive twice: the first one is used"


@dataclass(frozen=True)
class FileProblem:
    """A file that was left out, and why, in one line."""

    file: str
    reason: str


@dataclass(frozen=True)
class Photo:
    """One photo of one person. `name` is `person/file`, as the reports name it."""

    person: str
    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class PhotoCollection:
    """What was found: photos in the order of their names, and the files that are none."""

    photos: tuple[Photo, ...]
    problems: tuple[FileProblem, ...]


@dataclass(frozen=True)
class ArchiveLimits:
    """What an uploaded ZIP file may unpack to; bytes."""

    max_entries: int = 50_000
    max_entry_bytes: int = 12 * 2**20
    max_total_bytes: int = 4 * 2**30


_Named = tuple[tuple[str, ...], Callable[[], bytes]]


def read_folder(root: Path, *, max_bytes: int = ArchiveLimits.max_entry_bytes) -> PhotoCollection:
    """The photos in the folders of a directory. Hidden files are passed over; files are read later, one by one.

    Raises:
        InvalidArchive: it is no directory, or may not be read.
    """

    def reader(path: Path) -> Callable[[], bytes]:
        def read() -> bytes:
            with path.open("rb") as file:
                return _bounded(file, max_bytes)

        return read

    try:
        entries = [entry for top in root.iterdir() for entry in (top.iterdir() if top.is_dir() else (top,))]
    except OSError as error:
        reason = f"{root} cannot be read ({error.strerror}): name a directory that holds a folder per person."
        raise InvalidArchive(reason) from None
    special = [path for path in entries if not path.is_file()]  # also links that lead nowhere
    files = ((path.relative_to(root).parts, reader(path)) for path in entries if path.is_file())
    found = _collect(files)
    problems = [
        FileProblem(_name(path.relative_to(root).parts), _DEEPER if path.is_dir() else _NO_FILE)
        for path in special
        if not _hidden(path.relative_to(root).parts)
    ]
    return PhotoCollection(found.photos, tuple(sorted((*found.problems, *problems), key=lambda problem: problem.file)))


def read_zip(file: BinaryIO, limits: ArchiveLimits | None = None) -> PhotoCollection:
    """The photos in a ZIP file, which must stay open while they are read; any number of threads may read.

    One folder around all people's folders, as many programs pack it, is looked through.

    Raises:
        InvalidArchive: not a ZIP file, damaged, encrypted, or over a limit.
    """
    limits = limits or ArchiveLimits()
    try:
        archive = zipfile.ZipFile(file)
        entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise InvalidArchive(f"The file is not a ZIP archive that can be read ({error}).") from None
    _check(entries, limits)

    def reader(entry: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                with archive.open(entry) as packed:
                    return _bounded(packed, limits.max_entry_bytes)
            except LikenessError:
                raise
            except Exception as error:  # noqa: BLE001 - decompressors raise many types on damaged data
                raise InvalidArchive(f"The entry cannot be unpacked ({type(error).__name__}).") from None

        return read

    named = [(_parts(entry), reader(entry)) for entry in entries if not stat.S_ISLNK(entry.external_attr >> 16)]
    return _collect(iter(_unwrapped(named)))


def _check(entries: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    """By the sizes that the archive declares; zipfile unpacks no entry beyond its own."""
    if len(entries) > limits.max_entries:
        raise InvalidArchive(f"The archive has {len(entries):,} files; at most {limits.max_entries:,} are accepted.")
    total = sum(entry.file_size for entry in entries)
    if total > limits.max_total_bytes:
        raise InvalidArchive(
            f"The archive unpacks to {total:,} bytes; at most {limits.max_total_bytes:,} are accepted."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidArchive("The archive is encrypted: send one without a password.")


def _parts(entry: zipfile.ZipInfo) -> tuple[str, ...]:
    """Of its name, which is only ever a name here: a root, a drive or ".." in it lead nowhere."""
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    return tuple(part for part in parts if part not in ("/", ".."))


def _unwrapped(named: list[_Named]) -> list[_Named]:
    visible = [parts for parts, _ in named if not _hidden(parts)]
    if len({parts[:1] for parts in visible}) == 1 and any(len(parts) == 3 for parts in visible):
        return [(parts[1:], read) for parts, read in named if not _hidden(parts)]
    return named


def _collect(files: Iterator[_Named]) -> PhotoCollection:
    photos: dict[str, Photo] = {}
    problems = []
    for parts, read in sorted(files, key=lambda named: named[0]):
        if not parts or _hidden(parts):
            continue
        name = _name(parts)
        if reason := _unfit(parts) or (_TWICE if name in photos else None):
            problems.append(FileProblem(name, reason))
        else:
            photos[name] = Photo(_name(parts[:1]), name, read)
    return PhotoCollection(tuple(photos.values()), tuple(problems))


def _unfit(parts: tuple[str, ...]) -> str | None:
    if PurePosixPath(parts[-1]).suffix.lower() not in _SUFFIXES:
        return _NO_PHOTO
    if len(parts) == 2:
        return None
    return _LOOSE if len(parts) == 1 else _DEEPER


def _hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in parts)


def _name(parts: tuple[str, ...]) -> str:
    """In one line, and in characters that any report can hold: others, and bytes that are no text, as escapes."""
    text = "/".join(parts)
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _Readable(Protocol):
    def read(self, n: int, /) -> bytes: ...


def _bounded(file: _Readable, max_bytes: int) -> bytes:
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageTooLarge(f"The file has more than {max_bytes:,} bytes.")
    if not data:
        raise EmptyImage("The file is empty.")
    return data
