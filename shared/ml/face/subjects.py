"""The subject of a photo, its faces measured where that decides (the rule: shared/faces/subject.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from shared.faces.subject import find_subject
from shared.ml.face import quality
from shared.ml.face.alignment import align
from shared.ml.face.geometry import DetectedFace, Image
from shared.ml.face.quality import FaceQuality
from shared.ml.face.verification import Verdict

MAX_MEASURED = 32  # of a photo's faces, the largest: others are too small to be meant


@dataclass(frozen=True, eq=False)
class MeasuredFace:
    face: DetectedFace
    quality: FaceQuality


@dataclass(frozen=True, eq=False)
class PhotoSubject:
    """The face that a photo shows; `others` might be compared too, and are plainly not meant."""

    face: DetectedFace
    others: tuple[DetectedFace, ...] = ()


@dataclass(frozen=True, eq=False)
class NoSubject:
    """No face, or several of which nobody can tell which one is meant; the largest first."""

    verdict: Verdict
    faces: tuple[MeasuredFace, ...] = ()


def subject_of(image: Image, faces: Sequence[DetectedFace]) -> PhotoSubject | NoSubject:
    """Which of an (H, W, 3) uint8 RGB image's faces, the largest first, is meant."""
    if not faces:
        return NoSubject(Verdict.NO_FACE)
    known = faces[:MAX_MEASURED]

    @cache
    def measured(number: int) -> FaceQuality:
        return measure(image, known[number])

    size = (image.shape[1], image.shape[0])
    found = find_subject([face.box for face in known], lambda number: measured(number).passed, size=size)
    if found.rivals:
        return NoSubject(Verdict.MULTIPLE_FACES, tuple(MeasuredFace(f, measured(n)) for n, f in enumerate(known)))
    return PhotoSubject(known[found.face], tuple(known[number] for number in found.others))


def measure(image: Image, face: DetectedFace) -> FaceQuality:
    """From the landmarks as they were detected."""
    return quality.assess(face, align(image, face.landmarks), frame=(image.shape[0], image.shape[1]))
