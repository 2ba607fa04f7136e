"""Photos of people, a folder per person: from a directory or from a ZIP file of one.

    collection/
        Ada Lovelace/1.jpg
        Ada Lovelace/2.png
        Zoë/holiday.webp

Nothing is decoded here, and nothing of an archive ever reaches a disk (shared/archives.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from shared.archives import (
    NO_PHOTO,
    PHOTO_SUFFIXES,
    TWICE,
    ArchiveLimits,
    FileProblem,
    NamedFile,
    is_hidden,
    read_bounded,
    shown_name,
    zip_entries,
)
from shared.errors import InvalidArchive

__all__ = ["ArchiveLimits", "FileProblem", "Photo", "PhotoCollection", "read_folder", "read_zip"]

_LOOSE = "lies beside the people's folders: put it into the folder of its person"
_DEEPER = "lies deeper than a person's folder: move it up"
_NO_FILE = "is neither a file nor a folder"


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


def read_folder(root: Path, *, max_bytes: int = ArchiveLimits.max_entry_bytes) -> PhotoCollection:
    """The photos in the folders of a directory. Hidden files are passed over; files are read later, one by one.

    Raises:
        InvalidArchive: it is no directory, or may not be read.
    """

    def reader(path: Path) -> Callable[[], bytes]:
        def read() -> bytes:
            with path.open("rb") as file:
                return read_bounded(file, max_bytes)

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
        FileProblem(shown_name(path.relative_to(root).parts), _DEEPER if path.is_dir() else _NO_FILE)
        for path in special
        if not is_hidden(path.relative_to(root).parts)
    ]
    return PhotoCollection(found.photos, tuple(sorted((*found.problems, *problems), key=lambda problem: problem.file)))


def read_zip(file: BinaryIO, limits: ArchiveLimits | None = None) -> PhotoCollection:
    """The photos in a ZIP file, which must stay open while they are read; any number of threads may read.

    One folder around all people's folders, as many programs pack it, is looked through.

    Raises:
        InvalidArchive: not a ZIP file, damaged, encrypted, or over a limit.
    """
    return _collect(iter(_unwrapped(zip_entries(file, limits))))


def _unwrapped(named: list[NamedFile]) -> list[NamedFile]:
    visible = [parts for parts, _ in named if not is_hidden(parts)]
    if len({parts[:1] for parts in visible}) == 1 and any(len(parts) == 3 for parts in visible):
        return [(parts[1:], read) for parts, read in named if not is_hidden(parts)]
    return named


def _collect(files: Iterator[NamedFile]) -> PhotoCollection:
    photos: dict[str, Photo] = {}
    problems = []
    for parts, read in sorted(files, key=lambda named: named[0]):
        if not parts or is_hidden(parts):
            continue
        name = shown_name(parts)
        if reason := _unfit(parts) or (TWICE if name in photos else None):
            problems.append(FileProblem(name, reason))
        else:
            photos[name] = Photo(shown_name(parts[:1]), name, read)
    return PhotoCollection(tuple(photos.values()), tuple(problems))


def _unfit(parts: tuple[str, ...]) -> str | None:
    if PurePosixPath(parts[-1]).suffix.lower() not in PHOTO_SUFFIXES:
        return NO_PHOTO
    if len(parts) == 2:
        return None
    return _LOOSE if len(parts) == 1 else _DEEPER
