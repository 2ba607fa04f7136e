"""Identity-disjoint splits: nobody is in two of training, validation and test.

A network that has seen a person in training tells his photos apart better than a stranger's, so figures
measured on people it knows promise what strangers will not get.
"""

import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.errors import InvalidDataset

Indices = npt.NDArray[np.int64]

# Two people make the first impostor pair, and each part needs one.
LEAST_PEOPLE_PER_PART = 2
LEAST_PEOPLE = 3 * LEAST_PEOPLE_PER_PART


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of photos, (n,) int64 each."""

    train: Indices
    validation: Indices
    test: Indices


def split_people(people: npt.NDArray[np.int64], *, seed: int, validation: float = 0.15, test: float = 0.25) -> Split:
    """(N,) labels -> three parts, whose people are drawn with the seed; the fractions are of the people.

    Raises InvalidDataset when there are fewer than six.
    """
    everybody = sorted({int(person) for person in people})
    if len(everybody) < LEAST_PEOPLE:
        raise InvalidDataset(
            f"{len(everybody)} people with two photos or more cannot be split: at least {LEAST_PEOPLE} are needed, "
            f"{LEAST_PEOPLE_PER_PART} each for training, validation and test"
        )
    random.Random(seed).shuffle(everybody)
    of_test = max(LEAST_PEOPLE_PER_PART, round(test * len(everybody)))
    of_validation = max(LEAST_PEOPLE_PER_PART, round(validation * len(everybody)))
    cut = of_test + of_validation
    return Split(
        train=_photos_of(everybody[cut:], people),
        validation=_photos_of(everybody[of_test:cut], people),
        test=_photos_of(everybody[:of_test], people),
    )


def _photos_of(chosen: list[int], people: npt.NDArray[np.int64]) -> Indices:
    return np.flatnonzero(np.isin(people, chosen)).astype(np.int64)
