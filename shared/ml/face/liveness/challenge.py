"""Active liveness: the subject does what he could not have known before; every frame is held against it.

A challenge is a random order of movements. The frames of one answer must show one face without interruption,
starting from the front, each movement in its turn and no other. Movements are measured against the subject's
own first frames, since five landmarks tell differences of pose better than pose itself.

A picture is flat, and that shows: however it is moved, turned, tilted or stretched, its points map affinely
(seen from some distance), p' = A p + t. `head_pose` fits the average head's axes to the points, M = P H⁺; A M
spans the same plane of the head's space as M, so yaw and pitch, which follow from that plane alone, do not
change. Only depth changes them. A picture that is bent has depth.

"Left" is the subject's own left: in a frame as the camera sees it, not mirrored, the nose moves to the right
of the image and yaw grows.

Every limit here was set on rendered movement (see docs/liveness.md), none on recordings of people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import hypot, log

import numpy as np
import numpy.typing as npt

from shared.ml.face.detector import Box, Landmarks
from shared.ml.face.liveness.actions import MIN_FRAMES, Action, Challenge
from shared.ml.face.quality import head_pose

FIRST_FRAMES = 3  # the reference: what pose and size are measured from
_FACING_YAW, _FACING_PITCH = 25.0, 25.0  # degrees; generous, since what follows is measured from there

# Degrees from the reference that make a movement, for refined landmarks: they under-report rendered movement (9 to
# 24 degrees for a turn of 45, 0 to 10 for a raised chin of 40) and err by up to 5 in yaw and 3 in pitch for a face
# that only comes closer; on a print held at a slant of 45 to 60 they may err by as much as a movement. At 9
# degrees of yaw all rendered people pass the turns, and 10 of 2520 prints and 2 of 2520 shuffled films with them; at
# 10 six in seven, 6 and none: a wrong "yes" is worse than a "no".
_TURN, _UP = 10.0, 6.0
_CLOSER = 1.25  # times the reference's height of the face's box
_OVER = 0.5  # part of a movement below which it has ended, and may begin again

# From one frame to the next, at five frames a second or more.
_MAX_STEP = 25.0  # degrees of yaw or pitch
_MAX_SHIFT = 0.5  # of the box's longer side
_MAX_GROWTH = 1.3

Embedding = npt.NDArray[np.float32]  # (D,), unit length


class Failure(StrEnum):
    """Why an answer fails; the value is stable and machine-readable."""

    TOO_FEW_FRAMES = "too_few_frames"
    REPEATED_FRAME = "repeated_frame"
    NOT_FACING = "not_facing"
    JUMP = "jump"
    ANOTHER_FACE = "another_face"
    WRONG_ACTION = "wrong_action"
    MISSING_ACTION = "missing_action"

    @property
    def advice(self) -> str:
        return _ADVICE[self]


_ADVICE = {
    Failure.TOO_FEW_FRAMES: f"Send at least {MIN_FRAMES} frames, five to ten for each second.",
    Failure.REPEATED_FRAME: "Two frames are the same picture: send each frame of the camera once.",
    Failure.NOT_FACING: "Look straight into the camera when it begins.",
    Failure.JUMP: "Move slowly, and send every frame in the order it was taken, five to ten for each second.",
    Failure.ANOTHER_FACE: "One person must be seen from the first frame to the last.",
    Failure.WRONG_ACTION: "Do only what is asked, in that order; left is the subject's own left, unmirrored.",
    Failure.MISSING_ACTION: "Do everything that is asked, and move further.",
}


@dataclass(frozen=True, eq=False)
class Observation:
    """The one face of one frame; pixels of that frame."""

    box: Box
    landmarks: Landmarks  # (5, 2), as the detector's
    embedding: Embedding
    digest: str  # of the frame's pixels: no camera gives the same ones twice


@dataclass(frozen=True)
class _Measure:
    """Pose in degrees, positive to the image's right and downwards; the box's height in pixels, which measures
    distance, since a turn changes the width.
    """

    yaw: float
    pitch: float
    height: float


@dataclass(frozen=True)
class Performed:
    """A movement that was seen, and the frame (from 0) at which it was complete."""

    action: Action
    frame: int


@dataclass(frozen=True)
class Finding:
    """Whether the frames answer the challenge, the first thing that is wrong with them, and what was seen."""

    failure: Failure | None = None
    frame: int | None = None  # where it shows, from 0
    performed: tuple[Performed, ...] = ()

    @property
    def passed(self) -> bool:
        return self.failure is None


def check(challenge: Challenge, frames: Sequence[Observation], *, same_face: float) -> Finding:
    """Hold the frames, in their order, against the challenge.

    `same_face` is the least cosine of two embeddings that counts as one person: a 1:1 threshold.
    """
    if len(frames) < MIN_FRAMES:
        return Finding(Failure.TOO_FEW_FRAMES)
    measures = _measure(frames)
    performed = _performed(measures)
    return (
        _repeated(frames)
        or _facing(measures)
        or _continuity(frames, measures, same_face)
        or _order(challenge, performed)
        or Finding(performed=performed)
    )


def _measure(frames: Sequence[Observation]) -> list[_Measure]:
    """Each value as the median of the frame and its neighbours: the detector's points err for single frames."""
    raw = np.array([(*head_pose(frame.landmarks)[:2], frame.box[3]) for frame in frames])
    padded = np.pad(raw, ((1, 1), (0, 0)), mode="edge")
    smooth = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    return [_Measure(*row) for row in smooth.tolist()]


