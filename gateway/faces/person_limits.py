"""How often one person may be tried and enrolled: counted here, and told to whoever meets a limit; lifting a lock.

One decision is one attempt, of however many photos it was made.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from apiflask import APIBlueprint
from flask import Response

from gateway.auth import Scope
from gateway.context import caller, chosen_id, context, services
from gateway.errors import PersonLocked, TooManyEnrolments
from gateway.telling import tell
from gateway.web.operations import Operation, operation
from shared.attempts import Admission, Limit, Refusal
from shared.schemas import Decision, Gallery
from shared.settings import RateSettings

TODAY_S = 3600.0  # a lock that ends later than this says on which day

blueprint = APIBlueprint("locks", __name__, url_prefix="/v1/galleries/<id:gallery>/persons/<id:person>/lock")


@blueprint.delete("")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def unlock_person(gallery: str, person: str) -> Response:
    """Lift a person's lock: what failed is forgotten, and they can be verified again at once.

    Nothing happens where there is no lock. What failed stays in the audit.
    """
    tenant = caller().tenant
    found = services().galleries.get_person(tenant, gallery, person)
    tell("person.unlocked", gallery=gallery, uid=found.uid)
    services().attempts.unlock(tenant, gallery, person)
    return Response(status=204)


@contextmanager
def attempt(gallery: str, person: str, device: str | None) -> Iterator[None]:
    """Count an attempt to be taken for a person, whose job the body submits. Raises PersonLocked."""
    tenant, attempts = caller().tenant, services().attempts
    with attempts.counted(tenant, gallery, person, job_id=chosen_id()) as refusal:
        if refusal is not None:
            if attempts.is_first_refusal(tenant, gallery, person, seconds=refusal.seconds):
                told = {"decision": Decision.DENIED.value, "reason": PersonLocked.code}
                tell("verification.refused", gallery=gallery, person=person, device=device, **told)
            raise _locked(refusal, f"/v1/galleries/{gallery}/persons/{person}/lock")
        yield


@contextmanager
def enrolment(gallery: Gallery, person: str) -> Iterator[None]:
    """Count an enrolment of a person, whose job the body submits. Raises TooManyEnrolments."""
    tenant, attempts, least = caller().tenant, services().attempts, gallery.templates_per_person
    admission = attempts.enrol(tenant, gallery.id, person, [chosen_id()], least=least)
    if not admission.count:
        raise too_many_enrolments(admission)
    try:
        yield
    except BaseException:
        attempts.withdraw_enrolment(tenant, gallery.id, person, chosen_id())
        raise


def too_many_enrolments(admission: Admission) -> TooManyEnrolments:
    """What a photo is told for which the day has no room."""
    return TooManyEnrolments(
        f"{admission.most:,} photos were sent to enrol this person within a day, which is the limit; those that were "
        f"refused count too. The next one can be sent {_from(admission.seconds)}.",
        retry_after=admission.seconds,
    )


def _locked(refusal: Refusal, lock: str) -> PersonLocked:
    limits = context().settings.rates
    return PersonLocked(_sentence(refusal, limits, lock), retry_after=refusal.seconds, limit=refusal.limit)


def _sentence(refusal: Refusal, limits: RateSettings, lock: str) -> str:
    until, lift = _until(refusal.seconds), f"Wait until then, or have an administrator lift the lock: DELETE {lock}."
    match refusal.limit:
        case Limit.ATTEMPTS:
            return (
                f"This person was verified {limits.person_per_minute:,} times within a minute, which is the limit. "
                f"The next verification can be sent {_from(refusal.seconds)}."
            )
        case Limit.UNDER_WAY:
            return (
                "Verifications of this person are under way, and if all of them fail they are locked: wait for the "
                "answers, then send the next one."
            )
        case Limit.FAILURES:
            return (
                f"{limits.person_failures:,} verifications of this person failed within "
                f"{duration(limits.failure_seconds)}, so nobody can verify as them {until}. {lift}"
            )
        case Limit.FAILURES_OF_A_DAY:
            return (
                f"{limits.person_failures_per_day:,} verifications of this person failed within a day, so nobody can "
                f"verify as them {until}. {lift}"
            )


def _until(seconds: float) -> str:
    return f"until {_moment(seconds)}"


def _from(seconds: float) -> str:
    return f"from {_moment(seconds)} on"


def _moment(seconds: float) -> str:
    """When so many seconds are over, said in both ways: `14:32:10 UTC (in 4 min 50 s)`; what is far has its date."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    clock = at.strftime("%H:%M:%S UTC" if seconds < TODAY_S else "%Y-%m-%d %H:%M UTC")
    return f"{clock} (in {duration(seconds)})"


def duration(seconds: float) -> str:
    """In the two largest units: `3 h 12 min`, `5 min`, `1 s`."""
    whole = max(1, math.ceil(seconds))
    units = (("h", whole // 3600), ("min", whole // 60 % 60), ("s", whole % 60))
    return " ".join([f"{count} {unit}" for unit, count in units if count][:2])
