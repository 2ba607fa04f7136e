"""Which result was made from which content and style: by a manifest, by name, or the same for all."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.archives import FileProblem
from shared.errors import InvalidArchive, InvalidField
from shared.images.formats import ACCEPTED, SUFFIXES

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Trial:
    """One result to be measured: files."""

    result: Path
    content: Path
    style: Path


@dataclass(frozen=True)
class Sources:
    """What the results were made from, where no manifest says it: a file for all, or a folder matched by names."""

    content: Path | None = None
    style: Path | None = None

    def of(self, result: Path) -> tuple[Path | None, Path | None]:
        return _matched(self.content, result.stem), _matched(self.style, result.stem)


def find_trials(folder: Path, sources: Sources, manifest: Path | None = None) -> tuple[list[Trial], list[FileProblem]]:
    """The trials in the order of their names, and the results whose content or style is not known.

    Raises:
        InvalidArchive: the folder cannot be read or holds no pictures.
        InvalidField: the manifest is no JSON Lines.
    """
    if not folder.is_dir():
        raise InvalidArchive(f"{folder} is no directory: name the one that the results are in.")
    for path in (sources.content, sources.style):
        if path is not None and not path.exists():
            raise InvalidArchive(f"There is no {path}.")
    if manifest is None and (folder / MANIFEST).is_file():
        manifest = folder / MANIFEST
    named = list(_listed(manifest, folder, sources) if manifest else _found(folder))
    if not named:
        raise InvalidArchive(f"{manifest or folder} names no results: {ACCEPTED} files are needed.")
    trials, problems = [], []
    for result, content, style in named:
        default_content, default_style = sources.of(result)
        content, style = content or default_content, style or default_style  # noqa: PLW2901 - what the manifest left open
        if content is None or style is None:
            lacking = "content" if content is None else "style"
            problems.append(FileProblem(result.name, f"its {lacking} is not known: name it with --{lacking}"))
        else:
            trials.append(Trial(result, content, style))
    return trials, problems


_Named = tuple[Path, Path | None, Path | None]  # result, content, style


def _found(folder: Path) -> Iterator[_Named]:
    return ((path, None, None) for path in pictures_in(folder))


def pictures_in(folder: Path) -> list[Path]:
    """By name; hidden files are passed over, and so are folders."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def _listed(manifest: Path, folder: Path, sources: Sources) -> Iterator[_Named]:
    """The lines of a manifest that have a result; those of failed items have none, which is no news.

    A batch's manifest calls the result `file`, and the content by the `name` it was sent with.
    """
    try:
        lines = manifest.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InvalidField(f"{manifest} is no UTF-8 text.") from None
    places = [manifest.parent, folder]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        entry = _entry(line, f"{manifest}, line {number}")
        result = _path(entry.get("result") or entry.get("file"), places)
        content = _path(entry.get("content"), places) or _sent(entry.get("name"), sources.content)
        if result is not None:
            yield result, content, _path(entry.get("style"), places)


def _entry(line: str, where: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        raise InvalidField(f"{where}: this is no JSON.") from None
    if not isinstance(entry, dict):
        raise InvalidField(f'{where}: a JSON object is needed, such as {{"result": "1.jpg", "content": "photo.jpg"}}.')
    return entry


def _path(value: Any, places: Sequence[Path]) -> Path | None:
    """A file's name is meant from where the manifest lies, or from the results; anything but text is no file."""
    if not isinstance(value, str) or not value:
        return None
    found = (place / value for place in places if (place / value).exists())
    return next(found, places[-1] / value)


def _sent(name: Any, content: Path | None) -> Path | None:
    """A content by the name it was sent with, where a folder of contents is named and has it."""
    if not isinstance(name, str) or not name or content is None or not content.is_dir():
        return None
    path = content / name
    return path if path.is_file() else None


def _matched(source: Path | None, stem: str) -> Path | None:
    """The file itself, or the one of the folder whose name is the result's or the longest beginning of it."""
    if source is None or source.is_file():
        return source
    beginnings = [path for path in pictures_in(source) if stem == path.stem or _continues(stem, path.stem)]
    return max(beginnings, key=lambda path: len(path.stem), default=None)


def _continues(stem: str, beginning: str) -> bool:
    return stem.startswith(beginning) and not stem[len(beginning)].isalnum()
