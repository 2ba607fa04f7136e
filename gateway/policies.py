"""Threshold policies as request fields: those that always hold, and those that a gallery is calibrated for."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from gateway.faces.availability import require_for_request
from shared.errors import InvalidField, UnknownPolicy
from shared.ml.face.verification import (
    DEFAULT_IDENTIFICATION,
    DEFAULT_VERIFICATION,
    IDENTIFICATION_POLICIES,
    VERIFICATION_POLICIES,
)
from shared.schemas import AccessRules, Gallery, Id, LivenessRequirement, PolicyKind

VerificationPolicy = Annotated[
    str | None,
    Field(
        max_length=64,
        description="a 1:1 threshold policy, named after its false match rate: "
        f"{', '.join(VERIFICATION_POLICIES)}, or one that the gallery is calibrated for; left out: the gallery's, or "
        f"{DEFAULT_VERIFICATION}; the gallery's own holds where its threshold is higher",
        examples=list(VERIFICATION_POLICIES),
    ),
]
ComparisonPolicy = Annotated[
    str,
    Field(
        max_length=64,
        description=f"a 1:1 threshold policy, named after its false match rate: {', '.join(VERIFICATION_POLICIES)}",
        examples=list(VERIFICATION_POLICIES),
    ),
]
IdentificationPolicy = Annotated[
    str | None,
    Field(
        max_length=64,
        description="a 1:K threshold policy, named after its false positive identification rate: "
        f"{', '.join(IDENTIFICATION_POLICIES)}, or one that the gallery is calibrated for; left out: the gallery's, or "
        f"{DEFAULT_IDENTIFICATION}; the gallery's own holds where its threshold is higher",
        examples=list(IDENTIFICATION_POLICIES),
    ),
]
Thorough = Annotated[
    bool,
    Field(description="also look for small faces beside large ones: 0.1 s more for a photo of 1280 px, 1 s for 12 Mpx"),
]
Liveness = Annotated[
    LivenessRequirement,
    Field(
        description="what must show that the face is a living person's: none, report, passive or active; "
        "the gallery's own rule holds where it is stricter"
    ),
]
LivenessSession = Annotated[
    Id | None, Field(description="id of a liveness session that the same face has passed; for `active`")
]
Device = Annotated[
    Id | None, Field(description="id of the door or camera that asks, for the gallery's rules and the audit")
]
GENERAL: Mapping[PolicyKind, Iterable[str]] = {
    PolicyKind.VERIFICATION: VERIFICATION_POLICIES,
    PolicyKind.IDENTIFICATION: IDENTIFICATION_POLICIES,
}


DEFAULT: Mapping[PolicyKind, str] = {
    PolicyKind.VERIFICATION: DEFAULT_VERIFICATION,
    PolicyKind.IDENTIFICATION: DEFAULT_IDENTIFICATION,
}


def policy_of(kind: PolicyKind, access: AccessRules) -> str | None:
    """The one that a gallery's rules name."""
    match kind:
        case PolicyKind.VERIFICATION:
            return access.verification_policy
        case PolicyKind.IDENTIFICATION:
            return access.identification_policy


def choose_policy(asked: str | None, kind: PolicyKind, gallery: Gallery) -> str:
    """The policy of a request: what it asks for, or else the gallery's, or else the default.

    The gallery's own is the least strict one; the worker sees to that, who knows the thresholds.

    Raises:
        UnknownPolicy: it is none, or the gallery's is none any more.
    """
    chosen = asked if asked is not None else policy_of(kind, gallery.access) or DEFAULT[kind]
    check_policy(chosen, kind, gallery)
    return chosen


def check_policy(policy: str, kind: PolicyKind, gallery: Gallery | None = None) -> None:
    """Raises UnknownPolicy, which names those that can be used here."""
    in_use = gallery.model.digest if gallery else ""
    calibrated = [found for found in (gallery.calibrations if gallery else ()) if found.model.digest == in_use]
    known = list(dict.fromkeys([*GENERAL[kind], *(found.policy for found in calibrated if found.kind is kind)]))
    if policy not in known:
        raise UnknownPolicy(f"There is no such policy here; the policies are: {', '.join(known)}.")


def check_liveness(liveness: LivenessRequirement, session: str | None, gallery: Gallery) -> None:
    """Judge what a request says of liveness, against its gallery's rule and what can be checked here.

    Raises:
        InvalidField: the session that is needed is not named, or the one that is named not needed.
        LivenessUnavailable: the request itself asks for what cannot be checked; a gallery's rule is the worker's.
        QueueUnavailable
    """
    required = liveness.or_stricter(gallery.liveness)
    if required is LivenessRequirement.ACTIVE and session is None:
        raise InvalidField(
            "`liveness_session` is missing: make one with POST /v1/liveness-sessions, answer its challenge and "
            "name it here."
        )
    if required is not LivenessRequirement.ACTIVE and session is not None:
        raise InvalidField("`liveness_session` counts with `liveness=active` only: send both, or neither.")
    require_for_request(liveness)
