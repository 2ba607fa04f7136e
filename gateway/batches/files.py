"""The files that are sent with a batch, by their names, each read when its turn comes; and those that are left out."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from typing import BinaryIO, NoReturn

from shared.archives import ArchiveLimits, FileProblem, NamedFile, Read, sorted_out, zip_contents
from shared.errors import InvalidField, UnsupportedImage
from shared.file_names import count_left_out, joined, parts_of, why_left_out
from shared.settings import LimitSettings

ID_LENGTH = 56  # leaves room for the number that tells equal names apart
NOT_NAMED = "is named by no line of `manifest`"


@dataclass(frozen=True)
class SentFiles:
    """Every file that was sent is in one of the two."""

    files: tuple[NamedFile, ...]
    left_out: tuple[FileProblem, ...] = ()

    @property
    def readers(self) -> dict[str, Read]:
        """By name; reading one that was left out says why it was."""
        refused = {problem.file: _refuser(problem) for problem in self.left_out}
        return refused | {file.name: file.read for file in self.files}

    def besides(self, names: Set[str]) -> list[FileProblem]:
        """Those that are left out where a manifest names these."""
        unnamed = [
            FileProblem(file.shown, why_left_out(file.parts) or NOT_NAMED)
            for file in self.files
            if file.name not in names
        ]
        told = set(names) - {file.name for file in self.files}  # an item says what is wrong with them
        others = []
        for problem in self.left_out:
            if problem.file in told:
                told.remove(problem.file)
            else:
                others.append(problem)
        return sorted_out([*unnamed, *others])


def files_of(
    images: Sequence[tuple[str, bytes]],
    archive: BinaryIO | None,
    limits: LimitSettings,
    *,
    most: int | None = None,
    by_manifest: bool = False,
) -> SentFiles:
    """Every picture that is sent: files first, then the members of the ZIP, which stays open for them.

    Args:
        images: names and contents.
        archive: a ZIP.
        limits: how many pictures there may be, and how large each.
        most: bytes that the ZIP may hold; as many as a batch's body where nothing else is said.
        by_manifest: a manifest says which they are; otherwise their names do.

    Raises:
        InvalidArchive: it is no ZIP, encrypted, or over a limit.
        InvalidField: two have one name, or there are too many.
    """
    found = [NamedFile(parts_of(name) or ("image",), _giver(data)) for name, data in images]
    left_out: tuple[FileProblem, ...] = ()
    if archive is not None:
        # folders and litter are entries too
        inside = ArchiveLimits(2 * limits.batch_items + 100, limits.image_bytes, most or limits.batch_bytes)
        contents = zip_contents(archive, inside, judge=_anything if by_manifest else why_left_out)
        found += contents.files
        left_out = contents.left_out
    names = Counter(file.name for file in found)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InvalidField(f"Two files are named {twice[0]!r}: give each a name of its own.")
    if len(found) > limits.batch_items and not by_manifest:  # whose lines are counted
        raise InvalidField(f"There are {len(found):,} pictures; a batch takes at most {limits.batch_items:,}.")
    return SentFiles(tuple(found), left_out)


def clean_name(name: str) -> str:
    """By which a file that was sent is found."""
    return joined(parts_of(name)) or "image"


def nothing_in(problems: Sequence[FileProblem], kind: str) -> InvalidField:
    """That an archive holds none of that kind, and what was found instead."""
    if not problems:
        return InvalidField(f"There is no {kind} in the archive.")
    told = f"{count_left_out(len(problems))}: {problems[0].file} {problems[0].reason}."
    return InvalidField(f"There is no {kind} in the archive. {told}")


def _anything(_: object) -> None:
    return None


def _giver(data: bytes) -> Read:
    return lambda: data


def _refuser(problem: FileProblem) -> Callable[[], NoReturn]:
    def read() -> NoReturn:
        raise UnsupportedImage(f"The file {problem.reason}.")

    return read


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
    plain = "".join(one for one in unicodedata.normalize("NFKD", stem_of(name)) if not unicodedata.combining(one))
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("._-")
    if len(base) > ID_LENGTH:  # names differ at their ends
        tail = base[-ID_LENGTH:]
        base = (tail.partition("-")[2] or tail).lstrip("._-")
    return untaken(base or "image", taken)


def stem_of(name: str) -> str:
    """A file's path without its suffix."""
    return str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).name else name
