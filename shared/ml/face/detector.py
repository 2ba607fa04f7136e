"""Every face of a photo, however large, small or turned, with its five landmarks.

YuNet (see yunet.py) knows upright faces that are neither tiny nor larger than its input, so a photo is looked
at in several ways, each for what the ones before it miss (ms on one CPU thread, square photos):

1. the whole image at a long side of 640 pixels at most, never enlarged (25 to 34): faces from 2 % to 80 %;
2. when that shows no large face: the image at 160 pixels in a frame twice as wide (8), for a face that fills
   or overflows it, which the first look misses while it may well find somebody in the background;
3. when nothing was found: three quarter turns at 320 pixels, each with its own frame as in 2 (3 x 14), for
   phones that were turned and wrote no EXIF. Faces that lie bring one more look at 640 pixels that way up;
4. when nothing was found still, only small faces were, or every face is asked for: a long side of 1280 pixels
   (130), and in a larger photo of 2560 (350 to 800): small faces in large photos.

What they propose is taken as it is when it is sure, upright and clear, as in nearly every photo of one
person; else close_look.py decides.
"""

from pathlib import Path

from shared.ml.face.close_look import CloseLook
from shared.ml.face.geometry import Box, DetectedFace, Image, Landmarks, View, whole
from shared.ml.face.yunet import YuNet

__all__ = ["Box", "DetectedFace", "FaceDetector", "Image", "Landmarks"]

SCORE_THRESHOLD = 0.8  # finds every face of LFW's 13,233 photos; below it false faces begin
_PROPOSED = 0.5  # worth a close look
_MOST_PROPOSED = 160  # of one look: more than anybody can ask for (gateway/faces/photos.py)
_MOST_DOUBTFUL = 64  # of these: bounds the time that a picture made of half-faces can take

_LONG_SIDE = 640
_LARGE_PHOTO_SIDE = 1280
_LARGEST_SIDE = 2560
_TURNED_SIDE = 320
_CLOSE_UP_SIDE = 160
_CLOSE_UP_MARGIN = 0.5  # of the image's long side, on all four sides
_LARGE_FACE = 0.25  # of the image's long side
_PROMINENT_FACE = 0.1


class FaceDetector:
    """YuNet and where to point it; for any number of threads."""

    def __init__(self, model: Path, *, score_threshold: float = SCORE_THRESHOLD) -> None:
        self._network = YuNet(model, least_score=min(_PROPOSED, score_threshold))
        self._score_threshold = score_threshold
        self._closely = CloseLook(self._network, score_threshold=score_threshold)

    def detect(self, image: Image, *, thorough: bool = False) -> list[DetectedFace]:
        """The faces of an (H, W, 3) uint8 RGB image, the largest first.

        `thorough` also looks for small faces beside large ones, where every face counts more than time does.
        """
        long_side = max(image.shape[:2])
        faces = self._more(image, [], whole(image, _LONG_SIDE))
        if not any(face.size >= _LARGE_FACE * long_side for face in faces):
            faces = self._more(image, faces, _close_up(image))
        if not faces:
            faces = self._turned(image)
        quarters = round(faces[0].roll / 90) % 4 if faces else 0
        if quarters:
            faces = self._more(image, faces, whole(image, _LONG_SIDE, quarters=quarters))
        # where all are small there may be smaller ones; beside a large one they are people in the background
        thorough = thorough or not any(face.size >= _PROMINENT_FACE * long_side for face in faces)
        if long_side > _LONG_SIDE and thorough:
            faces = self._more(image, faces, whole(image, _LARGE_PHOTO_SIDE, quarters=quarters))
        if long_side > _LARGE_PHOTO_SIDE and thorough:
            faces = self._more(image, faces, whole(image, _LARGEST_SIDE, quarters=quarters))
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def look(self, view: View) -> list[DetectedFace]:
        """What the network alone sees in one view, the most convincing first, in the image's coordinates.

        From a score of 0.5 on: for looking again at a face that is already known.
        """
        return self._network.look(view)

    def _turned(self, image: Image) -> list[DetectedFace]:
        faces: list[DetectedFace] = []
        for quarters in (1, 3, 2):
            faces = self._more(image, faces, whole(image, _TURNED_SIDE, quarters=quarters))
            faces = self._more(image, faces, _close_up(image, quarters=quarters))
        return faces

    def _proposed(self, view: View) -> list[DetectedFace]:
        """What is worth a close look, the most convincing first."""
        seen = self._network.look(view)
        convincing = sum(face.score >= self._score_threshold for face in seen)
        return seen[: min(_MOST_PROPOSED, convincing + _MOST_DOUBTFUL)]

    def _more(self, image: Image, faces: list[DetectedFace], view: View) -> list[DetectedFace]:
        """The faces known, and those that this view adds."""
        height, width = image.shape[:2]
        known = list(faces)
        for proposed in self._proposed(view):
            if any(proposed.is_same(face) for face in known):
                continue
            face = self._closely.settle(image, proposed, view=view, alone=not known)
            if face is None or any(face.is_same(other) for other in known):
                continue
            x, y = face.centre
            if 0 <= x < width and 0 <= y < height:
                known.append(face)
        return known


def _close_up(image: Image, *, quarters: int = 0) -> View:
    return whole(image, _CLOSE_UP_SIDE, margin=_CLOSE_UP_MARGIN, quarters=quarters)
