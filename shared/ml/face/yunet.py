"""YuNet, the network that finds faces, in OpenCV.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 2023,
doi:10.1007/s11633-023-1423-y. It sees faces from 14 to about 300 pixels, and its landmarks are good from 48 on.
"""

import threading
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from shared.ml.face.geometry import SAME_FACE, DetectedFace, View

_TOP_K = 5000
_LEAST_SIZE = 8.0  # pixels of a view; boxes below are rounding of the network's smallest anchors


class YuNet:
    """For any number of threads.

    OpenCV's detector carries the input size and its buffers as state, so each thread gets one of its own (0.1
    MB). Its own thread pool is switched off, for the whole process: parallelism is the caller's.
    """

    def __init__(self, model: Path, *, least_score: float) -> None:
        cv2.setNumThreads(1)
        self._model = np.frombuffer(model.read_bytes(), dtype=np.uint8)
        self._least_score = least_score
        self._local = threading.local()
        self._detector()  # a file that is no detector shows now, not at the first photo

    def look(self, view: View) -> list[DetectedFace]:
        """The faces of a view in its image's coordinates, the most convincing first."""
        detector = self._detector()
        height, width = view.pixels.shape[:2]
        detector.setInputSize((width, height))
        # (n, 15): box, five points, score; OpenCV's type stubs do not know that it may be None
        rows = cast(npt.NDArray[np.float32] | None, detector.detect(cv2.cvtColor(view.pixels, cv2.COLOR_RGB2BGR))[1])
        seen = [] if rows is None else [_face(row) for row in rows if min(row[2:4]) >= _LEAST_SIZE]
        return sorted((face.through(view.to_image) for face in seen), key=lambda face: face.score, reverse=True)

    def _detector(self) -> cv2.FaceDetectorYN:
        if not hasattr(self._local, "detector"):
            self._local.detector = cv2.FaceDetectorYN.create(
                framework="onnx",
                bufferModel=self._model,
                bufferConfig=np.empty(0, dtype=np.uint8),
                input_size=(640, 640),  # until the first look
                score_threshold=self._least_score,
                nms_threshold=SAME_FACE,
                top_k=_TOP_K,
            )
        detector: cv2.FaceDetectorYN = self._local.detector
        return detector


def _face(row: npt.NDArray[np.float32]) -> DetectedFace:
    x, y, width, height = (float(value) for value in row[:4])
    return DetectedFace((x, y, width, height), landmarks=row[4:14].reshape(5, 2), score=float(row[14]))
