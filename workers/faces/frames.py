"""One probe of a photo or of several frames of one person (docs/decisions/0031-several-frames-are-one-probe.md).

The probe of several frames is the mean of their embeddings, and it is not made a unit vector again: a person's score
for it is at most the mean of his scores for the frames (the same where he has one template), and frames that agree
less give lower scores, never higher ones. So the threshold of one photo keeps its promise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from shared.ml.face.catalogue import ModelCard
from shared.ml.face.verification import Verdict
from shared.schemas import FaceView, FaceWarning, PassiveStatus
from workers.face_models import Embedding
from workers.face_reader import Face, Refusal
from workers.liveness_rule import Judge, Judgement

# Frames that are less alike than photos of different people are once in a thousand pairs do not show one person.
SAME_PERSON_FMR = 1e-3
DIFFERENT = "The frames show different people: send frames of one person."
NONE_USABLE = "None of the {count} frames can be used. The first one: {reason}"
OTHERS = "There are further faces in the photo that might be compared: is it the right one?"

Score = Callable[[Embedding], float]


@dataclass(frozen=True, eq=False)
class Frame:
    """A photo or one of several frames, and what liveness makes of its face."""

    face: Face | Refusal
    alive: Judgement

    @property
    def refused(self) -> tuple[Verdict, str | None] | None:
        """Why it has no say by itself."""
        if isinstance(self.face, Refusal):
            return self.face.verdict, self.face.reason
        return (self.alive.verdict, self.alive.reason) if self.alive.verdict else None


@dataclass(frozen=True, eq=False)
class Probe:
    """What is compared; or `verdict` and `reason` why nothing is.

    Attributes:
        frames: all of them, in their order.
        view: of the best face.
        liveness: the worst status of the faces.
        embedding: their mean; None when nothing is compared.
        faces: those of which nobody can tell which one is meant.
    """

    frames: Sequence[Frame]
    view: FaceView | None = None
    liveness: PassiveStatus | None = None
    embedding: Embedding | None = None
    verdict: Verdict | None = None
    reason: str | None = None
    faces: tuple[FaceView, ...] = ()

    @property
    def warnings(self) -> list[FaceWarning]:
        """Of faces beside those that were taken."""
        prefixes = [f"Frame {number}: " for number in range(len(self.frames))] if len(self.frames) > 1 else [""]
        told = [other_faces(frame.face, prefix) for prefix, frame in zip(prefixes, self.frames, strict=True)]
        return [warning for warnings in told for warning in warnings]


def other_faces(face: Face | Refusal, prefix: str = "") -> list[FaceWarning]:
    """A warning where the photo has further faces that might be compared."""
    if isinstance(face, Refusal) or not face.others:
        return []
    return [FaceWarning(code="other_faces", detail=prefix + OTHERS, boxes=list(face.others))]


def probe_of(faces: Sequence[Face | Refusal], judge: Judge, card: ModelCard) -> Probe:
    """One probe of the faces of one photo or of several frames.

    Frames without a good face are left out as long as there is one. All others must be alive where that is required,
    and all must show one person: no frame is another try.
    """
    frames = [Frame(face, judge(face, card) if isinstance(face, Face) else Judgement()) for face in faces]
    used = [frame for frame in frames if isinstance(frame.face, Face)]
    good = [frame.face for frame in used if isinstance(frame.face, Face)]
    if not good:
        return _none_usable(frames)
    best = max(good, key=lambda face: face.view.quality.score).view
    liveness = _worst([frame.alive.status for frame in used])
    failed = next((frame.alive for frame in used if frame.alive.verdict), None)
    if failed is not None:
        return Probe(frames, best, liveness, verdict=failed.verdict, reason=failed.reason)
    least = card.curve.threshold(SAME_PERSON_FMR)
    if any(float(a.embedding @ b.embedding) < least for a, b in combinations(good, 2)):
        return Probe(frames, best, liveness, verdict=Verdict.MULTIPLE_FACES, reason=DIFFERENT)
    mean = np.stack([face.embedding for face in good]).mean(axis=0, dtype=np.float32)
    return Probe(frames, best, liveness, embedding=mean)


def _none_usable(frames: Sequence[Frame]) -> Probe:
    refusal = frames[0].face
    if not isinstance(refusal, Refusal):
        raise AssertionError("only refused frames come here")
    reason = refusal.reason
    if len(frames) > 1:
        reason = NONE_USABLE.format(count=len(frames), reason=reason)
    return Probe(frames, refusal.view, verdict=refusal.verdict, reason=reason, faces=refusal.faces)


def _worst(statuses: Sequence[PassiveStatus | None]) -> PassiveStatus | None:
    order = (PassiveStatus.SPOOF_SUSPECTED, PassiveStatus.UNAVAILABLE, PassiveStatus.LIVE)
    return next((status for status in order if status in statuses), None)
