import numpy as np
import torch

from shared.ml.face.training.siamese_example import generate, one_shot_accuracy, run


def test_a_photo_differs_from_the_next_and_a_person_more() -> None:
    data = generate(persons=20, photos=4, seed=0)
    assert data.pixels.shape == (80, 1, 32, 32)
    assert data.pixels.dtype == torch.uint8
    assert data.people.tolist() == [person for person in range(20) for _ in range(4)]
    assert len({picture.numpy().tobytes() for picture in data.pixels}) == 80


def test_one_seed_gives_one_dataset() -> None:
    first, again, other = (generate(persons=3, photos=2, seed=seed).pixels for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_one_shot_accuracy_is_1_for_perfect_embeddings_and_chance_for_random_ones() -> None:
    people = np.arange(40).repeat(3)
    perfect = np.eye(40, dtype=np.float32)[people]
    random = np.random.default_rng(0).normal(size=(120, 64)).astype(np.float32)
    assert one_shot_accuracy(perfect, people, seed=0) == 1
    assert 0.02 < one_shot_accuracy(random, people, seed=0) < 0.09


def test_a_network_trained_from_scratch_recognises_new_people_from_one_photo() -> None:
    """Chance is 5 % and 50 %; the example's own size gets further (docs/training.md)."""
    outcome = run(persons=300, photos=8, epochs=8, on_event=lambda _: None)
    assert outcome.trained.one_shot > 0.5
    assert outcome.trained.one_shot > outcome.untrained.one_shot + 0.15
    assert outcome.trained.pairs > 0.8
