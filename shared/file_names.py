"""Names of files as any system writes them: cleaned first, judged afterwards.

A name is only ever a name here: no path is made of it.
"""

import re
import unicodedata
from pathlib import PurePosixPath

from shared.images.formats import is_picture_name

LONGEST = 255
DRIVE = re.compile(r"^[A-Za-z]:(?=[\\/])")
KNOWN_SUFFIX = re.compile(r"\.[a-z]{1,5}|\.[a-z][a-z0-9]{1,3}")
LITTER = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"})

FILMS = frozenset({".3gp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm"})
ARCHIVES = frozenset({".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst"})

HIDDEN = "is hidden, or was left behind by a file manager"
NESTED = "is an archive itself: unpack it first"
FILM = "is a film: send photos"
NO_PHOTO = "is no photo by its name"

Parts = tuple[str, ...]
"""The folders of a file, then its own name."""


def parts_of(name: str) -> Parts:
    """A path without a root, a drive or ".", and ".." followed no further than to the root.

    Backslashes part folders as well: archivers of Windows write them.
    """
    parts: list[str] = []
    for part in DRIVE.sub("", name).replace("\\", "/").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return tuple(parts)


def joined(parts: Parts) -> str:
    """By which a file is found, however its name is written: in NFC."""
    return unicodedata.normalize("NFC", "/".join(parts))


def shown_name(parts: Parts) -> str:
    """In one line, and in characters that any report can hold: others, and bytes that are no text, as escapes."""
    escaped = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in joined(parts))
    return "".join(escaped)[-LONGEST:].lstrip("/")


def is_litter(parts: Parts) -> bool:
    """Whether it is hidden, or what file managers leave behind."""
    return any(part.startswith(".") or part.casefold() in LITTER for part in parts)


def is_picture(parts: Parts) -> bool:
    """Whether its name is a picture's, though perhaps of a kind that cannot be read: its sender hears of it."""
    return bool(parts) and is_picture_name(parts[-1]) and _suffix(parts) not in FILMS


def tells_nothing(parts: Parts) -> bool:
    """Whether its name has no suffix that a program knows files by: what is in it must tell."""
    return KNOWN_SUFFIX.fullmatch(_suffix(parts)) is None


def why_left_out(parts: Parts) -> str | None:
    """Why a file is not taken for a photo, in words that follow its name; None when it is."""
    if is_litter(parts):
        return HIDDEN
    if is_picture(parts):
        return None
    match _suffix(parts):
        case suffix if suffix in FILMS:
            return FILM
        case suffix if suffix in ARCHIVES:
            return NESTED
        case _:
            return NO_PHOTO


def count_left_out(count: int) -> str:
    """That so many files were; the first of them follows after a colon."""
    return "1 file was left out" if count == 1 else f"{count:,} files were left out, the first"


def _suffix(parts: Parts) -> str:
    return PurePosixPath(parts[-1]).suffix.lower() if parts else ""
