import numpy as np
import pytest

from shared.ml.face.evaluation import scores
from shared.ml.face.evaluation.scores import ScoreHistogram, compare_all
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces

FACES = synthetic_faces(12, 5)
PRODUCTS = FACES.embeddings @ FACES.embeddings.T
A, B = np.triu_indices(len(FACES), 1)
SAME = FACES.labels[A] == FACES.labels[B]


def test_every_pair_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "_AT_ONCE", 200)  # many blocks, of several rows each at the end
    found = compare_all(FACES.embeddings, FACES.labels)
    for histogram, expected in ((found.genuine, PRODUCTS[A, B][SAME]), (found.impostor, PRODUCTS[A, B][~SAME])):
        assert histogram.total == len(expected)
        # products of other shapes are rounded otherwise: one score may change to the next bin
        assert np.abs(histogram.at_or_above() - ScoreHistogram.of(expected).at_or_above()).max() <= 1


def test_the_most_wrong_pairs_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "_AT_ONCE", 200)
    monkeypatch.setattr(scores, "_KEPT", 7)
    found = compare_all(FACES.embeddings, FACES.labels)
    assert [p.score for p in found.closest] == pytest.approx(sorted(PRODUCTS[A, B][~SAME], reverse=True)[:7], abs=1e-6)
    assert [p.score for p in found.farthest] == pytest.approx(sorted(PRODUCTS[A, B][SAME])[:7], abs=1e-6)
    worst = found.closest[0]
    assert PRODUCTS[worst.a, worst.b] == pytest.approx(worst.score, abs=1e-6)
    assert FACES.people[worst.a] != FACES.people[worst.b]


def test_a_threshold_is_the_least_that_so_few_scores_reach() -> None:
    found = np.linspace(-0.5, 0.5, 1001, dtype=np.float32)
    histogram = ScoreHistogram.of(found)
    for at_most in (0, 1, 10, 500):
        threshold = histogram.least_threshold(at_most)
        assert (found >= threshold).sum() == histogram.reaching(threshold) <= at_most
        assert histogram.reaching(threshold - 2**-16) > at_most


def test_nothing_reaches_the_threshold_of_identical_faces() -> None:
    histogram = ScoreHistogram.of(np.ones(5, np.float32))
    assert histogram.least_threshold(4) == 1.0
    assert histogram.reaching(1.0) == 0


def test_scores_beyond_one_are_counted_with_the_last() -> None:
    assert ScoreHistogram.of(np.array([1.0000002, -1.0000002], np.float32)).total == 2


def test_progress_ends_with_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "_AT_ONCE", 1000)
    seen: list[tuple[int, int]] = []
    compare_all(FACES.embeddings, FACES.labels, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 1
    assert seen[-1] == (60, 60)
