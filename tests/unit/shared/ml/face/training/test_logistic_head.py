import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from shared.ml.face.training.logistic_head import (
    LogisticHead,
    PairFeatures,
    Pairs,
    fit,
    head_scores,
    pair_features,
    training_pairs,
)

A, B = torch.tensor([[0.6, -0.8, 0.0]]), torch.tensor([[0.2, 0.4, 0.0]])


def test_absolute_features_by_hand() -> None:
    assert pair_features(A, B, PairFeatures.ABSOLUTE)[0].tolist() == pytest.approx([0.4, 1.2, 0.0])


def test_chi_square_features_by_hand() -> None:
    """Positive parts (0.6, 0, 0) and (0.2, 0.4, 0), negative parts (0, 0.8, 0) and (0, 0, 0)."""
    expected = [0.16 / 0.8, 0.16 / 0.4, 0, 0, 0.64 / 0.8, 0]
    assert pair_features(A, B, PairFeatures.CHI_SQUARE)[0].tolist() == pytest.approx(expected)


def test_the_probability_by_hand() -> None:
    head = LogisticHead(PairFeatures.ABSOLUTE, torch.tensor([-1.0, -2.0, 5.0], dtype=torch.float64), bias=3.0)
    assert head.probabilities(A, B).item() == pytest.approx(1 / (1 + np.exp(-(3 - 0.4 - 2.4))))


@pytest.mark.parametrize("features", PairFeatures)
def test_a_pair_has_no_order_and_a_photo_no_difference_from_itself(features: PairFeatures) -> None:
    assert torch.equal(pair_features(A, B, features), pair_features(B, A, features))
    assert not pair_features(A, A, features).any()


def test_training_pairs_are_what_they_say(people: torch.Tensor) -> None:
    labels = people.numpy()
    pairs = training_pairs(labels, seed=0)
    assert np.array_equal(labels[pairs.first] == labels[pairs.second], pairs.same)
    assert (pairs.first != pairs.second)[pairs.same].all()
    genuine = int((np.triu(labels[:, None] == labels[None, :], k=1)).sum())
    assert pairs.same.sum() == genuine
    assert (~pairs.same).sum() == 10 * genuine


def test_a_person_with_many_photos_does_not_outweigh_the_others() -> None:
    labels = np.array([0] * 60 + [1] * 3 + [2] * 3)
    assert training_pairs(labels, seed=0).same.sum() == 100 + 3 + 3


@pytest.mark.parametrize("features", PairFeatures)
def test_the_fit_agrees_with_scikit_learn(
    features: PairFeatures, embeddings: torch.Tensor, people: torch.Tensor
) -> None:
    pairs = training_pairs(people.numpy(), seed=0)
    head = fit(embeddings.numpy(), pairs, features, penalty=1e-3)
    x = pair_features(embeddings[pairs.first], embeddings[pairs.second], features).numpy()
    oracle = LogisticRegression(C=1 / (1e-3 * len(x)), class_weight="balanced", tol=1e-10, max_iter=10_000)
    oracle.fit(x, pairs.same)
    assert np.allclose(head.weights.numpy(), oracle.coef_[0], atol=1e-3)
    assert head.bias == pytest.approx(oracle.intercept_[0], abs=1e-3)


def test_the_head_learns_which_components_matter() -> None:
    """Two components tell the people apart, six are noise that a distance over all of them drowns in."""
    rng = np.random.default_rng(0)
    people = np.arange(40).repeat(4)
    signal, noise = rng.normal(size=(40, 2))[people], rng.normal(scale=2, size=(160, 6))
    vectors = np.concatenate([signal, noise], axis=1).astype(np.float32)
    head = fit(vectors, training_pairs(people, seed=0), PairFeatures.ABSOLUTE)
    assert head.weights[:2].max() < 5 * head.weights[2:].min() < 0


def test_head_scores_are_those_of_single_pairs(embeddings: torch.Tensor, people: torch.Tensor) -> None:
    labels = people.numpy()
    head = fit(embeddings.numpy(), training_pairs(labels, seed=0), PairFeatures.CHI_SQUARE)
    found = head_scores(head, embeddings.numpy(), labels)
    first, second = np.triu_indices(len(labels), k=1)
    every = Pairs(first, second, labels[first] == labels[second])
    alone = 2 * head.probabilities(embeddings[every.first], embeddings[every.second]).numpy() - 1
    assert np.allclose(found.genuine, alone[every.same])
    assert np.allclose(found.impostor, alone[~every.same])
