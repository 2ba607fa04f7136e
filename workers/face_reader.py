"""From the key of an uploaded photo to faces with embeddings: what every face task begins with."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared import images, schemas
from shared.images import ImageLimits
from shared.ml import weights
from shared.ml.face import quality, verification
from shared.ml.face.alignment import align
from shared.ml.face.detector import DetectedFace, FaceDetector
from shared.ml.face.liveness.passive import Crops, crops
from shared.ml.face.model import Aligned
from shared.ml.face.quality import FaceQuality
from shared.ml.face.refinement import refine
from shared.ml.face.verification import Verdict
from shared.processors import processors
from shared.schemas import DetectionResult, FaceBox, FaceView, Model, Quality
from shared.storage.store import ObjectStore
from workers.face_models import Embedding, ServedModel
from workers.models import weights_supply
from workers.services import Services

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB

DETECTOR = Model(name=weights.YUNET.name, digest=weights.YUNET.digest)
MOST_FACES = 32  # of one photo; the largest ones are answered


@dataclass(frozen=True, eq=False)
class Face:
    """A face that is good enough; `embeddings` are in the order of the models that were asked for."""

    view: FaceView
    embeddings: tuple[Embedding, ...]
    context: Crops  # what passive liveness looks at
    pixels: Pixels  # (112, 112, 3), upright

    @property
    def embedding(self) -> Embedding:
        """The first model's."""
        return self.embeddings[0]


@dataclass(frozen=True)
class Refusal:
    """No embedding, and why; `view` is the face that was seen, if any."""

    verdict: Verdict
    reason: str
    view: FaceView | None = None


@dataclass(frozen=True, eq=False)
class _Seen:
    face: DetectedFace
    aligned: Sequence[Aligned]  # for each model
    view: FaceView
    context: Crops
    refusal: Refusal | None


class FaceReader:
    def __init__(self, store: ObjectStore, limits: ImageLimits, detector: FaceDetector) -> None:
        self._store = store
        self._limits = limits
        self.detector = detector
        # A photo may decode to 150 MB: no more of them at a time than there are processors to look at them.
        self._looking = threading.BoundedSemaphore(processors())

    @classmethod
    def load(cls, services: Services) -> "FaceReader":
        """Load the detector and run it once."""
        settings = services.settings
        supply = weights_supply(settings, services.store)
        detector = FaceDetector(weights.fetch(weights.YUNET, settings.weights_cache, supply=supply))
        detector.detect(np.zeros((480, 640, 3), np.uint8))
        return cls(services.store, services.limits, detector)

    def one_face(self, key: str, models: Sequence[ServedModel]) -> Face | Refusal:
        """The largest face of a photo, embedded with each model, or why there is none to speak of.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data)
            chosen = self._chosen(image)
            seen = self._assess(image, chosen, models) if isinstance(chosen, DetectedFace) else None
        if seen is not None:
            return _embed([seen], models)[0]
        if chosen is Verdict.MULTIPLE_FACES:
            reason = "Several faces of similar size: send a photo of one person, or crop it to one."
            return Refusal(Verdict.MULTIPLE_FACES, reason)
        return Refusal(Verdict.NO_FACE, "No face was found: send a photo that shows the whole face from the front.")

    def frame(self, key: str) -> tuple[Pixels, DetectedFace | Verdict]:
        """The pixels of a photo and its largest face, or why there is none to speak of.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data)
            return image, self._chosen(image)

    def all_faces(self, key: str, model: ServedModel, *, thorough: bool) -> list[Face | Refusal]:
        """Every face of a photo, the largest first, at most MOST_FACES; refusals carry the face's view.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data)
            found = self.detector.detect(image, thorough=thorough)[:MOST_FACES]
            seen = [self._assess(image, self._refined(image, face), [model]) for face in found]
        return _embed(seen, [model])

    def detect(self, key: str, *, thorough: bool) -> DetectionResult:
        """Every face of a photo, at most MOST_FACES, with what can be said without knowing whose it is.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data)
            found = self.detector.detect(image, thorough=thorough)[:MOST_FACES]
            faces = [_detected(image, self._refined(image, face)) for face in found]
        return DetectionResult(width=image.shape[1], height=image.shape[0], faces=faces)

    def _chosen(self, image: Pixels) -> DetectedFace | Verdict:
        chosen = verification.one_face(self.detector.detect(image))
        return self._refined(image, chosen) if isinstance(chosen, DetectedFace) else chosen

    def _decode(self, data: bytes) -> Pixels:
        return np.asarray(images.decode(data, self._limits))

    def _assess(self, image: Pixels, face: DetectedFace, models: Sequence[ServedModel]) -> _Seen:
        aligned = [model.network.align(image, face.landmarks) for model in models]
        measured = quality.assess(face, aligned[0][0], frame=(image.shape[0], image.shape[1]))
        view = FaceView(box=_box(face), quality=_quality(measured))
        refusal = None if measured.passed else Refusal(Verdict.LOW_QUALITY, _advice(measured), view)
        return _Seen(face, aligned, view, crops(image, face.box), refusal)

    def _refined(self, image: Pixels, face: DetectedFace) -> DetectedFace:
        return refine(self.detector.look, image, face)


def _detected(image: Pixels, face: DetectedFace) -> schemas.DetectedFace:
    measured = quality.assess(face, align(image, face.landmarks), frame=(image.shape[0], image.shape[1]))
    right_eye, left_eye, nose, mouth_right, mouth_left = ((float(x), float(y)) for x, y in face.landmarks)
    return schemas.DetectedFace(
        box=_box(face),
        landmarks=schemas.Landmarks(
            right_eye=right_eye, left_eye=left_eye, nose=nose, mouth_right=mouth_right, mouth_left=mouth_left
        ),
        quality=_quality(measured),
        advice=_advice(measured) or None,
        confidence=face.score,
        yaw=measured.yaw,
        pitch=measured.pitch,
        roll=measured.roll,
    )


def _box(face: DetectedFace) -> FaceBox:
    x, y, width, height = face.box
    return FaceBox(x=x, y=y, width=width, height=height)


def _quality(measured: FaceQuality) -> Quality:
    return Quality(score=measured.overall, issues=[reason.value for reason in measured.reasons])


def _advice(measured: FaceQuality) -> str:
    return " ".join(reason.advice for reason in measured.reasons)


def _embed(seen: Sequence[_Seen], models: Sequence[ServedModel]) -> list[Face | Refusal]:
    """Embeddings for those that pass, all asked for before the first is awaited."""
    asked = {
        index: [model.batcher.submit(aligned) for model, aligned in zip(models, one.aligned, strict=True)]
        for index, one in enumerate(seen)
        if one.refusal is None
    }
    return [
        one.refusal or Face(one.view, tuple(future.result() for future in asked[index]), one.context, one.aligned[0][0])
        for index, one in enumerate(seen)
    ]
