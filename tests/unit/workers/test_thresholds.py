"""Which threshold an answer uses."""

from datetime import UTC, datetime

import pytest

from shared.errors import UnknownPolicy
from shared.ml.face.catalogue import ACCURATE_MODEL, DEFAULT_MODEL, ModelCard
from shared.schemas import AccessRules, Calibration, Gallery, MeasuredPoint, Model, PolicyKind
from workers.thresholds import for_identification, for_verification

NOW = datetime.now(UTC)


def model(card: ModelCard) -> Model:
    return Model(name=card.name, digest=card.digest)


def gallery(*calibrations: Calibration, **access: str) -> Gallery:
    rules = AccessRules.model_validate(access)
    return Gallery(id="staff", created_at=NOW, model=model(DEFAULT_MODEL), calibrations=calibrations, access=rules)


def calibration(policy: str, *points: tuple[float, float], target: float, card: ModelCard) -> Calibration:
    return Calibration(
        id="cal-1",
        policy=policy,
        kind=PolicyKind.VERIFICATION,
        target=target,
        created_at=NOW,
        model=model(card),
        points=[MeasuredPoint(false_match_rate=rate, threshold=threshold) for rate, threshold in points],
        threshold=points[-1][1],
        persons=100,
        comparisons=9900,
        errors=1,
        interval=(0.0, 1.0),
        source="gallery",
    )


def test_without_a_calibration_the_models_own_measurement_holds() -> None:
    for card in (DEFAULT_MODEL, ACCURATE_MODEL):
        bound = for_verification("verify-fmr-1e-4", gallery(), card)
        assert bound.calibration is None
        assert bound.profile.threshold == pytest.approx(card.curve.points[1].threshold)


def test_a_calibration_of_the_policy_takes_its_place() -> None:
    found = calibration("verify-fmr-1e-4", (1e-4, 0.39), target=1e-4, card=DEFAULT_MODEL)
    bound = for_verification("verify-fmr-1e-4", gallery(found), DEFAULT_MODEL)
    assert (bound.calibration, bound.profile.threshold) == ("cal-1", 0.39)


def test_a_calibration_of_another_model_is_left_alone() -> None:
    found = calibration("verify-fmr-1e-4", (1e-4, 0.39), target=1e-4, card=DEFAULT_MODEL)
    bound = for_verification("verify-fmr-1e-4", gallery(found), ACCURATE_MODEL)
    assert bound.calibration is None
    custom = calibration("verify-fmr-2e-4", (2e-4, 0.39), target=2e-4, card=DEFAULT_MODEL)
    with pytest.raises(UnknownPolicy):
        for_verification("verify-fmr-2e-4", gallery(custom), ACCURATE_MODEL)


def test_a_calibrated_search_follows_k_along_its_points() -> None:
    points = ((1e-2, 0.30), (1e-3, 0.36), (1e-4, 0.44))  # FPIR 1 % among 1, 10 and 100
    found = calibration("identify-fpir-1e-2", *points, target=1e-2, card=DEFAULT_MODEL)
    bound = for_identification("identify-fpir-1e-2", gallery(found), DEFAULT_MODEL, persons=10)
    thresholds = [bound.profile.threshold(persons) for persons in (1, 10, 100, 1000)]
    assert thresholds == pytest.approx([0.30, 0.36, 0.44, 0.52])
    assert bound.profile.margin == DEFAULT_MODEL.curve.margin


def test_beyond_its_data_a_calibration_is_no_flatter_than_its_model() -> None:
    """Few people: the measured end is flat, and would give everybody the threshold of these few."""
    points = ((1e-2, 0.30), (1e-3, 0.31))
    found = calibration("identify-fpir-1e-2", *points, target=1e-2, card=DEFAULT_MODEL)
    profile = for_identification("identify-fpir-1e-2", gallery(found), DEFAULT_MODEL, persons=10).profile
    models = DEFAULT_MODEL.curve
    assert profile.threshold(10) == pytest.approx(0.31)
    assert profile.threshold(100) - 0.31 == pytest.approx(models.threshold(1e-4) - models.threshold(1e-3))


def test_a_single_measured_point_does_not_hold_for_any_number_of_people() -> None:
    found = calibration("identify-fpir-1e-1", (1e-1, 0.2), target=1e-1, card=DEFAULT_MODEL)
    profile = for_identification("identify-fpir-1e-1", gallery(found), DEFAULT_MODEL, persons=10).profile
    assert profile.threshold(1) == pytest.approx(0.2)
    assert profile.threshold(1000) > 0.35


# --- the least strict policy that a gallery allows ---

STRICT, LAX = "verify-fmr-1e-5", "verify-fmr-1e-3"


@pytest.mark.parametrize(
    ("asked", "least", "used"),
    [(LAX, STRICT, STRICT), (STRICT, LAX, STRICT), (STRICT, STRICT, STRICT), (LAX, None, LAX)],
)
def test_a_request_cannot_be_laxer_than_its_gallery(asked: str, least: str | None, used: str) -> None:
    rules = {"verification_policy": least} if least else {}
    bound = for_verification(asked, gallery(**rules), DEFAULT_MODEL)
    assert bound.profile.name == used
    assert bound.profile.threshold == for_verification(used, gallery(), DEFAULT_MODEL).profile.threshold


def test_the_higher_threshold_counts_whatever_the_names_promise() -> None:
    """A gallery's people resemble each other: its calibrated 1e-3 is stricter than the model's own 1e-5."""
    found = calibration(LAX, (1e-3, 0.55), target=1e-3, card=DEFAULT_MODEL)
    bound = for_verification(STRICT, gallery(found, verification_policy=LAX), DEFAULT_MODEL)
    assert (bound.profile.name, bound.profile.threshold, bound.calibration) == (LAX, 0.55, "cal-1")


def test_of_two_searches_the_one_with_the_higher_threshold_among_so_many_counts() -> None:
    """Two curves that cross: which policy is the stricter one depends on the number of people."""
    flat = calibration("identify-fpir-1e-1", (1e-1, 0.50), (1e-5, 0.52), target=1e-1, card=DEFAULT_MODEL)
    own = gallery(flat, identification_policy="identify-fpir-1e-1")
    names = [for_identification("identify-fpir-1e-2", own, DEFAULT_MODEL, persons=k).profile.name for k in (2, 5000)]
    assert names == ["identify-fpir-1e-1", "identify-fpir-1e-2"]


def test_a_least_policy_that_is_not_known_lets_nobody_pass() -> None:
    with pytest.raises(UnknownPolicy):
        for_verification(STRICT, gallery(verification_policy="verify-fmr-2e-4"), DEFAULT_MODEL)
