import numpy as np
import pytest

from shared.ml.face.evaluation.pairs import Pairs
from shared.ml.face.evaluation.report import Folds
from shared.ml.face.evaluation.scores import AllPairs, ScoreHistogram, compare_all
from shared.ml.face.evaluation.verification import best_threshold, evaluate_verification, ten_folds, trade_off
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces


def pairs_of(genuine: np.ndarray, impostor: np.ndarray) -> AllPairs:
    first, second = (ScoreHistogram.of(part.astype(np.float32)) for part in (genuine, impostor))
    return AllPairs(first, second, (), ())


def test_tar_at_far_is_what_the_scores_say() -> None:
    impostor = np.linspace(-0.5, 0.4999, 10_000)
    found = evaluate_verification(pairs_of(np.linspace(0.3, 0.8, 1001), impostor), "no folds")
    first = found.tar_at_far[0]
    assert first.target == 1e-2
    assert first.threshold == pytest.approx(0.49, abs=2e-4)
    assert first.far is not None
    assert first.far.errors == 100
    assert first.tar is not None
    assert first.tar.value == pytest.approx((0.8 - 0.49) / 0.5, abs=2e-3)
    assert first.tar.low < first.tar.value < first.tar.high


def test_a_far_below_what_the_pairs_can_show_is_not_measured() -> None:
    found = evaluate_verification(pairs_of(np.ones(5) * 0.9, np.zeros(10_000)), "no folds")
    assert [point.tar is None for point in found.tar_at_far] == [False, False, True, True]
    assert found.tar_at_far[3].note == "cannot be measured with 10,000 impostor pairs: at least 300,000 are needed"
    assert found.tar_at_far[1].note is not None
    assert found.tar_at_far[1].note.startswith("rough")


def test_without_a_genuine_pair_nothing_but_the_histogram_is_measured() -> None:
    found = evaluate_verification(pairs_of(np.empty(0), np.zeros(100_000)), "no folds")
    assert found.equal_error_rate is None
    assert found.curve == ()
    assert all(point.tar is None and point.note for point in found.tar_at_far)
    assert sum(found.histogram.impostor) == 100_000


def test_the_equal_error_rate_of_two_shifted_scores() -> None:
    found = evaluate_verification(pairs_of(np.linspace(0, 1, 1000), np.linspace(-0.8, 0.2, 1000)), "no folds")
    assert found.equal_error_rate == pytest.approx(0.1, abs=2e-3)


def test_the_trade_off_is_monotone() -> None:
    rng = np.random.default_rng(0)
    pairs = pairs_of(rng.normal(0.6, 0.1, 500), rng.normal(0.0, 0.1, 20_000))
    curve = trade_off(pairs.impostor, pairs.genuine)
    assert len(curve) > 50
    assert [p.false_positive_rate for p in curve] == sorted((p.false_positive_rate for p in curve), reverse=True)
    assert [p.false_negative_rate for p in curve] == sorted(p.false_negative_rate for p in curve)


def brute_force_errors(scores: np.ndarray, same: np.ndarray, threshold: float) -> int:
    return int(((scores >= threshold) != same).sum())


def test_the_best_threshold_has_no_better_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        scores = rng.normal(0, 0.4, 40).clip(-0.9, 0.9).round(1).astype(np.float32)  # with ties
        same = rng.random(40) < 0.5
        least = min(brute_force_errors(scores, same, t) for t in (*scores, np.inf))
        assert brute_force_errors(scores, same, best_threshold(scores, same)) == least


def test_a_folds_threshold_comes_from_the_other_folds() -> None:
    """One fold whose scores are all shifted is judged by a threshold that does not know it."""
    angles = np.deg2rad([0, 10, 60, 0, 60, 120])
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    # folds 0 and 1: genuine 10°, impostor 60°; fold 2: genuine 60° too
    a, b = np.array([0, 0, 0, 0, 0, 0]), np.array([1, 2, 1, 2, 4, 5])
    pairs = Pairs(a, b, np.array([1, 0, 1, 0, 1, 0], bool), np.array([0, 0, 1, 1, 2, 2]), "by hand")
    found = ten_folds(rows, pairs)
    assert found.folds[2].accuracy == 0.5
    assert found.folds[2].threshold > np.cos(np.deg2rad(60))
    assert found.accuracy == pytest.approx(np.mean([fold.accuracy for fold in found.folds]))
    assert found.deviation == pytest.approx(np.std([fold.accuracy for fold in found.folds], ddof=1))
    assert found.standard_error == pytest.approx(found.deviation / np.sqrt(3))


def test_folds_are_handed_on_and_their_absence_is_explained() -> None:
    faces = synthetic_faces(5, 2)
    compared = compare_all(faces.embeddings, faces.labels)
    folds = Folds(accuracy=1, deviation=0, standard_error=0, threshold=0, pairs=2, source="x", folds=())
    assert evaluate_verification(compared, folds).folds is folds
    assert evaluate_verification(compared, "too few").folds_note == "too few"
