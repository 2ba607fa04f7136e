"""Whose photo a photo of several people is: of its subject, or of several who may be meant.

The subject is the largest face, for whoever stands nearest asks to be looked at. Another face puts that into doubt
when it may be compared at all (it is neither cut off nor turned away, tiny or blurred) and has at least half the area
of the subject's: it stands at most 1.4 times as far from the camera. It does not when it is plainly beside the subject:
smaller, and off the middle of a photo in whose middle the subject is.

A largest face that is no good is still the subject. Otherwise somebody who covers his face before a camera would be
taken for whoever stands behind him. Only beside a good face in the middle that is hardly smaller does it count as a
bystander: a neighbour whom the edge of the photo cuts in two.

On photos of Labeled Faces in the Wild, each of which is of the person in its middle: docs/accuracy.md.

Pure Python: the gateway must not load numpy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height; in pixels

COMPARABLE_AREA = 0.5  # of the subject's: from there on another face may be the one that is meant
SMALLER_AREA = 0.8  # of the subject's: below that a face beside the middle is no rival of one in the middle
MIDDLE_WIDTH, MIDDLE_HEIGHT = 1 / 3, 1 / 2  # of the photo's; portraits have their faces above its middle
LEAST_OVERLAP = 0.1  # of a box and a face, intersection over union: below that the box means another place


@dataclass(frozen=True)
class Subject:
    """Numbers of faces. With rivals nobody can tell whose photo it is."""

    face: int
    rivals: tuple[int, ...] = ()
    others: tuple[int, ...] = ()  # that are good enough to be compared, and plainly not meant


def find_subject(boxes: Sequence[Box], usable: Callable[[int], bool], *, size: tuple[int, int]) -> Subject:
    """The subject of a photo with at least one face.

    Args:
        boxes: of the faces, the largest first.
        usable: whether the face of that number is good enough to be compared; asked only where it matters.
        size: the photo's (width, height).
    """
    if len(boxes) == 1:
        return Subject(0)
    subject = _subject(boxes, usable, size)
    others = tuple(face for face in range(len(boxes)) if face != subject and usable(face))
    rivals = tuple(face for face in others if _is_rival(boxes[face], boxes[subject], size))
    return Subject(subject, rivals, tuple(face for face in others if face not in rivals))


def chosen_face(boxes: Sequence[Box], box: Box) -> int | None:
    """The number of the face that overlaps a box most; None when none does."""
    overlaps = [_overlap(face, box) for face in boxes]
    best = max(range(len(boxes)), key=overlaps.__getitem__, default=None)
    return best if best is not None and overlaps[best] >= LEAST_OVERLAP else None


def _subject(boxes: Sequence[Box], usable: Callable[[int], bool], size: tuple[int, int]) -> int:
    if not _in_middle(boxes[0], size) and not usable(0):
        for face, box in enumerate(boxes):
            if _area(box) >= SMALLER_AREA * _area(boxes[0]) and _in_middle(box, size) and usable(face):
                return face
    return 0


def _is_rival(face: Box, subject: Box, size: tuple[int, int]) -> bool:
    beside = _area(face) < SMALLER_AREA * _area(subject) and _in_middle(subject, size) and not _in_middle(face, size)
    return _area(face) >= COMPARABLE_AREA * _area(subject) and not beside


def _in_middle(box: Box, size: tuple[int, int]) -> bool:
    x, y = (box[0] + box[2] / 2) / size[0], (box[1] + box[3] / 2) / size[1]
    return abs(x - 0.5) <= MIDDLE_WIDTH / 2 and abs(y - 0.5) <= MIDDLE_HEIGHT / 2


def _area(box: Box) -> float:
    return box[2] * box[3]


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (_area(a) + _area(b) - shared)
