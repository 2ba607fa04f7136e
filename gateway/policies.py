"""Threshold policies as request fields: those that always hold, and those that a gallery is calibrated for."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from shared.errors import InvalidField, UnknownPolicy
from shared.ml.face.verification import IDENTIFICATION_POLICIES, VERIFICATION_POLICIES
from shared.schemas import Gallery, Id, LivenessRequirement, PolicyKind

VerificationPolicy = Annotated[
    str,
    Field(
        max_length=64,
        description="a 1:1 threshold policy, named after its false match rate: "
        f"{', '.join(VERIFICATION_POLICIES)}, or one that the gallery is calibrated for",
        examples=list(VERIFICATION_POLICIES),
    ),
]
IdentificationPolicy = Annotated[
    str,
    Field(
        max_length=64,
        description="a 1:K threshold policy, named after its false positive identification rate: "
        f"{', '.join(IDENTIFICATION_POLICIES)}, or one that the gallery is calibrated for",
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
GENERAL: Mapping[PolicyKind, Iterable[str]] = {
    PolicyKind.VERIFICATION: VERIFICATION_POLICIES,
    PolicyKind.IDENTIFICATION: IDENTIFICATION_POLICIES,
}


def check_policy(policy: str, kind: PolicyKind, gallery: Gallery | None = None) -> None:
    """Raises UnknownPolicy, which names those that can be used here."""
    in_use = gallery.model.digest if gallery else ""
    calibrated = [found for found in (gallery.calibrations if gallery else ()) if found.model.digest == in_use]
    known = list(dict.fromkeys([*GENERAL[kind], *(found.policy for found in calibrated if found.kind is kind)]))
    if policy not in known:
        raise UnknownPolicy(f"There is no such policy here; the policies are: {', '.join(known)}.")


def check_liveness(liveness: LivenessRequirement, session: str | None, gallery: Gallery) -> None:
    """Raises InvalidField when the session that is needed is not named, or the one that is named not needed."""
    required = liveness.or_stricter(gallery.liveness)
    if required is LivenessRequirement.ACTIVE and session is None:
        raise InvalidField(
            "`liveness_session` is missing: make one with POST /v1/liveness-sessions, answer its challenge and "
            "name it here."
        )
    if required is not LivenessRequirement.ACTIVE and session is not None:
        raise InvalidField("`liveness_session` counts with `liveness=active` only: send both, or neither.")
