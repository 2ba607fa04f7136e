"""The files that are sent with a batch, by their names, each read when its turn comes.

Names of files are names and nothing else here: no path is ever made of one, and nothing of an archive reaches a
disk. A member is unpacked into memory when it is read, never beyond the size that the archive declares for it:
it is read piece by piece, since `ZipFile.read` unpacks all of a bomb before it cuts it off.
"""

import re
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import PurePosixPath
from typing import BinaryIO

from shared.archives import open_zip
from shared.errors import (
    CorruptImage,
    ImageTooLarge,
    InvalidArchive,
    InvalidField,
    LikenessError,
    UnsupportedImage,
)
from shared.settings import LimitSettings

NAME_LENGTH = 255
ID_LENGTH = 56  # leaves room for the number that tells equal names apart
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
LITTER = re.compile(r"(^|/)(__MACOSX/|\.|Thumbs\.db$|desktop\.ini$)")

Read = Callable[[], bytes]


def files_of(
    images: Sequence[tuple[str, bytes]], archive: BinaryIO | None, limits: LimitSettings, *, most: int | None = None
) -> dict[str, Read]:
    """Every picture that is sent, by its name: files first, then the members of the ZIP, which stays open for them.

    Args:
        images: names and contents.
        archive: a ZIP.
        limits: how many pictures there may be, and how large each.
        most: bytes that the ZIP may hold; as many as a batch's body where nothing else is said.

    Raises:
        InvalidArchive: it is no ZIP, encrypted, or over a limit.
        InvalidField: two have one name, or there are too many.
    """
    found: list[tuple[str, Read]] = [(clean_name(name), _giver(data)) for name, data in images]
    if archive is not None:
        found += _members(archive, limits, most or limits.batch_bytes)
    names = Counter(name for name, _ in found)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InvalidField(f"Two files are named {twice[0]!r}: give each a name of its own.")
    if len(found) > limits.batch_items:
        raise InvalidField(f"There are {len(found):,} pictures; a batch takes at most {limits.batch_items:,}.")
    return dict(found)


def _giver(data: bytes) -> Read:
    return lambda: data


def _members(file: BinaryIO, limits: LimitSettings, most: int) -> list[tuple[str, Read]]:
    archive = open_zip(file, 2 * limits.batch_items + 100)  # folders and litter are entries too
    entries = [entry for entry in archive.infolist() if not _is_litter(entry)]
    total = sum(entry.file_size for entry in entries)
    if total > most:
        raise InvalidArchive(f"The archive unpacks to {total:,} bytes; at most {most:,} are accepted.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise InvalidArchive("The archive is encrypted: send one without a password.")
    return [(clean_name(entry.filename), _reader(archive, entry, limits.image_bytes)) for entry in entries]


def _is_litter(entry: zipfile.ZipInfo) -> bool:
    """Folders, links, what has no name, and what file managers leave behind."""
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return not entry.filename or entry.is_dir() or is_link or LITTER.search(entry.filename) is not None


def _reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> Read:
    def read() -> bytes:
        if (size := max(entry.file_size, entry.compress_size)) > most:
            raise ImageTooLarge(f"The image has {size:,} bytes; at most {most:,} are accepted.")
        if entry.compress_type not in METHODS:
            raise UnsupportedImage("It is packed in a way that is not supported: store or deflate it.")
        try:
            with archive.open(entry) as packed:
                return packed.read(entry.file_size + 1)  # beyond its end, where the checksum is compared
        except LikenessError:  # of the object store that the archive lies in
            raise
        except Exception as error:  # noqa: BLE001 - decompressors raise many types on damaged data
            raise CorruptImage(f"The archive's entry cannot be unpacked ({type(error).__name__}).") from None

    return read


def clean_name(name: str) -> str:
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


def id_of(name: str, taken: dict[str, int]) -> str:
    """An id made of a file's name, different from those that are taken."""
    stem = str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).name else name
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("._-")[:ID_LENGTH] or "image"
    return untaken(base, taken)
