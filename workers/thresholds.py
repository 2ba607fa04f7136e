"""Which threshold a gallery's answers use: its own calibration's, or the one measured for its model.

A gallery may name the least strict policy that it allows. Names do not say which of two thresholds is the higher one,
where one of them was calibrated and the other was not: so the higher one itself is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.ml.face.catalogue import ModelCard, OperatingCurve, OperatingPoint
from shared.ml.face.verification import (
    IdentificationProfile,
    VerificationProfile,
    identification_profile,
    verification_profile,
)
from shared.schemas import Calibration, Gallery

P = TypeVar("P", VerificationProfile, IdentificationProfile)


@dataclass(frozen=True)
class Bound(Generic[P]):
    """A policy bound to measured scores; `calibration` is the id of the gallery's own measurement, if any."""

    profile: P
    calibration: str | None = None


def for_verification(policy: str, gallery: Gallery, card: ModelCard) -> Bound[VerificationProfile]:
    """The 1:1 threshold of a policy in this gallery, or of the gallery's least strict one where that is higher.

    Raises:
        UnknownPolicy: neither a general policy nor one that the gallery is calibrated for with its model.
    """

    def bound(name: str) -> Bound[VerificationProfile]:
        if found := _calibration(name, gallery, card):
            return Bound(VerificationProfile(name, found.target, _curve(found, card)), found.id)
        return Bound(verification_profile(name, card.curve))

    return _strictest(policy, gallery.access.verification_policy, bound, lambda profile: profile.threshold)


def for_identification(policy: str, gallery: Gallery, card: ModelCard, *, persons: int) -> Bound[IdentificationProfile]:
    """The 1:K thresholds of a policy in this gallery, or of its least strict one where that is higher among so many.

    Raises as `for_verification`.
    """

    def bound(name: str) -> Bound[IdentificationProfile]:
        if found := _calibration(name, gallery, card):
            return Bound(IdentificationProfile(name, found.target, _curve(found, card)), found.id)
        return Bound(identification_profile(name, card.curve))

    least = gallery.access.identification_policy
    return _strictest(policy, least, bound, lambda profile: profile.threshold(persons))


def _strictest(
    policy: str, least: str | None, bound: Callable[[str], Bound[P]], threshold: Callable[[P], float]
) -> Bound[P]:
    """The policy that was asked for unless the gallery's own has the higher threshold."""
    wanted = bound(policy)
    if least is None or least == policy:
        return wanted
    required = bound(least)
    return required if threshold(required.profile) > threshold(wanted.profile) else wanted


def _calibration(policy: str, gallery: Gallery, card: ModelCard) -> Calibration | None:
    """Another model's calibration says nothing about this one's scores."""
    return gallery.calibration(policy, card.digest)


def _curve(found: Calibration, card: ModelCard) -> OperatingCurve:
    """The calibration's points, and beyond the last of them no flatter than the model's own line.

    Few people make a nearly flat end, which would promise any number of people the threshold of these few.
    """
    points = [OperatingPoint(point.false_match_rate, point.threshold) for point in found.points]
    last = points[-1]
    rate = last.false_match_rate / 10
    own = OperatingCurve(tuple(points), card.curve.margin, "", "").threshold(rate)
    models = last.threshold + card.curve.threshold(rate) - card.curve.threshold(last.false_match_rate)
    beyond = OperatingPoint(rate, max(own, models))
    return OperatingCurve((*points, beyond), card.curve.margin, found.source, f"calibration {found.id}")
