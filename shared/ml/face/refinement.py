"""The five points of a face, measured several times and averaged.

A detector's landmarks wander by several per cent of the eye distance with the size at which it sees the face and
with which way round it sees it, and the embedding follows them. So the face is looked at again in small
views, always at the same sizes, upright, as it is and mirrored, and the points of all looks are averaged: their
errors are largely independent. docs/accuracy.md has what that gains and what it costs.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from shared.ml.face.geometry import DetectedFace, Image, View, close

Look = Callable[[View], Sequence[DetectedFace]]  # the faces of a view, in its image's coordinates

# The longer side of the face's box and of the view, in pixels. Small views cost little (1 ms each).
_FACE, _SIDE = 60, 96
_MIRRORED_ORDER = [1, 0, 2, 4, 3]  # of the landmarks: what is right becomes left
_SAME_PLACE = 0.4  # of the face's size: how far another look may find it from where it was
_LARGEST_CHANGE = 2.0  # of its size


def refine(look: Look, image: Image, face: DetectedFace) -> DetectedFace:
    """The face with its landmarks averaged over two more looks; looks that do not show it do not count."""
    view = close(image, face, roll=face.roll, face_size=_FACE, side=_SIDE)
    seen = _same(look(view), face)
    mirrored = _same(look(_mirrored(view)), face)
    points = [face.landmarks]
    if seen is not None:
        points.append(seen.landmarks)
    if mirrored is not None:
        points.append(mirrored.landmarks[_MIRRORED_ORDER])
    return replace(face, landmarks=np.mean(points, axis=0, dtype=np.float32))


def _mirrored(view: View) -> View:
    """The view with left and right exchanged, and the way back from there."""
    exchange = np.array([[-1.0, 0.0, view.pixels.shape[1] - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return View(np.ascontiguousarray(view.pixels[:, ::-1]), view.to_image @ exchange)


def _same(faces: Sequence[DetectedFace], face: DetectedFace) -> DetectedFace | None:
    """The one of these that is the face: in its place, and about as large."""
    for other in faces:
        apart = np.hypot(other.centre[0] - face.centre[0], other.centre[1] - face.centre[1])
        ratio = other.size / face.size
        if apart < _SAME_PLACE * face.size and 1 / _LARGEST_CHANGE < ratio < _LARGEST_CHANGE:
            return other
    return None
