"""Batches of P people with K photos each (Hermans, Beyer, Leibe, arXiv:1703.07737, section 2).

A batch drawn photo by photo from many people holds hardly a pair of one person. Taken P × K, it holds
P · K · (K − 1) of them, each with (P − 1) · K negatives to mine from.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch


@dataclass(frozen=True, eq=False)
class Samples:
    """What is learnt from: (N, *shape) of any dtype, (N, 3, 112, 112) uint8 RGB for faces, and whose each is."""

    pixels: torch.Tensor
    people: torch.Tensor  # (N,) int64

    def __getitem__(self, indices: npt.NDArray[np.int64]) -> "Samples":
        chosen = torch.from_numpy(indices)
        return Samples(self.pixels[chosen], self.people[chosen])

    @property
    def persons(self) -> int:
        return len(set(self.people.tolist()))


def epoch_batches(
    people: torch.Tensor, *, people_per_batch: int, photos_per_person: int, rng: torch.Generator
) -> Iterator[torch.Tensor]:
    """(N,) labels -> indices of one batch after the other; everybody with two photos is in exactly one.

    Who has fewer than K photos takes part with all of them: a photo twice in a batch would be a positive at
    distance 0 that teaches nothing. A last batch of a single person, which has no negatives, is left out.
    """
    photos = [(people == person).nonzero()[:, 0] for person in sorted(set(people.tolist()))]
    photos = [own for own in photos if len(own) >= 2]
    order = torch.randperm(len(photos), generator=rng).tolist()
    for start in range(0, len(order), people_per_batch):
        group = order[start : start + people_per_batch]
        if len(group) < 2:
            return
        yield torch.cat([_some(photos[index], photos_per_person, rng) for index in group])


def _some(indices: torch.Tensor, count: int, rng: torch.Generator) -> torch.Tensor:
    return indices[torch.randperm(len(indices), generator=rng)[:count]]
