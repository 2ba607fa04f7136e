import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ml.face.training.measures import (
    PairScores,
    balanced_accuracy,
    best_threshold,
    mean_true_match_rate,
    pair_scores,
    threshold_at,
)

FINITE = st.floats(-1, 1)


def scores(genuine: list[float], impostor: list[float]) -> PairScores:
    return PairScores(np.array(genuine), np.array(impostor))


def test_pair_scores_by_hand() -> None:
    embeddings = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32)
    found = pair_scores(embeddings, np.array([5, 5, 6]))
    assert found.genuine.tolist() == pytest.approx([0.6])
    assert sorted(found.impostor.tolist()) == pytest.approx([0.0, 0.8])


@given(st.lists(FINITE, min_size=1, max_size=200), st.floats(0, 1))
def test_a_threshold_keeps_its_rate_and_is_the_least_that_does(impostor: list[float], rate: float) -> None:
    values = np.array(impostor)
    threshold = threshold_at(values, rate)
    allowed = int(rate * len(values) + 1e-9)
    assert (values >= threshold).sum() <= allowed
    assert (values >= np.nextafter(threshold, -np.inf)).sum() > allowed or threshold == values.min()


def test_mean_true_match_rate_is_1_when_the_scores_are_apart_and_0_when_they_are_reversed() -> None:
    assert mean_true_match_rate(scores([0.8, 0.9], [0.1, 0.2])) == 1
    assert mean_true_match_rate(scores([0.1, 0.2], [0.8, 0.9])) == 0


def test_mean_true_match_rate_sees_what_one_operating_point_does_not() -> None:
    impostor = np.linspace(0, 0.5, 1000)
    better = mean_true_match_rate(PairScores(np.array([0.49, 0.9]), impostor))
    worse = mean_true_match_rate(PairScores(np.array([0.46, 0.9]), impostor))
    assert 0.5 < worse < better < 1


def test_the_best_threshold_decides_all_of_separable_scores_rightly() -> None:
    found = scores([0.5, 0.9], [0.1, 0.2, 0.4])
    assert balanced_accuracy(found, best_threshold(found)) == 1


def test_balanced_accuracy_does_not_count_pairs() -> None:
    assert balanced_accuracy(scores([0.9], [0.1] * 99), threshold=1.0) == 0.5
