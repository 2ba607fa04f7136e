"""What a gallery's liveness rule makes of a probe's face."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.ml.face.catalogue import ModelCard
from shared.ml.face.verification import Verdict
from shared.schemas import LivenessRequirement, PassiveStatus
from workers.face_reader import Face
from workers.liveness import LivenessGuard
from workers.runner import Held

UNAVAILABLE = (
    "Liveness is required and cannot be checked here: the networks' weights are not installed. An administrator must "
    "install them (docs/liveness.md), or change the gallery's rule."
)
SPOOF = "The face looks like a picture of one: find more even light and a plain background, and try again."
NO_SESSION = "A passed liveness session is required: make one, answer its challenge, and name it in the request."


@dataclass(frozen=True)
class Judgement:
    """What is known of the face; `verdict` and `reason` when that is why the request is refused."""

    status: PassiveStatus | None = None
    verdict: Verdict | None = None
    reason: str | None = None


Judge = Callable[[Face, ModelCard], Judgement]


def judge(guard: LivenessGuard, held: Held, required: LivenessRequirement, session: str | None) -> Judge:
    """A judge of the faces of one job, which share the session that it names, if any."""

    def passive(face: Face) -> Judgement:
        status = guard.passive_of([face.context]).status
        if required is LivenessRequirement.REPORT or status is PassiveStatus.LIVE:
            return Judgement(status)
        if status is PassiveStatus.UNAVAILABLE:
            return Judgement(status, Verdict.LIVENESS_UNAVAILABLE, UNAVAILABLE)
        return Judgement(status, Verdict.SPOOF_SUSPECTED, SPOOF)

    def active(face: Face, card: ModelCard) -> Judgement:
        reason = guard.active(held, session, face.embedding, card) if session else NO_SESSION
        if reason is None:
            return Judgement(PassiveStatus.LIVE)
        return Judgement(PassiveStatus.SPOOF_SUSPECTED, Verdict.SPOOF_SUSPECTED, reason)

    def decide(face: Face, card: ModelCard) -> Judgement:
        match required:
            case LivenessRequirement.NONE:
                return Judgement()
            case LivenessRequirement.REPORT | LivenessRequirement.PASSIVE:
                return passive(face)
            case LivenessRequirement.ACTIVE:
                return active(face, card)

    return decide
