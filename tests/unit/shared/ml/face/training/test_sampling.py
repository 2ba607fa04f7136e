import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.ml.face.training.sampling import epoch_batches

LABELS = st.lists(st.integers(0, 12), min_size=1, max_size=60)


def batches(people: torch.Tensor, *, seed: int = 0, p: int = 4, k: int = 3) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return list(epoch_batches(people, people_per_batch=p, photos_per_person=k, rng=rng))


@given(LABELS, st.integers(0, 1000))
def test_every_batch_can_be_mined(labels: list[int], seed: int) -> None:
    people = torch.tensor(labels)
    for batch in batches(people, seed=seed):
        counts = people[batch].bincount()
        counts = counts[counts > 0]
        assert 2 <= len(counts) <= 4
        assert all(2 <= count <= 3 for count in counts)
        assert len(set(batch.tolist())) == len(batch)


@given(LABELS, st.integers(0, 1000))
def test_an_epoch_takes_everybody_once_but_a_last_one_who_is_alone(labels: list[int], seed: int) -> None:
    people = torch.tensor(labels)
    seen = [person for batch in batches(people, seed=seed) for person in set(people[batch].tolist())]
    able = {person for person in labels if labels.count(person) >= 2}
    assert len(seen) == len(set(seen)) == len(able) - (len(able) % 4 == 1)


def test_follows_its_generator() -> None:
    people = torch.arange(20).repeat_interleave(5)
    first, again, other = (torch.cat(batches(people, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
