"""Files of photos in a folder or in a ZIP file: which are there, and how each is read when its turn comes.

Nothing of an archive ever reaches a disk: an entry is unpacked into memory when it is read, and never beyond the limit
of bytes, whatever the archive says about its size.
"""

import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol, cast

from shared.errors import EmptyImage, ImageTooLarge, InvalidArchive, LikenessError
from shared.images.formats import ACCEPTED, SUFFIXES

PHOTO_SUFFIXES = SUFFIXES
NO_PHOTO = f"is not a {ACCEPTED} file by its name"
TWICE = "is in the archive twice: the first one is used"


@dataclass(frozen=True)
class FileProblem:
    """A file that was left out, and why, in one line."""

    file: str
    reason: str


@dataclass(frozen=True)
class ArchiveLimits:
    """What an uploaded ZIP file may unpack to; bytes."""

    max_entries: int = 50_000
    max_entry_bytes: int = 12 * 2**20
    max_total_bytes: int = 4 * 2**30


DIRECTORY_BYTES = 200  # of an entry: 46, its name, its times; most have fewer

NamedFile = tuple[tuple[str, ...], Callable[[], bytes]]  # the parts of its path, and how it is read


def zip_entries(file: BinaryIO, limits: ArchiveLimits | None = None) -> list[NamedFile]:
    """The files in a ZIP file, which must stay open while they are read; any number of threads may read.

    Raises:
        InvalidArchive: not a ZIP file, damaged, encrypted, or over a limit.
    """
    limits = limits or ArchiveLimits()
    archive = open_zip(file, limits.max_entries)
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    _check(entries, limits)

    def reader(entry: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                with archive.open(entry) as packed:
                    return read_bounded(packed, limits.max_entry_bytes)
            except LikenessError:
                raise
            except Exception as error:  # noqa: BLE001 - decompressors raise many types on damaged data
                raise InvalidArchive(f"The entry cannot be unpacked ({type(error).__name__}).") from None

        return read

    return [(_parts(entry), reader(entry)) for entry in entries if not stat.S_ISLNK(entry.external_attr >> 16)]


def open_zip(file: BinaryIO, max_entries: int) -> zipfile.ZipFile:
    """A ZIP file; `max_entries` is about how many entries its directory may be long enough for.

    Raises:
        InvalidArchive: not a ZIP file, damaged, or of too many entries.
    """
    careful = _Careful(file, max_entries * DIRECTORY_BYTES)
    try:
        archive = zipfile.ZipFile(cast("BinaryIO", careful))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        raise InvalidArchive(f"The file is not a ZIP archive that can be read ({error}).") from None
    careful.most = None
    return archive


class _Careful:
    """What zipfile uses of a file. It makes an object of each entry: a directory of millions is not even read."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.most: int | None = most
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if self.most is not None and size > self.most:
            raise InvalidArchive("The archive has too many entries: send it in several parts.")
        return self._file.read(size)


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


def is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in parts)


def shown_name(parts: tuple[str, ...]) -> str:
    """In one line, and in characters that any report can hold: others, and bytes that are no text, as escapes."""
    text = "/".join(parts)
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _Readable(Protocol):
    def read(self, n: int, /) -> bytes: ...


def read_bounded(file: _Readable, max_bytes: int) -> bytes:
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageTooLarge(f"The file has more than {max_bytes:,} bytes.")
    if not data:
        raise EmptyImage("The file is empty.")
    return data
