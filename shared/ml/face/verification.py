"""Decisions: which face is meant, whether two are one person (1:1), who somebody is (1:K).

Scores are cosine similarities of unit embeddings; with d² = ‖f(a) − f(b)‖² = 2 − 2 cos a threshold on one is
a threshold on the other. A threshold is never a bare number here: it belongs to a named profile that says for
which model and metric it holds, on which data it was measured, and what it promises.

Pure Python: the gateway imports this module, and must not load torch or numpy with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log10
from typing import NamedTuple, Protocol, TypeVar

from shared.errors import UnknownPolicy


class Verdict(StrEnum):
    """What came out, in a word; each is an ordinary result, none an error."""

    MATCH = "match"
    NO_MATCH = "no_match"
    RECOGNISED = "recognised"
    NOT_RECOGNISED = "not_recognised"
    AMBIGUOUS = "ambiguous"
    NO_FACE = "no_face"
    MULTIPLE_FACES = "multiple_faces"
    LOW_QUALITY = "low_quality"
    SPOOF_SUSPECTED = "spoof_suspected"
    ENROLLED = "enrolled"


class Candidate(NamedTuple):
    """A person of the gallery and how similar the probe is to him, fused over his templates."""

    person: str
    score: float


@dataclass(frozen=True)
class VerificationProfile:
    """A 1:1 threshold: the least score that counts as the same person."""

    name: str
    threshold: float
    false_match_rate: float  # FMR: how often two different people reach the threshold
    true_match_rate: float  # 1 - FNMR: how often two photos of one person do
    metric: str
    model: str
    data: str
    source: str


@dataclass(frozen=True)
class IdentificationProfile:
    """A 1:K threshold, which follows the number of people searched."""

    name: str
    false_positive_rate: float  # FPIR: how often a stranger is taken for anybody in the gallery
    margin: float  # least distance from the second-best person
    metric: str
    model: str
    data: str
    source: str

    def threshold(self, persons: int) -> float:
        """The least score that recognises somebody among this many.

        A stranger is compared K times, each a false match with probability FMR, so FPIR ≤ K · FMR however the
        comparisons depend on each other; FMR = FPIR / K keeps the promise, and more: 0.492 for FPIR 1 % at K
        = 1000, where 0.471 was measured to be enough. Between the measured points the threshold is linear in
        log FMR; beyond the last it goes on in the same line, which overestimates a tail that falls like a
        Gaussian's. Never below the loosest 1:1 profile: a small gallery is no reason to accept less.
        """
        return max(_FMR_POINTS[0][1], _threshold_for(self.false_positive_rate / max(1, persons)))


_SFACE = "sface-2021dec"
_LFW = "all pairs of LFW's 13,233 photos (242,257 genuine, 87 million impostor), YuNet and 5-point alignment"
_MEASURED = "measured with this pipeline, November 2026"


def _verification(exponent: int, threshold: float, true_match_rate: float) -> VerificationProfile:
    return VerificationProfile(
        name=f"verify-fmr-1e-{exponent}",
        threshold=threshold,
        false_match_rate=10.0**-exponent,
        true_match_rate=true_match_rate,
        metric="cosine",
        model=_SFACE,
        data=_LFW,
        source=_MEASURED,
    )


def _identification(exponent: int) -> IdentificationProfile:
    return IdentificationProfile(
        name=f"identify-fpir-1e-{exponent}",
        false_positive_rate=10.0**-exponent,
        # LFW, 228 people with one photo: 0.1 % of right answers lie within it; siblings were not measured
        margin=0.05,
        metric="cosine, mean of the best template's and the mean template's",
        model=_SFACE,
        data=_LFW,
        source=f"{_MEASURED}; from the verification table with FMR = FPIR / K",
    )


VERIFICATION_PROFILES: Mapping[str, VerificationProfile] = {
    profile.name: profile
    for profile in (
        _verification(3, 0.363, 0.9969),
        _verification(4, 0.425, 0.9935),
        _verification(5, 0.492, 0.980),
    )
}
IDENTIFICATION_PROFILES: Mapping[str, IdentificationProfile] = {
    profile.name: profile for profile in (_identification(2), _identification(1))
}
DEFAULT_VERIFICATION = "verify-fmr-1e-4"
DEFAULT_IDENTIFICATION = "identify-fpir-1e-2"

_FMR_POINTS = [(log10(p.false_match_rate), p.threshold) for p in VERIFICATION_PROFILES.values()]


def _threshold_for(false_match_rate: float) -> float:
    """Linear in log10 FMR through the measured points, extended beyond both ends."""
    x = log10(false_match_rate)
    (x0, y0), (x1, y1) = _FMR_POINTS[:2] if x > _FMR_POINTS[1][0] else _FMR_POINTS[1:]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def verification_profile(name: str) -> VerificationProfile:
    """The 1:1 profile of that name."""
    return _named(name, VERIFICATION_PROFILES)


def identification_profile(name: str) -> IdentificationProfile:
    """The 1:K profile of that name."""
    return _named(name, IDENTIFICATION_PROFILES)


_Profile = TypeVar("_Profile")


def _named(name: str, profiles: Mapping[str, _Profile]) -> _Profile:
    if name not in profiles:
        raise UnknownPolicy(f"unknown policy {name!r}: choose one of {', '.join(profiles)}")
    return profiles[name]


def verify(score: float, profile: VerificationProfile) -> Verdict:
    """Match or no match."""
    return Verdict.MATCH if score >= profile.threshold else Verdict.NO_MATCH


@dataclass(frozen=True)
class Identification:
    """Who it is; `person` is set exactly when recognised."""

    verdict: Verdict
    threshold: float
    person: str | None = None
    score: float | None = None  # of the best candidate, whoever that is


def identify(candidates: Sequence[Candidate], profile: IdentificationProfile, *, persons: int) -> Identification:
    """Recognised, not recognised or ambiguous, from the best candidates of a search among `persons` people.

    `candidates` are the best first, and at least two of them wherever the gallery has two people: the margin
    is taken between the first two.
    """
    threshold = profile.threshold(persons)
    if not candidates:
        return Identification(Verdict.NOT_RECOGNISED, threshold)
    best = candidates[0]
    if best.score < threshold:
        return Identification(Verdict.NOT_RECOGNISED, threshold, score=best.score)
    if len(candidates) > 1 and best.score - candidates[1].score < profile.margin:
        return Identification(Verdict.AMBIGUOUS, threshold, score=best.score)
    return Identification(Verdict.RECOGNISED, threshold, best.person, best.score)


class _HasArea(Protocol):
    @property
    def area(self) -> float: ...


_Face = TypeVar("_Face", bound=_HasArea)

# A second face this large, as a part of the largest one's area, may be the one that is meant: it stands at
# most 1.4 times as far from the camera. Smaller ones are people in the background.
COMPARABLE_AREA = 0.5


def one_face(faces: Sequence[_Face]) -> _Face | Verdict:
    """The largest face, or why there is no face to speak of: no_face or multiple_faces."""
    if not faces:
        return Verdict.NO_FACE
    largest, *others = sorted(faces, key=lambda face: face.area, reverse=True)
    if others and others[0].area >= COMPARABLE_AREA * largest.area:
        return Verdict.MULTIPLE_FACES
    return largest
