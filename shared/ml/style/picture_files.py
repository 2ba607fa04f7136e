"""Pictures to look at, from a file, a folder or a ZIP file: in the order of their names, read one by one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from shared import images
from shared.archives import Contents, FileProblem, folder_contents, read_file, zip_contents
from shared.errors import InvalidArchive, InvalidImage
from shared.file_names import shown_name
from shared.images import ImageLimits
from shared.ml.style.pixels import fit, resize, to_tensor


@dataclass(frozen=True)
class PictureFile:
    """`read` gives its bytes, or raises InvalidImage or OSError."""

    name: str
    read: Callable[[], bytes]

    def pixels(self, limits: ImageLimits, long_side: int) -> Tensor:
        """(1, 3, H, W) RGB in [0, 1], upright, a longer one scaled down to `long_side`.

        Raises:
            InvalidImage: why it cannot be used.
        """
        try:
            data = self.read()
        except OSError as error:
            raise InvalidImage(f"It cannot be read ({error}).") from None
        pixels = to_tensor(images.decode(data, limits))
        height, width = pixels.shape[2:]
        return pixels if max(height, width) <= long_side else resize(pixels, *fit(width, height, long_side))


@dataclass(frozen=True)
class PictureFiles:
    files: tuple[PictureFile, ...]
    problems: tuple[FileProblem, ...]  # files that were left out


def in_zip(file: BinaryIO) -> PictureFiles:
    """In any folder of a ZIP file, which must stay open while they are read. Raises InvalidArchive."""
    return _collected(zip_contents(file))


def in_path(path: Path, *, max_bytes: int) -> PictureFiles:
    """One file, or all in a folder and the folders below it. Raises InvalidArchive: there is none."""
    if path.is_file():
        return PictureFiles((PictureFile(path.name, partial(read_file, path, max_bytes)),), ())
    if not path.is_dir():
        raise InvalidArchive(f"There is no {path}: name a picture or a directory of pictures.")
    return _collected(folder_contents(path, max_bytes))


def _collected(found: Contents) -> PictureFiles:
    files = (PictureFile(shown_name(file.parts), file.read) for file in found.files)
    return PictureFiles(tuple(sorted(files, key=lambda file: file.name)), found.left_out)
