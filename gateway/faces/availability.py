"""Which liveness checks this installation can make, by what its face workers say of themselves.

Weights lie where the workers are, so the gateway asks who is warm. A check that some of the workers cannot make is not
available: which of them takes a job is chance.
"""

from pydantic import Field

from gateway.context import services
from gateway.errors import LivenessUnavailable
from gateway.web.responses import Document, optional
from shared.errors import Unavailable
from shared.ml.weight_registry import OPTIONAL
from shared.presence import Capability
from shared.queue import Queue
from shared.schemas import LivenessRequirement

NO_WORKER = "No face worker is running that could say so: start one, and ask again."
ADVICE = "Fetch them with `make weights`, restart these workers, and see docs/liveness.md."


class Availability(Document):
    available: bool
    reason: str | None = optional("what is missing, and what to do")


class LivenessAvailability(Document):
    passive: Availability = Field(description="from the photo itself; for `report` and `passive`")
    active: Availability = Field(description="by a challenge; for `active`")


def liveness_availability() -> LivenessAvailability:
    """Tell what the workers that are warm now can do."""
    try:
        workers = services().presence.workers(Queue.FACE_INTERACTIVE)
        lacking = services().presence.lacking(Capability.PASSIVE_LIVENESS)
    except Unavailable as error:
        unknown = Availability(available=False, reason=str(error))
        return LivenessAvailability(passive=unknown, active=unknown)
    if not workers:
        nobody = Availability(available=False, reason=NO_WORKER)
        return LivenessAvailability(passive=nobody, active=nobody)
    passive = Availability(available=not lacking, reason=_no_weights(workers, lacking) if lacking else None)
    return LivenessAvailability(passive=passive, active=Availability(available=True))


def require_for_rule(rule: LivenessRequirement) -> None:
    """Refuse a gallery's rule that no request could meet. Raises LivenessUnavailable."""
    match rule:
        case LivenessRequirement.NONE | LivenessRequirement.REPORT:
            return
        case LivenessRequirement.PASSIVE:
            found = liveness_availability().passive
        case LivenessRequirement.ACTIVE:
            found = liveness_availability().active
    if not found.available:
        raise LivenessUnavailable(f"`liveness` cannot be `{rule}` here. {found.reason}")


def require_for_request(asked: LivenessRequirement) -> None:
    """Refuse a request that is known to be asking in vain. While no worker says anything it may wait for one.

    Raises:
        LivenessUnavailable, QueueUnavailable
    """
    if asked is not LivenessRequirement.PASSIVE:
        return
    presence = services().presence
    if lacking := presence.lacking(Capability.PASSIVE_LIVENESS):
        reason = _no_weights(presence.workers(Queue.FACE_INTERACTIVE), lacking)
        raise LivenessUnavailable(f"`liveness` cannot be `{asked}` here. {reason}")


def _no_weights(workers: int, lacking: int) -> str:
    names = " and ".join(weights.name for weights in OPTIONAL)
    whose = "the face worker has" if workers == 1 else f"{lacking} of {workers} face workers have"
    return f"Passive liveness needs weights that {whose} not: {names}. {ADVICE}"
