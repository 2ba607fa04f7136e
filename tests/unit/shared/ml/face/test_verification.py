import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnknownPolicy
from shared.ml.face.verification import (
    COMPARABLE_AREA,
    DEFAULT_IDENTIFICATION,
    DEFAULT_VERIFICATION,
    IDENTIFICATION_PROFILES,
    VERIFICATION_PROFILES,
    Candidate,
    IdentificationProfile,
    Verdict,
    VerificationProfile,
    identification_profile,
    identify,
    one_face,
    verification_profile,
    verify,
)


@dataclass(frozen=True)
class Face:
    area: float


DEFAULT = identification_profile(DEFAULT_IDENTIFICATION)


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("verify-fmr-1e-3", 0.363), ("verify-fmr-1e-4", 0.425), ("verify-fmr-1e-5", 0.492)],
)
def test_a_verification_profile_has_its_measured_threshold(name: str, threshold: float) -> None:
    profile = verification_profile(name)
    assert profile.threshold == threshold
    assert verify(threshold, profile) is Verdict.MATCH
    assert verify(threshold - 1e-6, profile) is Verdict.NO_MATCH


def test_every_profile_says_what_it_holds_for() -> None:
    assert all(profile.name == name for name, profile in VERIFICATION_PROFILES.items())
    assert all(profile.name == name for name, profile in IDENTIFICATION_PROFILES.items())
    profiles: list[VerificationProfile | IdentificationProfile] = [
        *VERIFICATION_PROFILES.values(),
        *IDENTIFICATION_PROFILES.values(),
    ]
    for profile in profiles:
        assert profile.metric.startswith("cosine")
        assert profile.model == "sface-2021dec"
        assert profile.data
        assert profile.source


def test_the_defaults_are_profiles() -> None:
    assert verification_profile(DEFAULT_VERIFICATION).false_match_rate == pytest.approx(1e-4)
    assert DEFAULT.false_positive_rate == pytest.approx(1e-2)


@pytest.mark.parametrize("lookup", [verification_profile, identification_profile])
def test_an_unknown_profile_is_refused_with_the_known_ones(lookup: object) -> None:
    assert callable(lookup)
    with pytest.raises(UnknownPolicy, match=r"'strict': choose one of (verify|identify)-\S+, "):
        lookup("strict")


def test_the_identification_threshold_is_the_verification_threshold_at_fpir_over_k() -> None:
    assert DEFAULT.threshold(10) == pytest.approx(0.363)
    assert DEFAULT.threshold(100) == pytest.approx(0.425)
    assert DEFAULT.threshold(1000) == pytest.approx(0.492)
    assert DEFAULT.threshold(10_000) == pytest.approx(0.492 + 0.067)
    assert identification_profile("identify-fpir-1e-1").threshold(1000) == pytest.approx(0.425)


def test_it_is_stricter_than_the_threshold_that_was_measured_for_1000_people() -> None:
    assert DEFAULT.threshold(1000) > 0.471


@pytest.mark.parametrize("persons", [0, 1, 5])
def test_a_small_gallery_accepts_no_less_than_the_loosest_verification(persons: int) -> None:
    assert DEFAULT.threshold(persons) == 0.363


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


def test_no_faces_are_no_face() -> None:
    assert one_face([]) is Verdict.NO_FACE


def test_the_largest_face_is_meant_whatever_the_order() -> None:
    largest = Face(100.0)
    assert one_face([Face(10.0), largest, Face(100 * COMPARABLE_AREA - 1)]) is largest


def test_a_second_face_of_comparable_size_is_one_too_many() -> None:
    assert one_face([Face(100 * COMPARABLE_AREA), Face(100.0)]) is Verdict.MULTIPLE_FACES


def test_importing_the_decisions_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, shared.ml.face.verification; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'cv2')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
