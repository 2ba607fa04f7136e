import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnknownPolicy
from shared.ml.face.catalogue import CATALOGUE, DEFAULT_MODEL, ModelCard, OperatingCurve, OperatingPoint
from shared.ml.face.verification import (
    DEFAULT_IDENTIFICATION,
    DEFAULT_VERIFICATION,
    VERIFICATION_POLICIES,
    Candidate,
    Verdict,
    identification_profile,
    identify,
    identify_faces,
    verification_profile,
    verify,
)

DEFAULT = identification_profile(DEFAULT_IDENTIFICATION)


@pytest.mark.parametrize("name", VERIFICATION_POLICIES)
def test_a_verification_threshold_is_the_measured_one_of_its_false_match_rate(name: str) -> None:
    measured = {f"verify-fmr-{rate:.0e}".replace("e-0", "e-"): score for rate, score in DEFAULT_MODEL.curve.points}
    profile = verification_profile(name)
    assert profile.threshold == pytest.approx(measured[name])
    assert verify(profile.threshold, profile) is Verdict.MATCH
    assert verify(profile.threshold - 1e-6, profile) is Verdict.NO_MATCH


@pytest.mark.parametrize("card", CATALOGUE.values(), ids=lambda card: card.name)
def test_every_model_says_how_its_scores_were_measured(card: ModelCard) -> None:
    assert card.curve.data
    assert card.curve.source
    rates = [point.false_match_rate for point in card.curve.points]
    thresholds = [point.threshold for point in card.curve.points]
    assert rates == sorted(rates, reverse=True)
    assert thresholds == sorted(thresholds)
    assert rates == pytest.approx(list(VERIFICATION_POLICIES.values()))


def test_the_defaults_are_profiles() -> None:
    assert verification_profile(DEFAULT_VERIFICATION).false_match_rate == pytest.approx(1e-4)
    assert DEFAULT.false_positive_rate == pytest.approx(1e-2)


@pytest.mark.parametrize("lookup", [verification_profile, identification_profile])
def test_an_unknown_profile_is_refused_with_the_known_ones(lookup: object) -> None:
    assert callable(lookup)
    with pytest.raises(UnknownPolicy, match=r"'strict': choose one of (verify|identify)-\S+, "):
        lookup("strict")


def test_the_identification_threshold_is_the_verification_threshold_at_fpir_over_k() -> None:
    loose, middle, strict = (verification_profile(f"verify-fmr-1e-{n}").threshold for n in (3, 4, 5))
    assert DEFAULT.threshold(10) == pytest.approx(loose)
    assert DEFAULT.threshold(100) == pytest.approx(middle)
    assert DEFAULT.threshold(1000) == pytest.approx(strict)
    assert DEFAULT.threshold(10_000) == pytest.approx(strict + (strict - middle))
    assert identification_profile("identify-fpir-1e-1").threshold(1000) == pytest.approx(middle)


def test_a_curve_is_linear_in_log_fmr_between_its_points_and_beyond() -> None:
    curve = _curve(OperatingPoint(1e-2, 0.3), OperatingPoint(1e-4, 0.5), OperatingPoint(1e-5, 0.7))
    assert curve.threshold(1e-1) == pytest.approx(0.2)
    assert curve.threshold(1e-3) == pytest.approx(0.4)
    assert curve.threshold(10**-4.5) == pytest.approx(0.6)
    assert curve.threshold(1e-6) == pytest.approx(0.9)


def test_a_curve_of_one_point_is_the_same_everywhere() -> None:
    assert _curve(OperatingPoint(1e-3, 0.4)).threshold(1e-6) == 0.4


@pytest.mark.parametrize("persons", [0, 1, 5])
def test_a_small_gallery_accepts_no_less_than_the_loosest_point(persons: int) -> None:
    assert DEFAULT.threshold(persons) == DEFAULT_MODEL.curve.points[0].threshold