def _reference(measures: Sequence[_Measure]) -> _Measure:
    """Pose and size at the beginning, the median of the first frames."""
    first = [(one.yaw, one.pitch, one.height) for one in measures[:FIRST_FRAMES]]
    return _Measure(*np.median(first, axis=0).tolist())


def _progress(action: Action, now: _Measure, start: _Measure) -> float:
    """How far into a movement: 1 where it counts as done."""
    turned = now.yaw - start.yaw
    match action:
        case Action.TURN_LEFT:
            return turned / _TURN
        case Action.TURN_RIGHT:
            return -turned / _TURN
        case Action.LOOK_UP:  # the pitch of a turned face is not to be trusted
            return (start.pitch - now.pitch) / _UP if abs(turned) < _OVER * _TURN else 0.0
        case Action.COME_CLOSER:
            return log(now.height / start.height) / log(_CLOSER)


def _repeated(frames: Sequence[Observation]) -> Finding | None:
    seen: set[str] = set()
    for index, frame in enumerate(frames):
        if frame.digest in seen:
            return Finding(Failure.REPEATED_FRAME, index)
        seen.add(frame.digest)
    return None


def _facing(measures: Sequence[_Measure]) -> Finding | None:
    for index, now in enumerate(measures[:FIRST_FRAMES]):
        if abs(now.yaw) > _FACING_YAW or abs(now.pitch) > _FACING_PITCH:
            return Finding(Failure.NOT_FACING, index)
    return None


def _continuity(frames: Sequence[Observation], measures: Sequence[_Measure], same_face: float) -> Finding | None:
    for index in range(1, len(frames)):
        before, now = frames[index - 1], frames[index]
        if _turned_at_once(measures[index - 1], measures[index]) or _leapt(before.box, now.box):
            return Finding(Failure.JUMP, index)
        likeness = min(float(now.embedding @ other.embedding) for other in (before, frames[0]))
        if likeness < same_face:
            return Finding(Failure.ANOTHER_FACE, index)
    return None


def _turned_at_once(before: _Measure, now: _Measure) -> bool:
    return max(abs(now.yaw - before.yaw), abs(now.pitch - before.pitch)) > _MAX_STEP


def _leapt(before: Box, now: Box) -> bool:
    (x, y, width, height), (u, v, w, h) = before, now
    shift = hypot(x + width / 2 - u - w / 2, y + height / 2 - v - h / 2)
    return shift > _MAX_SHIFT * max(width, height) or max(h / height, height / h) > _MAX_GROWTH


def _performed(measures: Sequence[_Measure]) -> tuple[Performed, ...]:
    """Every movement in the order of its completion.

    One at a time: until a movement has ended it counts once and no other begins, because a turned or near face
    is measured worse in all respects.
    """
    start = _reference(measures)
    found: list[Performed] = []
    under_way: Action | None = None
    for index, now in enumerate(measures):
        progress = {action: _progress(action, now, start) for action in Action}
        if under_way is not None and progress[under_way] < _OVER:
            under_way = None
        furthest = max(progress, key=lambda action: progress[action])
        if under_way is None and progress[furthest] >= 1:
            under_way = furthest
            found.append(Performed(furthest, index))
    return tuple(found)


def _order(challenge: Challenge, performed: tuple[Performed, ...]) -> Finding | None:
    """What is wrong with the movements' order: one too many, or one too few."""
    waiting = list(challenge.actions)
    for done in performed:
        if done.action not in waiting:
            return Finding(Failure.WRONG_ACTION, done.frame, performed)
        del waiting[: waiting.index(done.action) + 1]
    if len(performed) < len(challenge.actions):
        return Finding(Failure.MISSING_ACTION, performed=performed)
    return None
