"""Embedded faces with names: what is evaluated and calibrated, from photos or from a gallery's templates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from shared.ml.face.people import FileProblem

Embeddings = npt.NDArray[np.float32]  # (N, D), rows of unit length
Labels = npt.NDArray[np.int64]  # (N,): each row's person as a number from 0, in the order of the names


@dataclass(frozen=True, eq=False)
class FaceSet:
    """N faces. `thumbnails` are JPEG files of the aligned crops, empty for a gallery's templates."""

    model_name: str
    model_digest: str
    names: tuple[str, ...]  # `person/file`, or a template's id
    people: tuple[str, ...]  # whose face each is
    embeddings: Embeddings
    thumbnails: tuple[bytes, ...] = ()
    problems: tuple[FileProblem, ...] = field(default=())

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.people) == len(self.embeddings):
            raise ValueError("a face set needs a name, a person and an embedding per face")
        if self.thumbnails and len(self.thumbnails) != len(self.names):
            raise ValueError("a face set has a thumbnail for each face or for none")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def labels(self) -> Labels:
        """Who, as numbers."""
        return label(self.people)


def label(people: Sequence[str]) -> Labels:
    """Names to numbers from 0."""
    return np.unique(np.asarray(people, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
