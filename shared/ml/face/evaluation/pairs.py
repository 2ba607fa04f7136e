"""Pairs to verify: drawn from the people, or from a file in the format of LFW's pairs.txt.

Huang, Ramesh, Berg, Learned-Miller: "Labeled Faces in the Wild", University of Massachusetts, TR 07-49, 2007.
A line is `name n m` (two photos of one person) or `name n other m` (of two), between tabs; the photo n of a
person is the file `name/name_000n.*`. The header says `folds pairs`: so many folds of so many genuine pairs
and as many impostor pairs follow; or only `pairs`, for one set; or it is missing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidField
from shared.ml.face.evaluation.report import Left
from shared.ml.face.face_set import FaceSet, Labels

FOLDS = 10
PAIRS_PER_FOLD = 300  # of either kind, as in LFW's protocol


@dataclass(frozen=True, eq=False)
class Pairs:
    """`a`, `b`: (P,) rows of the faces; `same`: (P,) bool; `fold`: (P,) which of the ten parts."""

    a: npt.NDArray[np.int64]
    b: npt.NDArray[np.int64]
    same: npt.NDArray[np.bool_]
    fold: npt.NDArray[np.int64]
    source: str
    left_out: tuple[Left, ...] = ()


def draw_pairs(labels: Labels, *, seed: int) -> Pairs | str:
    """Ten folds in which no person is in two, each with as many genuine as impostor pairs; or why not.

    People with two photos and more are dealt out first, so that every fold has genuine pairs.
    """
    people, photos = np.unique(labels, return_counts=True)
    several = people[photos >= 2]
    if len(several) < FOLDS or len(people) < 2 * FOLDS:
        return (
            f"cannot be measured with {len(several):,} people of two photos and more, {len(people):,} in all: "
            f"at least {FOLDS} and {2 * FOLDS} are needed"
        )
    rng = np.random.default_rng(seed)
    dealt = np.concatenate([rng.permutation(several), rng.permutation(people[photos == 1])])
    drawn = [_draw_fold(labels, dealt[fold::FOLDS], rng) for fold in range(FOLDS)]
    fold = np.repeat(np.arange(FOLDS), [len(pairs) for pairs in drawn])
    a, b, same = np.concatenate(drawn).T
    return Pairs(a, b, same.astype(np.bool_), fold, "drawn from the people, ten folds without a person in common")


def _draw_fold(labels: Labels, people: Labels, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """(2n, 3): a, b, same."""
    rows = np.flatnonzero(np.isin(labels, people))
    i, j = np.triu_indices(len(rows), 1)
    same = labels[rows[i]] == labels[rows[j]]
    genuine, impostor = np.flatnonzero(same), np.flatnonzero(~same)
    count = min(PAIRS_PER_FOLD, len(genuine), len(impostor))
    chosen = np.concatenate([rng.choice(genuine, count, replace=False), rng.choice(impostor, count, replace=False)])
    return np.stack([rows[i[chosen]], rows[j[chosen]], same[chosen].astype(np.int64)], axis=1)


def read_pairs(text: str, faces: FaceSet) -> Pairs:
    """The pairs of a file whose photos are among the faces; the others are left out by name.

    Raises:
        InvalidField: not this format, or no pair of it is there.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    header, lines = _header(lines)
    if header and len(lines) != header[0] * 2 * header[1]:
        raise InvalidField(
            f"The pairs file announces {header[0]} x {2 * header[1]} pairs and has {len(lines)}: send the whole file."
        )
    row_of = _rows_by_number(faces)
    found: list[tuple[int, int, bool, int]] = []
    left_out = []
    for index, (number, line) in enumerate(lines):
        (first, a), (second, b) = _photos(number, line)
        row_a, row_b = row_of.get((first, a)), row_of.get((second, b))
        if row_a is None or row_b is None:
            missing = f"{first} {a}" if row_a is None else f"{second} {b}"
            left_out.append(Left(file=" ".join(line.split()), reason=f"no usable face of {missing}"))
            continue
        # without folds in the file: every tenth pair
        fold = index // (2 * header[1]) if header else index % FOLDS
        found.append((row_a, row_b, first == second, fold))
    if not found:
        raise InvalidField("No pair of the pairs file has both of its photos here: are they named name_0001.jpg?")
    columns = np.array(found, dtype=np.int64).T
    source = "pairs file, its own folds" if header else "pairs file, folds by position"
    return Pairs(columns[0], columns[1], columns[2].astype(np.bool_), columns[3], source, tuple(left_out))


def _header(lines: list[tuple[int, str]]) -> tuple[tuple[int, int] | None, list[tuple[int, str]]]:
    """(folds, genuine pairs per fold) if the file has folds, and the lines behind the header."""
    first = lines[0][1].split() if lines else []
    if not first or len(first) > 2 or not all(map(_is_count, first)):
        return None, lines
    return ((int(first[0]), int(first[1])) if len(first) == 2 else None), lines[1:]


def _photos(number: int, line: str) -> tuple[tuple[str, int], tuple[str, int]]:
    # names with spaces need tabs between the fields
    fields = [field.strip() for field in line.split("\t")] if "\t" in line else line.split()
    match fields:
        case [name, a, b] if _is_count(a) and _is_count(b):
            return (name, int(a)), (name, int(b))
        case [name, a, other, b] if _is_count(a) and _is_count(b):
            return (name, int(a)), (other, int(b))
        case _:
            raise InvalidField(f"Line {number} of the pairs file is neither `name n m` nor `name n other m`: {line!r}.")


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _rows_by_number(faces: FaceSet) -> dict[tuple[str, int], int]:
    return dict(_numbered(zip(faces.people, faces.names, strict=True)))


def _numbered(named: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, int], int]]:
    for row, (person, name) in enumerate(named):
        stem, _, number = PurePosixPath(name).stem.rpartition("_")
        if stem == person and _is_count(number):
            yield (person, int(number)), row
