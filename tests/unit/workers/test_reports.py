"""Reported errors in a calibration: they raise the threshold as far as it helps, and never lower it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.galleries.feedback import Feedback, FeedbackKind
from shared.ml.face.calibration import Calibrated, calibrate_identification, calibrate_verification, just_above
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.verification import IdentificationProfile, Verdict, verify
from shared.schemas import Calibration, Gallery, MeasuredPoint, Model, PolicyKind
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces
from workers.reports import OUT_OF_REACH_FMR, Reports
from workers.thresholds import for_identification, for_verification

FACES = synthetic_faces(60, 3, dimensions=128)
NOW = datetime.now(UTC)
MODEL = Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)
GALLERY = Gallery(id="staff", created_at=NOW - timedelta(days=1), model=MODEL)
HIGHEST = DEFAULT_MODEL.curve.threshold(OUT_OF_REACH_FMR)


def report(score: float | None, *, kind: FeedbackKind = FeedbackKind.WRONG_PERSON, **changes: Any) -> Feedback:
    fields = {
        "id": "j-0", "gallery": "staff", "job": "j", "face": 0, "kind": kind, "search": PolicyKind.VERIFICATION,
        "person": "u1", "score": score, "policy": "verify-fmr-1e-4", "threshold": 0.43, "model": MODEL,
        "device": None, "created_at": NOW, "actor": "k",
    }  # fmt: skip
    return Feedback.model_validate({**fields, **changes})


def reports(*found: Feedback, search: PolicyKind = PolicyKind.VERIFICATION) -> Reports:
    return Reports.of(found, GALLERY, DEFAULT_MODEL, search=search, allowed=1e-4)


def measured(least: float = -1) -> Calibrated:
    return calibrate_verification(FACES.embeddings, FACES.labels, target_fmr=0.01, least=least)


UNRAISED = measured().threshold


@given(st.floats(-1, 1))
def test_a_score_does_not_reach_the_threshold_just_above_it(score: float) -> None:
    assert score < just_above(score) <= score + 2**-16


def test_without_reports_nothing_changes() -> None:
    found = reports()
    use = found.use(measured(found.least))
    assert measured(found.least) == measured()
    assert (use.wrong_person, use.raised_by, use.out_of_reach) == (0, 0, 0)


def test_the_threshold_goes_above_the_highest_reported_false_match() -> None:
    scores = [UNRAISED + 0.01, UNRAISED + 0.05, UNRAISED + 0.02]
    found = reports(*map(report, scores))
    raised = measured(found.least)
    assert max(scores) < raised.threshold <= max(scores) + 2**-16
    use = found.use(raised)
    assert use.wrong_person == 3
    assert use.raised_by == pytest.approx(0.05, abs=1e-4)
    assert raised.points[0].threshold == raised.threshold


def test_the_rate_is_told_at_the_raised_threshold() -> None:
    raised = measured(just_above(UNRAISED + 0.03))
    assert raised.measured.errors < measured().measured.errors
    assert raised.measured.high < measured().measured.high <= 0.01


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1), max_size=5))
def test_reports_never_lower_a_threshold(scores: list[float]) -> None:
    raised = measured(reports(*map(report, scores)).least)
    assert raised.threshold >= UNRAISED
    assert raised.unraised == UNRAISED


def test_a_report_below_the_threshold_changes_nothing() -> None:
    """Of a laxer policy: it would not pass here."""
    found = reports(report(UNRAISED - 0.1))
    use = found.use(measured(found.least))
    assert (use.wrong_person, use.raised_by) == (1, 0)
    assert measured(found.least).threshold == UNRAISED


@pytest.mark.parametrize(
    "changes",
    [
        {"model": Model(name="other", digest="d2")},
        {"search": PolicyKind.IDENTIFICATION},
        {"created_at": GALLERY.created_at - timedelta(seconds=1)},
        {"kind": FeedbackKind.NOT_RECOGNISED_BUT_IS},
        {"score": None},
    ],
)
def test_only_false_matches_of_this_model_and_kind_and_gallery_count(changes: dict[str, Any]) -> None:
    assert reports(report(0.6).model_copy(update=changes)).least == -1


def test_no_threshold_is_put_above_what_everybody_else_would_fail() -> None:
    """Twins, a photo enrolled under the wrong name, or a lie: one report must not shut the door for all."""
    found = reports(report(0.97), report(UNRAISED + 0.02), report(HIGHEST))
    use = found.use(measured(found.least))
    assert (use.wrong_person, use.out_of_reach) == (1, 2)
    assert measured(found.least).threshold <= HIGHEST


@pytest.mark.parametrize("persons", [100, 100_000])
def test_a_search_of_many_people_learns_from_the_false_matches_that_it_makes(persons: int) -> None:
    """Its threshold alone is beyond what 1:1 comparisons reach."""
    target = 1e-3
    threshold = IdentificationProfile("", target, DEFAULT_MODEL.curve).threshold(persons)
    made = report(threshold + 0.02, search=PolicyKind.IDENTIFICATION)
    of = partial(Reports.of, gallery=GALLERY, card=DEFAULT_MODEL, search=PolicyKind.IDENTIFICATION)
    found = of([made], allowed=target / persons)
    assert found.least > threshold + 0.02
    twin = made.model_copy(update={"score": 0.97})
    assert of([twin], allowed=target / persons).out_of_reach == 1


def test_misses_are_counted_at_the_new_threshold_and_move_nothing() -> None:
    missed = FeedbackKind.NOT_RECOGNISED_BUT_IS
    found = reports(*(report(score, kind=missed) for score in (UNRAISED - 0.1, UNRAISED + 0.1, None)))
    use = found.use(measured(found.least))
    assert measured(found.least).threshold == UNRAISED
    assert (use.not_recognised, use.still_not_recognised) == (3, 2)


# --- and the gallery's answers then ---


def calibrated(found: Calibrated, policy: str, kind: PolicyKind) -> Gallery:
    points = [MeasuredPoint(false_match_rate=rate, threshold=threshold) for rate, threshold in found.points]
    made = Calibration(
        id="cal-1", policy=policy, kind=kind, target=found.target, created_at=NOW, model=MODEL, points=points,
        threshold=found.threshold, persons=found.people, comparisons=1, errors=0, interval=(0, 1), source="gallery",
    )  # fmt: skip
    return GALLERY.with_calibration(made)


def test_the_reported_pair_does_not_match_again() -> None:
    score = UNRAISED + 0.02
    gallery = calibrated(measured(just_above(score)), "verify-fmr-1e-2", PolicyKind.VERIFICATION)
    bound = for_verification("verify-fmr-1e-2", gallery, DEFAULT_MODEL)
    assert verify(score, bound.profile) is Verdict.NO_MATCH


@pytest.mark.parametrize("persons", [1, 2, 10, 59, 1000])
def test_the_reported_stranger_is_not_found_again_among_any_number_of_people(persons: int) -> None:
    def search(least: float) -> IdentificationProfile:
        found = calibrate_identification(FACES.embeddings, FACES.labels, target_fpir=0.2, least=least)
        gallery = calibrated(found, "identify-fpir-2e-1", PolicyKind.IDENTIFICATION)
        return for_identification("identify-fpir-2e-1", gallery, DEFAULT_MODEL, persons=persons).profile

    score = search(-1).threshold(59) + 0.02
    raised = search(just_above(score))
    assert raised.threshold(persons) > score
    assert raised.threshold(persons) >= search(-1).threshold(persons)
