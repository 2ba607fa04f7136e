"""Faces and their five landmarks, by YuNet.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023,
doi:10.1007/s11633-023-1423-y. Its training covers faces of about 10 to 300 pixels, so the image's size
decides what it can see. Three looks, each for what the one before it misses (ms on one CPU thread, square):

1. the whole image at a long side of 640 pixels at most, never enlarged (25 to 34 ms): faces from 2 % to 80 %;
2. when that shows no large face: the image at 160 pixels in a frame twice as wide (8 ms), for a face that
   fills or overflows it, which the first look misses while it may well find somebody in the background;
3. when nothing was found at all: a long side of 1280 pixels (150 ms), for small faces in a large photo.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Landmarks = npt.NDArray[np.float32]  # (5, 2): x, y in pixels; order as in alignment.TEMPLATE
Box = tuple[float, float, float, float]  # x, y of the upper left corner, width, height; in pixels

SCORE_THRESHOLD = 0.8  # finds every face of LFW's 13,233 photos; below it false faces begin
_NMS_THRESHOLD = 0.3
_TOP_K = 5000
_LONG_SIDE = 640
_LARGE_PHOTO_SIDE = 1280
_CLOSE_UP_SIDE = 160
_CLOSE_UP_MARGIN = 0.5  # of the image's long side, on all four sides
_LARGE_FACE = 0.25  # of the image's long side


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """A face in the coordinates of the image that was searched. The box may reach beyond the image's border.

    Landmarks: right eye (at the left of the image), left eye, nose tip, right and left corner of the mouth.
    """

    box: Box
    landmarks: Landmarks
    score: float  # the detector's confidence in (0, 1] that this is a face at all; says nothing about whose

    @property
    def area(self) -> float:
        """In square pixels."""
        return self.box[2] * self.box[3]


class FaceDetector:
    """YuNet in OpenCV, for any number of threads.

    OpenCV's detector carries the input size and its buffers as state, so each thread gets one of its own (0.1
    MB). Its own thread pool is switched off, for the whole process: parallelism is the caller's.
    """

    def __init__(self, model: Path, *, score_threshold: float = SCORE_THRESHOLD) -> None:
        cv2.setNumThreads(1)
        self._model = np.frombuffer(model.read_bytes(), dtype=np.uint8)
        self._score_threshold = score_threshold
        self._local = threading.local()
        self._detector()  # a file that is no detector shows now, not at the first photo

    def detect(self, image: Image) -> list[DetectedFace]:
        """All faces of an (H, W, 3) uint8 RGB image, the largest first."""
        long_side = max(image.shape[:2])
        faces = self._look(image, _LONG_SIDE)
        if not any(max(face.box[2:]) >= _LARGE_FACE * long_side for face in faces):
            close_up = self._look(image, _CLOSE_UP_SIDE, margin=_CLOSE_UP_MARGIN)
            faces += [face for face in close_up if not any(_overlap(face.box, f.box) for f in faces)]
        if not faces and long_side > _LONG_SIDE:
            faces = self._look(image, _LARGE_PHOTO_SIDE)
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def _look(self, image: Image, long_side: int, *, margin: float = 0.0) -> list[DetectedFace]:
        """The faces at this size, with an empty margin around the image; both in parts of its long side."""
        height, width = image.shape[:2]
        scale = min(1.0, long_side / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # averages while it shrinks; done first, so that the remaining steps touch few pixels
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
        border = round(margin * max(size))
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        if border:
            bgr = cv2.copyMakeBorder(bgr, border, border, border, border, cv2.BORDER_CONSTANT)
        detector = self._detector()
        detector.setInputSize((bgr.shape[1], bgr.shape[0]))
        # (n, 15): box, five points, score; OpenCV's type stubs do not know that it may be None
        rows = cast(npt.NDArray[np.float32] | None, detector.detect(bgr)[1])
        if rows is None:
            return []
        # width and height were rounded apart, so each has a factor of its own
        back = np.array([width / size[0], height / size[1]], dtype=np.float32)
        faces = [_face(row, border, back) for row in rows]
        return [face for face in faces if _centre_inside(face.box, width, height)]

    def _detector(self) -> cv2.FaceDetectorYN:
        if not hasattr(self._local, "detector"):
            self._local.detector = cv2.FaceDetectorYN.create(
                framework="onnx",
                bufferModel=self._model,
                bufferConfig=np.empty(0, dtype=np.uint8),
                input_size=(_LONG_SIDE, _LONG_SIDE),
                score_threshold=self._score_threshold,
                nms_threshold=_NMS_THRESHOLD,
                top_k=_TOP_K,
            )
        detector: cv2.FaceDetectorYN = self._local.detector
        return detector


def _face(row: npt.NDArray[np.float32], border: int, back: npt.NDArray[np.float32]) -> DetectedFace:
    x, y = (row[0:2] - border) * back
    width, height = row[2:4] * back
    return DetectedFace(
        box=(float(x), float(y), float(width), float(height)),
        landmarks=(row[4:14].reshape(5, 2) - border) * back,
        score=float(row[14]),
    )


def _centre_inside(box: Box, width: int, height: int) -> bool:
    x, y, w, h = box
    return 0 <= x + w / 2 < width and 0 <= y + h / 2 < height


def _overlap(a: Box, b: Box) -> bool:
    """Whether the two are boxes of one face: intersection over union as in the detector's own suppression."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared > _NMS_THRESHOLD * (a[2] * a[3] + b[2] * b[3] - shared)
