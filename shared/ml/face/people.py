"""Photos of people, a folder per person: from a directory or from a ZIP file of one.

    collection/
        Ada Lovelace/1.jpg
        Ada Lovelace/2.png
        Zoë/photos/holiday.webp

Whose photo each is, is decided as for enrolments (shared/faces/folders.py). Nothing is decoded here, and nothing of an
archive ever reaches a disk (shared/archives.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.archives import ArchiveLimits, Contents, FileProblem, folder_contents, sorted_out, zip_contents
from shared.faces.folders import Unclear, people_of
from shared.file_names import shown_name

__all__ = ["ArchiveLimits", "FileProblem", "Photo", "PhotoCollection", "read_folder", "read_zip"]


@dataclass(frozen=True)
class Photo:
    """One photo of one person. `name` is its path, as the reports name it."""

    person: str
    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class PhotoCollection:
    """What was found, in the order of the names: photos, and the files that are left out, hidden ones last."""

    photos: tuple[Photo, ...]
    problems: tuple[FileProblem, ...]


def read_folder(root: Path, *, max_bytes: int = ArchiveLimits.max_entry_bytes) -> PhotoCollection:
    """The photos in a directory and the folders below it; files are read later, one by one.

    Raises:
        InvalidArchive: it is no directory, or may not be read.
    """
    return _collection(folder_contents(root, max_bytes))


def read_zip(file: BinaryIO, limits: ArchiveLimits | None = None) -> PhotoCollection:
    """The photos in a ZIP file, which must stay open while they are read; any number of threads may read.

    Raises:
        InvalidArchive: not a ZIP file, damaged, encrypted, or over a limit.
    """
    return _collection(zip_contents(file, limits))


def _collection(found: Contents) -> PhotoCollection:
    photos, problems = [], list(found.left_out)
    for file, person in zip(found.files, people_of([file.parts for file in found.files]), strict=True):
        name = shown_name(file.parts)
        match person:
            case Unclear(reason=reason):
                problems.append(FileProblem(name, reason))
            case _:
                photos.append(Photo(shown_name((person,)), name, file.read))
    problems.sort(key=lambda problem: problem.file)
    return PhotoCollection(tuple(sorted(photos, key=lambda photo: photo.name)), tuple(sorted_out(problems)))
