"""Folders on their way to the system: which files are sent, and what is said of those that are left out."""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.client.commands import output
from gateway.client.style_documents import SkippedFile
from shared.archives import Contents, FileProblem, folder_contents
from shared.errors import InvalidField, InvalidImage
from shared.faces.folders import Unclear, people_of
from shared.file_names import HIDDEN, is_picture, parts_of

LARGEST = 2**29  # bytes of a file: how large a photo may be is the system's to say


@dataclass(frozen=True)
class PackedFolder:
    """A ZIP file of a folder's pictures, and the files of the folder that are not in it."""

    archive: Path
    left_out: Sequence[SkippedFile]


@contextmanager
def packed(folder: Path) -> Iterator[PackedFolder]:
    """A folder's pictures as a ZIP file, gone afterwards. Whose they are is for the system to say.

    Raises:
        InvalidArchive, InvalidField: there is no such folder, or no picture in it.
    """
    found = _pictures(folder)
    unread: list[FileProblem] = []
    with tempfile.TemporaryDirectory(prefix="likeness-") as scratch:
        path = Path(scratch) / "photos.zip"
        with zipfile.ZipFile(path, "w") as archive:  # photos are compressed already
            for file in found.files:
                try:
                    data = file.read()
                except (OSError, InvalidImage) as error:
                    unread.append(FileProblem(file.shown, f"cannot be read ({error})"))
                else:
                    archive.writestr("/".join(file.parts).encode(errors="replace").decode(), data)
        if len(unread) == len(found.files):
            raise _nothing(folder, unread)
        yield PackedFolder(path, skipped([*unread, *found.left_out]))


@dataclass(frozen=True)
class PersonPhoto:
    """A photo in a folder of people; `name` is its path there."""

    person: str
    name: str
    path: Path


def people_in(folder: Path) -> tuple[list[PersonPhoto], list[SkippedFile]]:
    """The photos of a folder of people, and the files that are left out; those whose person is not clear come first.

    Raises:
        InvalidArchive, InvalidField: there is no such folder, or no picture in it.
    """
    found = _pictures(folder)
    people = people_of([file.parts for file in found.files])
    photos, unclear = [], []
    for file, person in zip(found.files, people, strict=True):
        if isinstance(person, Unclear):
            unclear.append(FileProblem(file.shown, person.reason))
        elif file.path is not None:
            photos.append(PersonPhoto(person, file.shown, file.path))
    return photos, skipped([*unclear, *found.left_out])


def _pictures(folder: Path) -> Contents:
    found = folder_contents(folder, LARGEST)
    if not found.files:
        raise _nothing(folder, found.left_out)
    return found


def skipped(left_out: Iterable[FileProblem]) -> list[SkippedFile]:
    """As a batch lists them."""
    return [SkippedFile(name=problem.file, reason=problem.reason) for problem in left_out]


def lost_pictures(files: Iterable[SkippedFile]) -> bool:
    """Whether something that looks like a picture is among what was left out."""
    return any(is_picture(parts_of(file["name"])) and file["reason"] != HIDDEN for file in files)


def tell(files: Sequence[SkippedFile], count: int | None = None) -> None:
    """Name what was left out, on standard error; of hidden files how many there are, and of others behind those."""
    named = [file for file in files if file["reason"] != HIDDEN]
    for file in named:
        output.note(f"left out: {file['name']} {file['reason']}")
    if hidden := len(files) - len(named):
        output.note(f"left out: {hidden:,} hidden")
    if more := (count or 0) - len(files):
        output.note(f"left out: {more:,} more")


def _nothing(folder: Path, left_out: Sequence[FileProblem]) -> InvalidField:
    told = f" {left_out[0].file} {left_out[0].reason}." if left_out else ""
    return InvalidField(f"{folder} holds no photos that can be sent.{told}")
