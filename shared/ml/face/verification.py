"""Decisions: whether two faces are one person (1:1), who somebody is (1:K).

Scores are cosine similarities of unit embeddings; with d² = ‖f(a) − f(b)‖² = 2 − 2 cos a threshold on one is
a threshold on the other. A threshold is never a bare number here: it belongs to a named profile, a promise
(FMR or FPIR) kept by the measured scores of one model (shared/ml/face/catalogue.py) or of one gallery.

Pure Python: the gateway imports this module, and must not load torch or numpy with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.errors import UnknownPolicy
from shared.ml.face.catalogue import DEFAULT_MODEL, OperatingCurve


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
    LIVENESS_UNAVAILABLE = "liveness_unavailable"
    LIVE = "live"
    ENROLLED = "enrolled"
    LOOKALIKE = "lookalike"
    IDENTITY_CONFLICT = "identity_conflict"
    ALREADY_ENROLLED = "already_enrolled"


class Candidate(NamedTuple):
    """A person of the gallery and how similar the probe is to him, fused over his templates."""

    person: str
    score: float


@dataclass(frozen=True)
class VerificationProfile:
    """A 1:1 threshold: the least score that counts as the same person."""

    name: str
    false_match_rate: float  # FMR: how often two different people reach the threshold
    curve: OperatingCurve

    @property
    def threshold(self) -> float:
        return self.curve.threshold(self.false_match_rate)


@dataclass(frozen=True)
class IdentificationProfile:
    """A 1:K threshold, which follows the number of people searched."""

    name: str
    false_positive_rate: float  # FPIR: how often a stranger is taken for anybody in the gallery
    curve: OperatingCurve

    @property
    def margin(self) -> float:
        """The least distance from the second-best person."""
        return self.curve.margin

    def threshold(self, persons: int) -> float:
        """The least score that recognises somebody among this many.

        A stranger is compared K times, each a false match with probability FMR, so FPIR ≤ K · FMR however the
        comparisons depend on each other; FMR = FPIR / K keeps the promise, and more: it overestimates what
        is needed. Never below the loosest measured point: a small gallery is no reason to accept less.
        """
        loosest = self.curve.points[0].threshold
        return max(loosest, self.curve.threshold(self.false_positive_rate / max(1, persons)))


VERIFICATION_POLICIES: Mapping[str, float] = {f"verify-fmr-1e-{n}": 10.0**-n for n in (3, 4, 5)}
"""1:1 policies by the false match rate they promise; a gallery's calibrations add their own."""
IDENTIFICATION_POLICIES: Mapping[str, float] = {f"identify-fpir-1e-{n}": 10.0**-n for n in (2, 1)}
"""1:K policies by the false positive identification rate they promise."""
DEFAULT_VERIFICATION = "verify-fmr-1e-4"
SAME_PERSON = "verify-fmr-1e-3"
"""Below the loosest 1:1 threshold a photo and the templates of its person would not even be taken for one person where
false matches are cheap: then an enrolled face does not look like the person's other ones."""
DEFAULT_IDENTIFICATION = "identify-fpir-1e-2"


def policy_name(target: float, *, search: bool) -> str:
    """What a policy is called that promises this FPIR of a search, or FMR of a verification: verify-fmr-2.5e-4."""
    mantissa, exponent = f"{target:.2e}".split("e")
    rate = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"identify-fpir-{rate}" if search else f"verify-fmr-{rate}"


def verification_profile(name: str, curve: OperatingCurve = DEFAULT_MODEL.curve) -> VerificationProfile:
    """The 1:1 policy of that name, at the measured scores of a model."""
    return VerificationProfile(name, _named(name, VERIFICATION_POLICIES), curve)


def identification_profile(name: str, curve: OperatingCurve = DEFAULT_MODEL.curve) -> IdentificationProfile:
    """The 1:K policy of that name, at the measured scores of a model."""
    return IdentificationProfile(name, _named(name, IDENTIFICATION_POLICIES), curve)


def _named(name: str, policies: Mapping[str, float]) -> float:
    if name not in policies:
        raise UnknownPolicy(f"unknown policy {name!r}: choose one of {', '.join(policies)}")
    return policies[name]


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
    if not best.score >= threshold:  # also what is no number
        return Identification(Verdict.NOT_RECOGNISED, threshold, score=best.score)
    if len(candidates) > 1 and best.score - candidates[1].score < profile.margin:
        return Identification(Verdict.AMBIGUOUS, threshold, score=best.score)
    return Identification(Verdict.RECOGNISED, threshold, best.person, best.score)


def identify_faces(
    faces: Sequence[Sequence[Candidate]], profile: IdentificationProfile, *, persons: int
) -> list[Identification]:
    """`identify` for all faces of one image, in which nobody appears twice.

    Where several faces are recognised as one person the most similar one is; the others are decided again
    without him. For that each face needs as many candidates as there are faces, and one more.
    """
    decided = [identify(candidates, profile, persons=persons) for candidates in faces]
    holder: dict[str, int] = {}  # person -> the face that is he

    def score(face: int) -> float:
        return decided[face].score or 0.0

    waiting = list(range(len(faces)))
    while waiting:
        face = waiting.pop()
        person = decided[face].person
        if person is None or holder.setdefault(person, face) == face:
            continue
        if score(face) > score(holder[person]):
            face, holder[person] = holder[person], face
        # a holder's score only ever rises, so nobody is given back what he lost: this ends
        free = [c for c in faces[face] if c.person not in holder or c.score > score(holder[c.person])]
        decided[face] = identify(free, profile, persons=persons)
        waiting.append(face)
    return decided