@given(persons=st.integers(1, 10**8), more=st.integers(1, 10**8))
def test_more_people_never_lower_the_threshold(persons: int, more: int) -> None:
    assert DEFAULT.threshold(persons + more) >= DEFAULT.threshold(persons)


def test_a_clear_best_is_recognised() -> None:
    found = identify([Candidate("ada", 0.7), Candidate("bob", 0.3)], DEFAULT, persons=1000)
    assert (found.verdict, found.person, found.score) == (Verdict.RECOGNISED, "ada", 0.7)
    assert found.threshold == DEFAULT.threshold(1000)


def test_the_only_person_of_a_gallery_needs_no_margin() -> None:
    assert identify([Candidate("ada", 0.4)], DEFAULT, persons=1).verdict is Verdict.RECOGNISED


def test_a_best_below_the_threshold_is_not_recognised_and_not_named() -> None:
    found = identify([Candidate("ada", 0.49)], DEFAULT, persons=1000)
    assert (found.verdict, found.person, found.score) == (Verdict.NOT_RECOGNISED, None, 0.49)


def test_an_empty_gallery_recognises_nobody() -> None:
    found = identify([], DEFAULT, persons=0)
    assert (found.verdict, found.person, found.score) == (Verdict.NOT_RECOGNISED, None, None)


def test_a_second_person_within_the_margin_makes_it_ambiguous_and_names_neither() -> None:
    twins = [Candidate("ada", 0.7), Candidate("bob", 0.7 - DEFAULT.margin + 0.01)]
    found = identify(twins, DEFAULT, persons=1000)
    assert (found.verdict, found.person) == (Verdict.AMBIGUOUS, None)


def test_a_second_person_beyond_the_margin_does_not_matter() -> None:
    two = [Candidate("ada", 0.7), Candidate("bob", 0.7 - DEFAULT.margin - 0.01)]
    assert identify(two, DEFAULT, persons=1000).verdict is Verdict.RECOGNISED


def test_nobody_appears_twice_in_one_image() -> None:
    """The more similar face is Ada; the other is decided again without her, and is Bob."""
    faces = [
        [Candidate("ada", 0.7), Candidate("bob", 0.6), Candidate("eve", 0.1)],
        [Candidate("ada", 0.9), Candidate("eve", 0.2), Candidate("bob", 0.1)],
    ]
    assert [found.person for found in identify_faces(faces, DEFAULT, persons=10)] == ["bob", "ada"]


def test_a_face_that_loses_its_only_likely_person_is_not_recognised() -> None:
    faces = [[Candidate("ada", score), Candidate("bob", 0.1)] for score in (0.8, 0.9, 0.7)]
    found = identify_faces(faces, DEFAULT, persons=10)
    assert [one.person for one in found] == [None, "ada", None]
    assert found[0].verdict is Verdict.NOT_RECOGNISED


def test_a_loser_takes_the_next_person_from_whoever_resembles_him_less() -> None:
    faces = [
        [Candidate("ada", 0.9), Candidate("bob", 0.2)],
        [Candidate("ada", 0.85), Candidate("bob", 0.75)],
        [Candidate("bob", 0.7), Candidate("ada", 0.1)],
    ]
    assert [one.person for one in identify_faces(faces, DEFAULT, persons=10)] == ["ada", "bob", None]


@given(
    st.lists(
        st.permutations(["ada", "bob", "eve", "zoe"]).flatmap(
            lambda order: st.lists(st.floats(0, 1), min_size=4, max_size=4).map(
                lambda scores: [Candidate(p, s) for p, s in zip(order, sorted(scores, reverse=True), strict=True)]
            )
        ),
        max_size=6,
    )
)
def test_however_faces_compete_each_person_is_given_once(faces: list[list[Candidate]]) -> None:
    named = [one.person for one in identify_faces(faces, DEFAULT, persons=4) if one.person]
    assert len(named) == len(set(named))


def test_importing_the_decisions_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, shared.ml.face.verification; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'cv2')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _curve(*points: OperatingPoint) -> OperatingCurve:
    return OperatingCurve(points, margin=0.05, data="made up", source="this test")
