"""From the key of an uploaded photo to faces with embeddings: what every face task begins with."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import structlog
import torch

from shared import images
from shared.images import ImageLimits
from shared.ml import weights
from shared.ml.face import quality, verification
from shared.ml.face.alignment import align
from shared.ml.face.detector import DetectedFace, FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.verification import Verdict
from shared.schemas import FaceBox, FaceView, Model, Quality
from shared.storage import ObjectStore
from workers.batching import MicroBatcher
from workers.models import choose_device, device_thread, weights_supply
from workers.services import Services

log = structlog.get_logger("worker")

Embedding = npt.NDArray[np.float32]  # (128,), unit length
Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB

MOST_FACES = 32  # of one photo; the largest ones are answered


@dataclass(frozen=True, eq=False)
class Face:
    view: FaceView
    embedding: Embedding


@dataclass(frozen=True)
class Refusal:
    """No embedding, and why; `view` is the face that was seen, if any."""

    verdict: Verdict
    reason: str
    view: FaceView | None = None


@dataclass(frozen=True, eq=False)
class _Seen:
    face: DetectedFace
    crop: Pixels
    view: FaceView
    refusal: Refusal | None


class FaceReader:
    def __init__(
        self,
        store: ObjectStore,
        limits: ImageLimits,
        detector: FaceDetector,
        embedder: FaceEmbedder,
        batcher: MicroBatcher[Pixels, Embedding],
        executor: Executor,
    ) -> None:
        self._store = store
        self._limits = limits
        self._detector = detector
        self._batcher = batcher
        # A photo may decode to 150 MB: no more of them at a time than there are cores to look at them.
        self._looking = threading.BoundedSemaphore(os.cpu_count() or 1)
        self.executor = executor
        self.device: torch.device = embedder.device
        self.model = Model(name=embedder.name, digest=embedder.digest)

    @classmethod
    def load(cls, services: Services) -> "FaceReader":
        """Load the models and run each once, so that the first client waits no longer than the others."""
        settings = services.settings
        device = choose_device(settings)
        supply = weights_supply(settings, services.store)
        cache = settings.weights_cache
        detector = FaceDetector(weights.fetch(weights.YUNET, cache, supply=supply))
        embedder = FaceEmbedder.from_weights(device, cache_dir=cache, supply=supply)
        executor = device_thread()

        def forward(crops: Sequence[Pixels]) -> Sequence[Embedding]:
            prepared = embedder.prepare(crops)
            return list(embedder.finish(executor.submit(embedder.forward, prepared).result()))

        detector.detect(np.zeros((480, 640, 3), np.uint8))
        for size in (1, settings.workers.batch_size):
            forward([np.zeros((112, 112, 3), np.uint8)] * size)
        log.info("models are warm", embedder=embedder.name, dtype=str(embedder.dtype))
        batcher = MicroBatcher(
            forward,
            max_size=settings.workers.batch_size,
            max_wait=settings.workers.batch_wait_ms / 1000,
        )
        return cls(services.store, services.limits, detector, embedder, batcher, executor)

    def one_face(self, key: str) -> Face | Refusal:
        """The largest face of a photo, or why there is none to speak of.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data)
            chosen = verification.one_face(self._detector.detect(image))
            seen = self._assess(image, chosen) if isinstance(chosen, DetectedFace) else None
        if seen is not None:
            return self._embed([seen])[0]
        if chosen is Verdict.MULTIPLE_FACES:
            reason = "Several faces of similar size: send a photo of one person, or crop it to one."
            return Refusal(Verdict.MULTIPLE_FACES, reason)
        return Refusal(Verdict.NO_FACE, "No face was found: send a photo that shows the whole face from the front.")

    def all_faces(self, key: str) -> list[Face | Refusal]:
        """Every face of a photo, the largest first, at most MOST_FACES; refusals carry the face's view.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data)
            seen = [self._assess(image, face) for face in self._detector.detect(image)[:MOST_FACES]]
        return self._embed(seen)

    def _decode(self, data: bytes) -> Pixels:
        return np.asarray(images.decode(data, self._limits))

    def _assess(self, image: Pixels, face: DetectedFace) -> _Seen:
        crop = align(image, face.landmarks)
        measured = quality.assess(face, crop, frame=(image.shape[0], image.shape[1]))
        x, y, width, height = face.box
        view = FaceView(
            box=FaceBox(x=x, y=y, width=width, height=height),
            quality=Quality(score=measured.overall, issues=[reason.value for reason in measured.reasons]),
        )
        advice = " ".join(reason.advice for reason in measured.reasons)
        refusal = None if measured.passed else Refusal(Verdict.LOW_QUALITY, advice, view)
        return _Seen(face, crop, view, refusal)

    def _embed(self, seen: Sequence[_Seen]) -> list[Face | Refusal]:
        """Embeddings for those that pass, all asked for before the first is awaited."""
        asked = {index: self._batcher.submit(one.crop) for index, one in enumerate(seen) if one.refusal is None}
        return [one.refusal or Face(one.view, asked[index].result()) for index, one in enumerate(seen)]
