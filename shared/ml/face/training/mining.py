"""Which triplets of a batch to learn from.

Most triplets keep the margin before training begins and give no gradient. Three miners, all without a loop:

- random: for each anchor and positive any negative. The baseline that the others must beat.
- semi-hard (FaceNet, arXiv:1503.03832, equation 4): a negative farther than the positive, but within the
  margin: d(A, P) < d(A, N) < d(A, P) + α. It cannot collapse a fresh network to a single point.
- batch-hard (Hermans, Beyer, Leibe, arXiv:1703.07737, equation 5): for each anchor its farthest positive and
  its nearest negative in the batch. The strongest signal, and the one that wrong labels hurt most.

Where semi-hard differs from FaceNet: of the negatives that qualify, the nearest, so that a batch always gives
the same triplets.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from shared.ml.face.training.options import Mining


class Triplets(NamedTuple):
    """Indices into the batch, each (T,) int64; T is 0 where a batch has nothing to teach."""

    anchor: torch.Tensor
    positive: torch.Tensor
    negative: torch.Tensor


@dataclass(frozen=True)
class Miner:
    """`margin` concerns semi-hard only."""

    mining: Mining
    margin: float

    def __call__(self, distances: torch.Tensor, people: torch.Tensor, *, rng: torch.Generator) -> Triplets:
        """(N, N) squared distances and (N,) labels -> triplets; `rng` (on the CPU) concerns random only."""
        match self.mining:
            case Mining.RANDOM:
                return random_triplets(people, rng=rng)
            case Mining.SEMI_HARD:
                return semi_hard(distances, people, margin=self.margin)
            case Mining.BATCH_HARD:
                return batch_hard(distances, people)


def random_triplets(people: torch.Tensor, *, rng: torch.Generator) -> Triplets:
    """Each pair of one person (in both directions) with a negative drawn evenly among all."""
    same = _same(people)
    anchor, positive = _positives(same)
    # the place of the largest random number, where only negatives take part, is an even draw among them
    draws = torch.rand(len(anchor), len(people), generator=rng).to(people.device)
    return _with_negative(anchor, positive, draws.masked_fill(same[anchor], -torch.inf))


def semi_hard(distances: torch.Tensor, people: torch.Tensor, *, margin: float) -> Triplets:
    """Each pair of one person with its nearest semi-hard negative; pairs that have none are left out."""
    same = _same(people)
    anchor, positive = _positives(same)
    to_positive = distances[anchor, positive][:, None]  # (pairs, 1)
    to_others = distances[anchor]  # (pairs, N)
    qualifies = ~same[anchor] & (to_others > to_positive) & (to_others < to_positive + margin)
    return _with_negative(anchor, positive, (-to_others).masked_fill(~qualifies, -torch.inf))


def batch_hard(distances: torch.Tensor, people: torch.Tensor) -> Triplets:
    """One triplet for each anchor that has both a positive and a negative in the batch."""
    same = _same(people)
    genuine = same & ~torch.eye(len(people), dtype=torch.bool, device=people.device)
    farthest = distances.masked_fill(~genuine, -torch.inf)
    anchor = genuine.any(dim=1).nonzero()[:, 0]
    return _with_negative(anchor, farthest.argmax(dim=1)[anchor], (-distances).masked_fill(same, -torch.inf)[anchor])


def _same(people: torch.Tensor) -> torch.Tensor:
    """(N, N) bool: one person's, the diagonal included."""
    return people[:, None] == people[None, :]


def _positives(same: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """All (anchor, positive) with anchor ≠ positive, each (pairs,)."""
    anchor, positive = (same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)).nonzero(as_tuple=True)
    return anchor, positive


def _with_negative(anchor: torch.Tensor, positive: torch.Tensor, merit: torch.Tensor) -> Triplets:
    """The negative of highest merit for each row; `merit` is (T, N), -inf where one may not be taken."""
    if not len(anchor):
        return Triplets(anchor, positive, anchor)
    best, negative = merit.max(dim=1)
    found = best > -torch.inf
    return Triplets(anchor[found], positive[found], negative[found])
