"""How often a covered face is refused, by what covers it, and how often a free one is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from shared.ml.face.alignment import align, similarity
from shared.ml.face.detector import DetectedFace, FaceDetector, Image
from shared.ml.face.quality import FaceQuality, Reason, assess
from shared.ml.weights import YUNET, fetch

COVERED = 100  # photos of each kind
_GRAIN = 6.0  # grey levels of texture on what is painted

Corners = tuple[tuple[float, float], ...]  # x, y in pixels of the aligned crop
_MASK: Corners = ((22, 68), (56, 62), (90, 68), (88, 100), (56, 116), (24, 100))


@dataclass(frozen=True)
class Cover:
    name: str
    colour: tuple[int, int, int]
    polygons: tuple[Corners, ...]


def _ellipse(x: float, y: float, width: float, height: float) -> Corners:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return tuple((x + width / 2 * np.cos(a), y + height / 2 * np.sin(a)) for a in angles)


COVERS = (
    Cover("surgical mask", (150, 190, 210), (_MASK,)),
    Cover("black mask", (25, 25, 28), (_MASK,)),
    Cover("dark glasses", (15, 15, 15), (_ellipse(38, 52, 28, 20), _ellipse(74, 52, 28, 20))),
    Cover("bar over the eyes", (5, 5, 5), (((18, 42), (94, 42), (94, 62), (18, 62)),)),
    Cover("one half", (120, 120, 120), (((56, 0), (130, 0), (130, 130), (56, 130)),)),
    Cover("hand before the mouth", (205, 160, 135), (_ellipse(56, 94, 56, 32),)),
    Cover("hand before one eye", (205, 160, 135), (_ellipse(74, 52, 36, 36),)),
)


def section(data: Path) -> str:
    """A Markdown table: every photo of `data` as it is, some of them with painted covers."""
    detector = FaceDetector(fetch(YUNET))
    images = [np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1].copy() for path in sorted(data.glob("*/*.jpg"))]
    free = [_quality(detector, image) for image in images]
    wrong = sum(quality is not None and Reason.OCCLUDED in quality.reasons for quality in free)
    some = images[:: max(1, len(images) // COVERED)][:COVERED]
    rows = [f"| nothing | {len(images)} | {wrong / len(images):.2%} |"]
    rows += [_row(detector, some, cover) for cover in COVERS]
    return (
        "## Covered faces\n\nFlat, grainy shapes are painted over eyes, mouth or half of the face; real masks "
        "and hands vary more. Refused: for whatever reason, or no face is found any more.\n\n"
        "| cover | photos | refused |\n|---|---:|---:|\n" + "\n".join(rows) + "\n"
    )


def _row(detector: FaceDetector, images: Sequence[Image], cover: Cover) -> str:
    qualities = [_quality(detector, _covered(image, _central(detector, image), cover)) for image in images]
    refused = sum(quality is None or not quality.passed for quality in qualities)
    return f"| {cover.name} | {len(images)} | {refused / len(images):.0%} |"


def _central(detector: FaceDetector, image: Image) -> DetectedFace | None:
    middle = np.array(image.shape[1::-1]) / 2
    near = [f for f in detector.detect(image) if np.linalg.norm(f.landmarks.mean(axis=0) - middle) < f.size / 2]
    return max(near, key=lambda face: face.area, default=None)


def _quality(detector: FaceDetector, image: Image) -> FaceQuality | None:
    face = _central(detector, image)
    if face is None:
        return None
    return assess(face, align(image, face.landmarks), frame=(image.shape[0], image.shape[1]))


def _covered(image: Image, face: DetectedFace | None, cover: Cover) -> Image:
    if face is None:
        return image
    back = cv2.invertAffineTransform(similarity(face.landmarks))
    painted = np.zeros(image.shape[:2], np.uint8)
    for corners in cover.polygons:
        points = np.array(corners) @ back[:, :2].T + back[:, 2]
        cv2.fillPoly(painted, [points.round().astype(np.int32)], (255,))
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, image.shape[:2]), (0, 0), 2)
    colour = np.array(cover.colour) + (_GRAIN / grain.std() * grain)[..., None]
    return np.where(painted[..., None] > 0, colour.clip(0, 255), image).astype(np.uint8)
