"""Files in a ZIP file or in a folder: which are there, which are left out and why, how each is read in its turn.

Nothing of an archive ever reaches a disk: an entry is unpacked into memory when it is read, and never beyond the size
that the archive declares for it. It is read piece by piece, since `ZipFile.read` unpacks all of a bomb before it cuts.
"""

import os
import stat
import zipfile
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from zlib import crc32

from shared.errors import (
    CorruptImage,
    EmptyImage,
    ImageTooLarge,
    InvalidArchive,
    InvalidImage,
    LikenessError,
    UnsupportedImage,
)
from shared.file_names import (
    HIDDEN,
    NO_PHOTO,
    Parts,
    is_picture,
    joined,
    parts_of,
    shown_name,
    tells_nothing,
    why_left_out,
)
from shared.images.formats import HEAD_BYTES, identify

METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
DIRECTORY_BYTES = 200  # of an entry: 46, its name, its times; most have fewer
UTF_8 = 0x800  # of an entry's flags: its name is UTF-8
UNICODE_PATH = 0x7075  # of an entry's extra fields: its name in UTF-8, beside one in some code page
DOS_FOLDER = 0x10

TWICE = "has the name of a file before it: give each a name of its own"
NAMELESS = "has no name"
LINK = "is a link: put the file itself there"
SPECIAL = "is neither a file nor a folder"
ENCRYPTED = "is encrypted: pack it without a password"
EMPTY_FOLDER = "is an empty folder"
LOOP = "is a link to a folder that it lies in"
NOWHERE = "is a link that leads nowhere"

Read = Callable[[], bytes]
"""Raises InvalidImage: why this file cannot be used. One on a disk raises OSError as well."""

Judge = Callable[[Parts], str | None]
"""Why a file is left out, by its name; None when it is wanted."""


@dataclass(frozen=True)
class FileProblem:
    """A file that was left out, and why, in words that follow its name."""

    file: str
    reason: str


@dataclass(frozen=True)
class NamedFile:
    """`parts` are as they were written, `name` is what it is found by; one in a folder has a `path`."""

    parts: Parts
    read: Read
    path: Path | None = None

    @property
    def name(self) -> str:
        return joined(self.parts)

    @property
    def shown(self) -> str:
        return shown_name(self.parts)


@dataclass(frozen=True)
class Contents:
    """Every file is in one of the two, in the order that they were found; those left out are `sorted_out`."""

    files: tuple[NamedFile, ...]
    left_out: tuple[FileProblem, ...]


@dataclass(frozen=True)
class ArchiveLimits:
    """What an uploaded ZIP file may unpack to; bytes."""

    max_entries: int = 50_000
    max_entry_bytes: int = 24 * 2**20
    max_total_bytes: int = 4 * 2**30


@dataclass(frozen=True)
class _Found:
    """`problem` says why it cannot be read, whatever its name."""

    parts: Parts
    problem: str | None
    read: Read
    head: Read  # its first bytes
    size: int = 0
    path: Path | None = None


def zip_contents(file: BinaryIO, limits: ArchiveLimits | None = None, *, judge: Judge = why_left_out) -> Contents:
    """What is in a ZIP file, which must stay open while its files are read; any number of threads may read.

    Raises:
        InvalidArchive: not a ZIP file, damaged, encrypted, or over a limit.
    """
    limits = limits or ArchiveLimits()
    archive = open_zip(file, limits.max_entries)
    named = [(parts_of(name := _name_of(entry)), _is_folder(name, entry), entry) for entry in archive.infolist()]
    found = [
        _Found(
            parts,
            _unreadable(entry),
            read=partial(_unpack, archive, entry, limits.max_entry_bytes),
            head=partial(_unpack_head, archive, entry),
            size=entry.file_size,
        )
        for parts, is_folder, entry in named
        if not is_folder
    ]
    wanted, left_out = _judged(found, judge)
    _check(wanted, limits)
    if not wanted and any(problem.reason == ENCRYPTED for problem in left_out):
        raise InvalidArchive("The archive is encrypted: send one without a password.")
    empty = _empty((parts for parts, is_folder, _ in named if is_folder), [one.parts for one in found])
    return _contents(wanted, left_out, empty)


def folder_contents(root: Path, max_bytes: int, *, judge: Judge = why_left_out) -> Contents:
    """What is in a folder and the folders below it, also behind links; files are read later, one by one.

    Raises:
        InvalidArchive: it is no folder, or may not be read.
    """
    found: list[_Found] = []
    folders: list[FileProblem] = []

    def unreadable(error: OSError) -> None:
        if error.filename == str(root):
            raise InvalidArchive(f"{root} cannot be read ({error.strerror}): name a folder of photos.")
        folders.append(_folder(_below(root, Path(error.filename)), f"cannot be read ({error.strerror})"))

    for name, below, files in os.walk(root, onerror=unreadable, followlinks=True):
        here = Path(name)
        loops = {one for one in below if _leads_back(root, here / one)}
        folders += (_folder(_below(root, here / one), LOOP) for one in sorted(loops))
        if here != root and not below and not files:
            folders.append(_folder(_below(root, here), EMPTY_FOLDER))
        below[:] = sorted(set(below) - loops)
        paths = [here / one for one in sorted(files)]
        found += (
            _Found(
                _below(root, path),
                _special(path),
                partial(read_file, path, max_bytes),
                partial(_read_head, path),
                path=path,
            )
            for path in paths
        )
    return _contents(*_judged(found, judge), folders)


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


