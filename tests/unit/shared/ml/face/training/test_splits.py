import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidDataset
from shared.ml.face.training.splits import split_people


@given(st.lists(st.integers(0, 500), min_size=6, max_size=300).filter(lambda p: len(set(p)) >= 6), st.integers(0, 99))
def test_every_photo_is_in_one_part_and_every_person_too(labels: list[int], seed: int) -> None:
    people = np.array(labels)
    split = split_people(people, seed=seed)
    parts = (split.train, split.validation, split.test)
    assert sorted(np.concatenate(parts)) == list(range(len(people)))
    persons = [set(people[part].tolist()) for part in parts]
    assert sum(len(part) for part in persons) == len(set(labels))
    assert all(len(part) >= 2 for part in persons)


def test_fractions_are_of_the_people() -> None:
    split = split_people(np.arange(100).repeat(3), seed=0, validation=0.2, test=0.3)
    assert [len(part) // 3 for part in (split.train, split.validation, split.test)] == [50, 20, 30]


def test_the_seed_decides_and_the_order_of_the_photos_does_not() -> None:
    people = np.arange(50).repeat(2)
    first, again, other = (split_people(people, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)
    backwards = split_people(people[::-1], seed=1)
    assert set(people[::-1][backwards.test]) == set(people[first.test])


def test_five_people_are_too_few() -> None:
    with pytest.raises(InvalidDataset, match=r"5 people .* at least 6"):
        split_people(np.arange(5).repeat(10), seed=0)
