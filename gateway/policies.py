"""The named threshold profiles of shared.ml.face.verification as request fields."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.errors import UnknownPolicy
from shared.ml.face.verification import IDENTIFICATION_PROFILES, VERIFICATION_PROFILES


def _one_of(names: Iterable[str]) -> AfterValidator:
    known = tuple(names)

    def check(name: str) -> str:
        if name not in known:
            raise UnknownPolicy(f"There is no such policy here; the policies are: {', '.join(known)}.")
        return name

    return AfterValidator(check)


VerificationPolicy = Annotated[
    str,
    _one_of(VERIFICATION_PROFILES),
    Field(
        description="a 1:1 threshold profile, named after its false match rate",
        json_schema_extra={"enum": list(VERIFICATION_PROFILES)},
    ),
]
IdentificationPolicy = Annotated[
    str,
    _one_of(IDENTIFICATION_PROFILES),
    Field(
        description="a 1:K threshold profile, named after its false positive identification rate",
        json_schema_extra={"enum": list(IDENTIFICATION_PROFILES)},
    ),
]
