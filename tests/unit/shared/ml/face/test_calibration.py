import numpy as np
import pytest

from shared.errors import InsufficientData, TargetNotSupported
from shared.ml.face import calibration
from shared.ml.face.calibration import calibrate_identification, calibrate_verification, raise_model
from shared.ml.face.catalogue import DEFAULT_MODEL, OperatingCurve
from shared.ml.face.face_set import FaceSet, label
from shared.ml.face.gallery import fuse
from shared.ml.face.verification import IdentificationProfile
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces

FACES = synthetic_faces(60, 3, dimensions=16)


def fused_by_hand(faces: FaceSet) -> np.ndarray:
    """(N, people - 1): each template with every other person, as a search scores him."""
    return np.array(
        [
            [fuse(row, faces.embeddings[faces.labels == other]) for other in np.unique(faces.labels) if other != own]
            for row, own in zip(faces.embeddings, faces.labels, strict=True)
        ]
    )


def test_the_measured_rate_is_that_of_fused_scores() -> None:
    found = calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=0.01)
    scores = fused_by_hand(FACES)
    assert found.measured.trials == scores.size
    assert found.measured.errors == pytest.approx((scores >= found.threshold).sum(), abs=1)
    assert (found.people, found.templates) == (60, 180)


def test_the_upper_end_of_the_interval_keeps_the_promise_and_hardly_more() -> None:
    found = calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=0.01)
    assert found.measured.value < found.measured.high <= 0.01
    assert found.measured.high > 0.0099


def test_a_verifications_only_point_is_its_target() -> None:
    found = calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=0.01)
    curve = OperatingCurve(found.points, 0.0, "", "")
    assert curve.threshold(0.01) == found.threshold


def test_the_order_of_the_rows_does_not_matter() -> None:
    order = np.random.default_rng(0).permutation(len(FACES))
    shuffled = calibrate_verification(FACES.embeddings[order], FACES.labels[order], target_fmr=0.01)
    assert shuffled.threshold == pytest.approx(
        calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=0.01).threshold, abs=1e-4
    )


def test_a_search_among_all_is_measured_on_each_strangers_best_score() -> None:
    found = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2)
    best = fused_by_hand(FACES).max(axis=1)
    assert found.measured.trials == 180
    assert found.measured.errors == pytest.approx((best >= found.threshold).sum(), abs=1)
    assert found.measured.high <= 0.2


def test_smaller_galleries_are_measured_as_random_ones_are() -> None:
    """Against 400 drawn galleries of ten: the weights are their expectation."""
    found = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2)
    sizes = [round(found.target / point.false_match_rate) for point in found.points]
    assert sizes == [1, 3, 10, 30, 59]
    threshold = found.points[2].threshold
    rng = np.random.default_rng(0)
    scores = fused_by_hand(FACES)
    drawn = [(scores[:, rng.permutation(59)[:10]].max(axis=1) >= threshold).mean() for _ in range(400)]
    # what is allowed of 180 probes in 5 galleries each, half of them independent
    allowed = 0.2 - 1.959964 * np.sqrt(0.2 * 0.8 / (180 * 5 / 2))
    assert np.mean(drawn) == pytest.approx(allowed, abs=0.005)


def test_the_threshold_follows_the_number_of_people() -> None:
    found = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2)
    curve = OperatingCurve(found.points, 0.0, "", "")
    thresholds = [curve.threshold(0.2 / k) for k in (1, 5, 30, 59, 500, 50_000)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[2] < thresholds[4] < thresholds[5]
    assert curve.threshold(0.2 / 59) == pytest.approx(found.threshold)


def test_work_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(calibration, "_AT_ONCE", 180 * 7)
    parts = calibrate_identification(
        FACES.embeddings, FACES.labels, target_fpir=0.2, progress=lambda done, total: seen.append((done, total))
    )
    assert parts.threshold == pytest.approx(whole.threshold, abs=1e-4)
    assert seen[-1] == (180, 180)
    assert len(seen) == 26


def test_a_target_that_the_data_cannot_support_says_how_many_people_would_do() -> None:
    with pytest.raises(TargetNotSupported, match="10,620 comparisons") as refused:
        calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=1e-4)
    assert "at least 76,822 are needed, about 161 people with 3 photos each" in str(refused.value)
    enough = synthetic_faces(161, 3)
    calibrate_verification(enough.embeddings, enough.labels, target_fmr=1e-4)


def test_the_target_that_is_offered_instead_is_supported() -> None:
    with pytest.raises(TargetNotSupported, match="180 comparisons") as refused:
        calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=1e-3)
    offered = float(str(refused.value).rpartition("target of ")[2].split()[0])
    calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=offered)


def test_fewer_than_two_people_cannot_be_strangers() -> None:
    one = synthetic_faces(1, 9)
    for labels, rows in ((one.labels, one.embeddings), (label([]), one.embeddings[:0])):
        with pytest.raises(InsufficientData, match="at least 2"):
            calibrate_verification(rows, labels, target_fmr=0.1)
        with pytest.raises(InsufficientData, match="at least 2"):
            calibrate_identification(rows, labels, target_fpir=0.1)


def test_a_target_outside_of_zero_and_one_is_no_rate() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=1.0)


# --- at least so high ---

CURVE = DEFAULT_MODEL.curve
RATES = (1e-1, 1e-2, 1e-3, 3e-4, 1e-4, 1e-5, 1e-7)


def test_a_score_does_not_reach_the_threshold_just_above_it() -> None:
    for score in np.random.default_rng(0).uniform(-1, 1, 1000).tolist():
        assert score < calibration.just_above(score) <= score + 2**-16


def test_a_least_threshold_raises_every_point_of_a_search_and_lowers_none() -> None:
    plain = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2)
    least = plain.points[1].threshold + 0.01
    raised = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2, least=least)
    for before, after in zip(plain.points, raised.points, strict=True):
        assert after == (before.false_match_rate, max(before.threshold, least))
    assert raised.unraised == plain.threshold


@pytest.mark.parametrize("target", RATES)
def test_a_models_own_threshold_is_kept_or_raised(target: float) -> None:
    own = raise_model(CURVE, target=target, people=5, search=False)
    assert own.threshold == own.unraised == CURVE.threshold(target)
    raised = raise_model(CURVE, target=target, people=5, search=False, least=own.threshold + 0.03)
    assert raised.threshold == own.threshold + 0.03
    assert OperatingCurve(raised.points, 0.0, "", "").threshold(target) == raised.threshold
    assert raise_model(CURVE, target=target, people=5, search=False, least=-1) == own


@pytest.mark.parametrize("least", [-1, 0.40, 0.45, 0.60])
def test_a_models_own_search_is_nowhere_laxer_than_it_was_nor_than_the_least(least: float) -> None:
    raised = raise_model(CURVE, target=1e-2, people=7, search=True, least=least)
    before = IdentificationProfile("p", 1e-2, CURVE)
    after = IdentificationProfile("p", 1e-2, OperatingCurve(raised.points, CURVE.margin, "", ""))
    for persons in (1, 2, 5, 7, 10, 31, 100, 500, 1000, 20_000):
        assert after.threshold(persons) >= max(before.threshold(persons), least)
    assert (raised.threshold, raised.unraised) == (after.threshold(7), before.threshold(7))
