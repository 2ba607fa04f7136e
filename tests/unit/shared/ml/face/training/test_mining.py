import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner

from shared.ml.face.training.losses import squared_distances
from shared.ml.face.training.mining import Miner, Triplets, batch_hard, random_triplets, semi_hard
from shared.ml.face.training.options import Mining

# Photos 0 and 1 are one person's, 2 and 3 another's; distances by hand.
PEOPLE = torch.tensor([7, 7, 9, 9])
DISTANCES = torch.tensor(
    [
        [0.0, 1.0, 1.1, 1.5],
        [1.0, 0.0, 0.4, 1.3],
        [1.1, 0.4, 0.0, 0.2],
        [1.5, 1.3, 0.2, 0.0],
    ]
)


def as_set(triplets: Triplets) -> set[tuple[int, int, int]]:
    return {(int(a), int(p), int(n)) for a, p, n in zip(*triplets, strict=True)}


def test_batch_hard_by_hand() -> None:
    assert as_set(batch_hard(DISTANCES, PEOPLE)) == {(0, 1, 2), (1, 0, 2), (2, 3, 1), (3, 2, 1)}


def test_semi_hard_by_hand() -> None:
    """Photo 0: 2 lies within the margin, 3 is too easy. Photo 1: 2 is too hard, 3 within. 2: 1 is within."""
    assert as_set(semi_hard(DISTANCES, PEOPLE, margin=0.35)) == {(0, 1, 2), (1, 0, 3), (2, 3, 1)}


def test_of_several_semi_hard_negatives_the_nearest_is_taken() -> None:
    assert (0, 1, 2) in as_set(semi_hard(DISTANCES, PEOPLE, margin=2.0))


def test_both_ends_of_the_semi_hard_interval_are_open() -> None:
    people, distances = torch.tensor([0, 0, 1, 1]), torch.ones(4, 4)
    assert not as_set(semi_hard(distances, people, margin=0.5))
    distances[:2, 2:] = 1.5
    assert not as_set(semi_hard(distances, people, margin=0.5))


def test_random_takes_every_genuine_pair_and_all_negatives_in_time(people: torch.Tensor, rng: torch.Generator) -> None:
    seen = set.union(*(as_set(random_triplets(people, rng=rng)) for _ in range(300)))
    assert all(people[a] == people[p] and a != p and people[a] != people[n] for a, p, n in seen)
    same = people[:, None] == people[None, :]
    assert {(a, p) for a, p, _ in seen} == {(int(a), int(p)) for a, p in same.nonzero() if a != p}
    assert {(a, n) for a, _, n in seen} == {(int(a), int(n)) for a, n in (~same).nonzero()}


def test_random_follows_its_generator(people: torch.Tensor) -> None:
    first, again, other = (random_triplets(people, rng=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.negative, again.negative)
    assert not torch.equal(first.negative, other.negative)


def test_batch_hard_agrees_with_pytorch_metric_learning(embeddings: torch.Tensor, people: torch.Tensor) -> None:
    oracle = BatchHardMiner(distance=LpDistance(power=2))(embeddings, people)
    assert as_set(batch_hard(squared_distances(embeddings), people)) == as_set(Triplets(*oracle))


def test_semi_hard_takes_the_nearest_of_those_of_pytorch_metric_learning(
    embeddings: torch.Tensor, people: torch.Tensor
) -> None:
    """The oracle returns all that qualify; its interval is closed at the far end, which no float here hits."""
    distances = squared_distances(embeddings)
    miner = TripletMarginMiner(margin=0.3, type_of_triplets="semihard", distance=LpDistance(power=2))
    nearest: dict[tuple[int, int], int] = {}
    for a, p, n in as_set(Triplets(*miner(embeddings, people))):
        if distances[a, n] < distances[a, nearest.get((a, p), n)] or (a, p) not in nearest:
            nearest[a, p] = n
    ours = as_set(semi_hard(distances, people, margin=0.3))
    assert len(ours) > 10
    assert ours == {(a, p, n) for (a, p), n in nearest.items()}


@pytest.mark.parametrize("mining", Mining)
@pytest.mark.parametrize("people", [[1, 1, 1], [1, 2, 3]], ids=["one person", "no pair"])
def test_a_batch_without_triplets_gives_none(mining: Mining, people: list[int], rng: torch.Generator) -> None:
    count = len(people)
    triplets = Miner(mining, 0.2)(torch.rand(count, count, generator=rng), torch.tensor(people), rng=rng)
    assert [len(part) for part in triplets] == [0, 0, 0]
