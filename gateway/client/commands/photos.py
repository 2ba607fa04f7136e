"""The photos that a command names, and what the picture of each is called in the output folder."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from itertools import chain, count
from pathlib import Path

from gateway.client.commands.folders import LARGEST
from shared.archives import FileProblem, folder_contents
from shared.errors import InvalidField
from shared.images.formats import ACCEPTED


@dataclass(frozen=True)
class Photo:
    """A file, and the name of its picture in the output folder."""

    file: Path
    output: str


@dataclass(frozen=True)
class FoundPhotos:
    """Each once, in order; and the files of the folders that were named which are no pictures, by their paths."""

    photos: list[Photo]
    left_out: list[FileProblem]


def find_photos(named: Sequence[str], suffix: str, folder: Path) -> FoundPhotos:
    """The photos behind files, folders (with those below) and patterns, each with a picture of its own.

    `folder` is where the pictures go: what it holds within a folder of photos are paintings, and no photos.

    Raises:
        InvalidArchive, InvalidField: nothing is there, or a picture would take the place of a photo or of a folder.
    """
    pictures = folder.resolve()
    found: dict[Path, tuple[str, str]] = {}
    left_out: list[FileProblem] = []
    for name in named:
        for path in _matches(name, pictures):
            parent = path.resolve() if path.is_dir() else path.resolve().parent
            files, others = _below(path, pictures)
            left_out += others
            for file, relative in files:
                found.setdefault(file.resolve(), (str(relative), parent.name))
    if not found:
        raise InvalidField(f"No {ACCEPTED} files in {', '.join(named)}.")
    photos = [Photo(file, output) for file, output in _outputs(found, suffix).items()]
    for photo in photos:
        target = pictures / photo.output
        if target.resolve() in found or target.is_dir():
            kind = "a folder" if target.is_dir() else "one of the photos"
            raise InvalidField(f"The picture of {photo.file} would be {target}, {kind}: choose another folder for it.")
    return FoundPhotos(photos, list(dict.fromkeys(left_out)))


def _matches(name: str, pictures: Path) -> list[Path]:
    """The file or folder of that name, or what the pattern finds; without the pictures if it looks into folders."""
    if Path(name).exists():
        return [Path(name)]
    found = [Path(one) for one in sorted(glob(name, recursive=True))]  # noqa: PTH207
    deep = "**" in name
    kept = [one for one in found if (path := one.resolve()) != pictures and not (deep and pictures in path.parents)]
    if not kept:
        raise InvalidField(f"There is no file, folder or pattern {name!r}{f' outside {pictures}' if found else ''}.")
    return kept


def _below(path: Path, pictures: Path) -> tuple[list[tuple[Path, Path]], list[FileProblem]]:
    """The files with their paths in the folder, and what is left out of it; of what is no folder, itself."""
    if not path.is_dir():
        return [(path, Path(path.name))], []
    if path.resolve() == pictures:
        raise InvalidField(f"{path} holds the photos: choose another folder for the pictures.")
    own = {pictures} if path.resolve() in pictures.parents else set()

    def is_own(file: Path) -> bool:
        return not own.isdisjoint((file.resolve(), *file.resolve().parents))

    found = folder_contents(path, LARGEST)
    files = [file.path for file in found.files if file.path is not None and not is_own(file.path)]
    others = [(path / problem.file, problem.reason) for problem in found.left_out]
    return (
        [(file, file.relative_to(path)) for file in files],
        [FileProblem(str(file), reason) for file, reason in others if not is_own(file)],
    )


def _outputs(found: Mapping[Path, tuple[str, str]], suffix: str) -> dict[Path, str]:
    """File -> its picture, no two alike and none a folder of others, whatever the order and the letters' case.

    `found` has each photo's name and that of the folder it was found in. A name that is there twice gets its folder's
    before it; the photo's suffix goes unless photos differ by it only; what still is alike is numbered.
    """
    seen = Counter(name.casefold() for name, _ in found.values())
    names = {file: Path(parent if seen[name.casefold()] > 1 else "", name) for file, (name, parent) in found.items()}
    stems = Counter(str(name.with_suffix("")).casefold() for name in names.values())
    taken = {str(parent).casefold() for name in names.values() for parent in name.parents}
    outputs = {}
    for file, name in sorted(names.items()):
        bare = str(name.with_suffix(""))
        wishes = chain([bare] if stems[bare.casefold()] == 1 else [], [str(name)], (f"{name}-{n}" for n in count(2)))
        outputs[file] = next(made for one in wishes if (made := f"{one}.{suffix}").casefold() not in taken)
        taken.add(outputs[file].casefold())
    return {file: outputs[file] for file in found}
