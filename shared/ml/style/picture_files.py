"""Pictures to look at, from a file, a folder or a ZIP file: in the order of their names, read one by one."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from torch import Tensor

from shared import images
from shared.archives import (
    NO_PHOTO,
    PHOTO_SUFFIXES,
    TWICE,
    FileProblem,
    NamedFile,
    is_hidden,
    read_bounded,
    shown_name,
    zip_entries,
)
from shared.errors import InvalidArchive, InvalidImage
from shared.images import ImageLimits
from shared.ml.style.pixels import fit, resize, to_tensor


@dataclass(frozen=True)
class PictureFile:
    """`read` gives its bytes, or raises InvalidImage, InvalidArchive or OSError."""

    name: str
    read: Callable[[], bytes]

    def pixels(self, limits: ImageLimits, long_side: int) -> Tensor:
        """(1, 3, H, W) RGB in [0, 1], upright, a longer one scaled down to `long_side`.

        Raises:
            InvalidImage: why it cannot be used.
        """
        try:
            data = self.read()
        except (OSError, InvalidArchive) as error:
            raise InvalidImage(f"It cannot be read ({error}).") from None
        pixels = to_tensor(images.decode(data, limits))
        height, width = pixels.shape[2:]
        return pixels if max(height, width) <= long_side else resize(pixels, *fit(width, height, long_side))


@dataclass(frozen=True)
class PictureFiles:
    files: tuple[PictureFile, ...]
    problems: tuple[FileProblem, ...]  # files that are no pictures by their names


def in_zip(file: BinaryIO) -> PictureFiles:
    """In any folder of a ZIP file, which must stay open while they are read. Raises InvalidArchive."""
    return _collected(zip_entries(file))


def in_path(path: Path, *, max_bytes: int) -> PictureFiles:
    """One file, or all in a folder and the folders below it. Raises InvalidArchive: there is none."""
    if path.is_file():
        return PictureFiles((PictureFile(path.name, _reader(path, max_bytes)),), ())
    if not path.is_dir():
        raise InvalidArchive(f"There is no {path}: name a picture or a directory of pictures.")
    return _collected((file.relative_to(path).parts, _reader(file, max_bytes)) for file in _walk(path))


def _walk(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


def _reader(path: Path, max_bytes: int) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as file:
            return read_bounded(file, max_bytes)

    return read


def _collected(named: Iterable[NamedFile]) -> PictureFiles:
    found: dict[str, PictureFile] = {}
    problems = []
    for parts, read in sorted(named, key=lambda entry: entry[0]):
        if not parts or is_hidden(parts):
            continue
        name = shown_name(parts)
        if PurePosixPath(parts[-1]).suffix.lower() not in PHOTO_SUFFIXES:
            problems.append(FileProblem(name, NO_PHOTO))
        elif name in found:
            problems.append(FileProblem(name, TWICE))
        else:
            found[name] = PictureFile(name, read)
    return PictureFiles(tuple(found.values()), tuple(problems))
