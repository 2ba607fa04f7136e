"""Which threshold a gallery's answers use: its own calibration's, or the one measured for its model."""

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
    """The 1:1 threshold of a policy in this gallery.

    Raises:
        UnknownPolicy: neither a general policy nor one that the gallery is calibrated for with its model.
    """
    if found := _calibration(policy, gallery, card):
        return Bound(VerificationProfile(policy, found.target, _curve(found, card)), found.id)
    return Bound(verification_profile(policy, card.curve))


def for_identification(policy: str, gallery: Gallery, card: ModelCard) -> Bound[IdentificationProfile]:
    """The 1:K thresholds of a policy in this gallery; raises as `for_verification`."""
    if found := _calibration(policy, gallery, card):
        return Bound(IdentificationProfile(policy, found.target, _curve(found, card)), found.id)
    return Bound(identification_profile(policy, card.curve))


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
