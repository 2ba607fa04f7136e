"""LFW's photos through the product's own pipeline, with and without each ingredient."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from shared.ml.face.detector import FaceDetector
from shared.ml.face.doubt import split
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.fusion import FusedEmbedder
from shared.ml.face.geometry import DetectedFace, Image
from shared.ml.face.refinement import refine
from shared.ml.weights import YUNET, fetch

_BATCH = 32

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Models:
    detector: FaceDetector
    sface: FaceEmbedder
    accurate: FusedEmbedder

    @classmethod
    def load(cls) -> "Models":
        device = torch.device("cpu")
        return cls(
            FaceDetector(fetch(YUNET)),
            FaceEmbedder.from_weights(device),
            FusedEmbedder.from_weights(device),
        )

    def central_face(self, image: Image) -> DetectedFace:
        """LFW centres the person a photo is named after; bystanders may be larger."""
        middle = np.array(image.shape[1::-1]) / 2
        return min(
            self.detector.detect(image), key=lambda face: float(np.linalg.norm(face.landmarks.mean(axis=0) - middle))
        )


@dataclass(frozen=True, eq=False)
class Embedded:
    """(N, 128) unit vectors of all photos: SFace's, SFace's averaged with the mirror image's, dlib's; and the
    length of SFace's vector before it is made a unit, (N,).
    """

    sface: Embeddings
    mirrored: Embeddings
    dlib: Embeddings
    norms: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Faces:
    """The photos in order: (N,) a person's number, and whether nothing was chosen on this person."""

    labels: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]
    plain: Embedded
    refined: Embedded


def read(data: Path, models: Models) -> Faces:
    """All photos below `data`; a person is held out when the SHA-256 of his name is odd."""
    paths = sorted(data.glob("*/*.jpg"))
    names, labels = np.unique([path.parent.name for path in paths], return_inverse=True)
    odd = np.array([int(sha256(name.encode()).hexdigest(), 16) % 2 == 1 for name in names])
    plain, refined = _Collector(models), _Collector(models)
    for number, image in enumerate(read_images(paths), 1):
        face = models.central_face(image)
        plain.add(image, face)
        refined.add(image, refine(models.detector.look, image, face))
        if number % 200 == 0:
            sys.stderr.write(f"{number} of {len(paths)} photos\n")
    return Faces(labels.astype(np.int64), odd[labels], plain.done(), refined.done())


def read_images(paths: list[Path]) -> Iterator[Image]:
    """(H, W, 3) uint8 RGB each."""
    for path in paths:
        bgr = cv2.imread(str(path))
        if bgr is None:
            raise ValueError(f"{path} is no picture")
        yield np.ascontiguousarray(bgr[..., ::-1], dtype=np.uint8)


class _Collector:
    """Aligns at once and embeds in batches, so that no photo has to be kept."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._waiting: list[tuple[Image, ...]] = []
        self._raw: list[Embeddings] = []
        self._fused: list[Embeddings] = []

    def add(self, image: Image, face: DetectedFace) -> None:
        self._waiting.append(self._models.accurate.align(image, face.landmarks))
        if len(self._waiting) == _BATCH:
            self._embed()

    def done(self) -> Embedded:
        if self._waiting:
            self._embed()
        raw, fused = np.concatenate(self._raw), np.concatenate(self._fused)
        half = fused.shape[1] // 2
        norms = np.linalg.norm(raw, axis=1)
        return Embedded(raw / norms[:, None], _unit(fused[:, :half]), _unit(fused[:, half:]), norms)

    def _embed(self) -> None:
        sface = self._models.sface
        raw = sface.forward(sface.prepare([(crops[0],) for crops in self._waiting]))
        self._raw.append(split(raw)[0].numpy())
        self._fused.append(self._models.accurate.embed(self._waiting))
        self._waiting = []


def _unit(vectors: Embeddings) -> Embeddings:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
