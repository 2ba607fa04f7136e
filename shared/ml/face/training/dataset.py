"""A folder of people as training data: each photo's face, found and aligned, and what could not be used."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from shared.errors import InvalidDataset
from shared.ml.face.detector import Image
from shared.ml.face.people import FileProblem, PhotoCollection
from shared.ml.face.reading import PhotoReader
from shared.ml.face.training.sampling import Samples
from shared.ml.face.training.splits import LEAST_PEOPLE

LEAST_PHOTOS = 2  # of a person: an anchor and a positive
_NAMED_PROBLEMS = 3


@dataclass(frozen=True, eq=False)
class FaceData:
    """The usable faces, (N, 3, 112, 112) uint8 RGB; `names[k]` is the person labelled k."""

    samples: Samples
    names: tuple[str, ...]
    problems: tuple[FileProblem, ...]  # files that were left out
    too_few: tuple[str, ...]  # people with less than two usable photos, who are left out too


def read_faces(
    collection: PhotoCollection, reader: PhotoReader, *, progress: Callable[[int, int], None] | None = None
) -> FaceData:
    """Find and align every photo's face; a photo that cannot be used is a problem in the result, not an error.

    `progress` gets (photos done, photos). The crops lie in memory, 37 KB each.

    Raises:
        InvalidDataset: fewer than six people have two usable photos; the message names the first problems.
    """
    crops: list[tuple[str, Image]] = []
    problems = list(collection.problems)
    for done, (photo, looked) in enumerate(reader.look_at_all(collection.photos), start=1):
        if isinstance(looked, str):
            problems.append(FileProblem(photo.name, looked))
        else:
            crops.append((photo.person, looked[0]))
        if progress is not None:
            progress(done, len(collection.photos))
    everybody = sorted({photo.person for photo in collection.photos})
    usable = Counter(person for person, _ in crops)
    names = tuple(person for person in everybody if usable[person] >= LEAST_PHOTOS)
    if len(names) < LEAST_PEOPLE:
        raise InvalidDataset(_refusal(names, everybody, problems))
    too_few = tuple(person for person in everybody if usable[person] < LEAST_PHOTOS)
    return FaceData(_samples(crops, names), names, tuple(problems), too_few)


def _samples(crops: list[tuple[str, Image]], names: tuple[str, ...]) -> Samples:
    labels = {name: label for label, name in enumerate(names)}
    usable = [(labels[person], crop) for person, crop in crops if person in labels]
    pixels = torch.from_numpy(np.stack([crop for _, crop in usable])).permute(0, 3, 1, 2).contiguous()
    return Samples(pixels, torch.tensor([label for label, _ in usable]))


def _refusal(names: tuple[str, ...], everybody: list[str], problems: list[FileProblem]) -> str:
    message = (
        f"{len(names)} of {len(everybody)} people have {LEAST_PHOTOS} usable photos or more; training needs "
        f"{LEAST_PEOPLE} such people, in a folder each."
    )
    first = "; ".join(f"{problem.file}: {problem.reason}" for problem in problems[:_NAMED_PROBLEMS])
    return f"{message} {len(problems)} problems, the first: {first}" if problems else message