def _judged(found: Iterable[_Found], judge: Judge) -> tuple[list[_Found], list[FileProblem]]:
    wanted: dict[str, _Found] = {}
    left_out = []
    for one in found:
        name = joined(one.parts)
        reason = judge(one.parts) if name else NAMELESS
        if reason == NO_PHOTO and tells_nothing(one.parts) and _holds_photo(one):
            reason = None
        if reason := reason or one.problem or (TWICE if name in wanted else None):
            left_out.append(FileProblem(shown_name(one.parts), reason))
        else:
            wanted[name] = one
    return list(wanted.values()), left_out


def _holds_photo(one: _Found) -> bool:
    try:
        return one.problem is None and identify(one.head()) is not None
    except (InvalidImage, OSError):
        return False


def _contents(wanted: Iterable[_Found], left_out: Iterable[FileProblem], folders: Iterable[FileProblem]) -> Contents:
    files = tuple(NamedFile(one.parts, one.read, one.path) for one in wanted)
    return Contents(files, tuple(sorted_out((*left_out, *folders))))


def sorted_out(left_out: Iterable[FileProblem]) -> list[FileProblem]:
    """Pictures first, since somebody may miss them; hidden files last."""
    return sorted(left_out, key=lambda one: (one.reason == HIDDEN, not is_picture(parts_of(one.file))))


def _empty(folders: Iterable[Parts], files: Sequence[Parts]) -> list[FileProblem]:
    """The folders that no file lies in. A name may have thousands of parts: no set of all its beginnings is made."""
    paths = sorted("/".join(parts) for parts in files)

    def is_empty(folder: str) -> bool:
        place = bisect(paths, folder)
        return place == len(paths) or not paths[place].startswith(folder)

    return [_folder(parts, EMPTY_FOLDER) for parts in folders if parts and is_empty("/".join((*parts, "")))]


def _folder(parts: Parts, reason: str) -> FileProblem:
    return FileProblem(f"{shown_name(parts)}/", reason)


def _check(wanted: list[_Found], limits: ArchiveLimits) -> None:
    """By the sizes that the archive declares; nothing is unpacked beyond its own."""
    if len(wanted) > limits.max_entries:
        raise InvalidArchive(f"The archive has {len(wanted):,} files; at most {limits.max_entries:,} are accepted.")
    total = sum(one.size for one in wanted)
    if total > limits.max_total_bytes:
        raise InvalidArchive(
            f"The archive unpacks to {total:,} bytes; at most {limits.max_total_bytes:,} are accepted."
        )


def _name_of(entry: zipfile.ZipInfo) -> str:
    """As its archiver meant it: many write UTF-8 and do not say so, where zipfile reads the code page of early PCs."""
    if entry.flag_bits & UTF_8:
        return entry.filename
    raw = entry.filename.encode("cp437")
    try:
        return (_unicode_path(entry, raw) or raw).decode()
    except UnicodeDecodeError:
        return entry.filename


def _unicode_path(entry: zipfile.ZipInfo, raw: bytes) -> bytes | None:
    """Of the extra field that holds it, unless another program has renamed the entry since."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        content, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == UNICODE_PATH and content[:1] == b"\1" and content[1:5] == crc32(raw).to_bytes(4, "little"):
            return content[5:]
    return None


def _is_folder(name: str, entry: zipfile.ZipInfo) -> bool:
    return name.endswith(("/", "\\")) or bool(entry.external_attr & DOS_FOLDER and not entry.file_size)


def _unreadable(entry: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return LINK
    if kind not in {0, stat.S_IFREG}:
        return SPECIAL
    return ENCRYPTED if entry.flag_bits & 1 else None


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    if (size := max(entry.file_size, entry.compress_size)) > most:
        raise ImageTooLarge(f"The file has {size:,} bytes; at most {most:,} are accepted.")
    if entry.compress_type not in METHODS:
        raise UnsupportedImage("It is packed in a way that is not supported: store or deflate it.")
    with _unpacking(), archive.open(entry) as packed:
        return _some(packed.read(entry.file_size + 1))  # beyond its end, where the checksum is compared


def _unpack_head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with _unpacking(), archive.open(entry) as packed:
        return packed.read(HEAD_BYTES)


@contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except LikenessError:  # also of the object store that the archive lies in
        raise
    except Exception as error:  # noqa: BLE001 - decompressors raise many types on damaged data
        raise CorruptImage(f"The archive's entry cannot be unpacked ({type(error).__name__}).") from None


def _leads_back(root: Path, folder: Path) -> bool:
    """Whether it is a link to a folder that it lies in, on the way from the root."""
    if not folder.is_symlink():
        return False
    around = [root, *(root / one for one in folder.relative_to(root).parents)]
    return folder.resolve() in {one.resolve() for one in around}


def _below(root: Path, path: Path) -> Parts:
    return parts_of(str(path.relative_to(root)))


def _special(path: Path) -> str | None:
    if path.is_file():
        return None
    return NOWHERE if path.is_symlink() and not path.exists() else SPECIAL


def _read_head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def read_file(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        return read_bounded(file, max_bytes)


class _Readable(Protocol):
    def read(self, n: int, /) -> bytes: ...


def read_bounded(file: _Readable, max_bytes: int) -> bytes:
    data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise ImageTooLarge(f"The file has more than {max_bytes:,} bytes.")
    return _some(data)


def _some(data: bytes) -> bytes:
    if not data:
        raise EmptyImage("The file is empty.")
    return data
