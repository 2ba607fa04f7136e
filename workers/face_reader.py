"""From the key of an uploaded photo to faces with embeddings: what every face task begins with."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared import images, schemas
from shared.faces.subject import chosen_face
from shared.images import ImageLimits
from shared.ml import weights
from shared.ml.face import quality
from shared.ml.face.detector import DetectedFace, FaceDetector
from shared.ml.face.liveness.passive import Crops, crops
from shared.ml.face.model import Aligned
from shared.ml.face.quality import FaceQuality
from shared.ml.face.refinement import refine
from shared.ml.face.subjects import NoSubject, PhotoSubject, subject_of
from shared.ml.face.verification import Verdict
from shared.processors import processors
from shared.schemas import DetectionResult, FaceBox, FaceChoice, FaceView, Model, Quality
from shared.storage.store import ObjectStore
from workers.face_models import Embedded, Embedding, ServedModel
from workers.faces.embedding import are_spoilt, embed_reliably
from workers.models import weights_supply
from workers.services import Services

Pixels = npt.NDArray[np.uint8]  # (H, W, 3) RGB; of a very large photo at a half or a quarter

DETECTOR = Model(name=weights.YUNET.name, digest=weights.YUNET.digest)
NO_FACE = "No face was found: send a photo that shows the whole face from the front."
SEVERAL = "{count} faces are in the photo, and more than one may be meant: send a photo of one person."
WHICH = (
    " Or say which one: `face` takes its number, from 0, the largest first, and `box` its place (in a comparison "
    "`face_a` or `face_b`, and `box_a` or `box_b`)."
)


@dataclass(frozen=True, eq=False)
class Face:
    """A face that is good enough; `embeddings` are in the order of the models that were asked for."""

    view: FaceView
    embeddings: tuple[Embedding, ...]
    context: Crops  # what passive liveness looks at
    pixels: Pixels  # (112, 112, 3), upright
    others: tuple[FaceBox, ...] = ()  # faces that might be compared as well, and are plainly not meant

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
    faces: tuple[FaceView, ...] = ()  # of which nobody can tell which one is meant


class Crowd(NamedTuple):
    """The largest faces of a photo, and how many it has in all."""

    faces: list[Face | Refusal]
    found: int


@dataclass(frozen=True, eq=False)
class _Photo:
    """A photo as it is looked at; `scale` makes its coordinates those of the file, which is `size` (w, h) px."""

    pixels: Pixels
    scale: int
    size: tuple[int, int]

    def box(self, face: DetectedFace) -> FaceBox:
        """Where a face is in the file, px."""
        x, y, width, height = (self.scale * side for side in face.box)
        return FaceBox(x=x, y=y, width=width, height=height)


@dataclass(frozen=True, eq=False)
class _Seen:
    aligned: Sequence[Aligned]  # for each model
    box: FaceBox
    quality: FaceQuality
    context: Crops
    others: tuple[FaceBox, ...] = ()

    @property
    def seems_covered(self) -> bool:
        """And nothing else is wrong with it."""
        return self.quality.reasons == (quality.Reason.OCCLUDED,)

    def with_embeddings(self, found: Sequence[Embedded] | None, *, spoilt: bool) -> Face | Refusal:
        """None: it has not passed, or its embeddings cannot be relied on. `spoilt`: it seems covered and is not."""
        if found is None:
            judged = quality.unreliable(self.quality) if self.quality.passed or spoilt else self.quality
            return Refusal(Verdict.LOW_QUALITY, _advice(judged), self._view(judged))
        view = self._view(quality.with_doubt(self.quality, found[0].doubt))
        embeddings = tuple(one.embedding for one in found)
        return Face(view, embeddings, self.context, self.aligned[0][0], self.others)

    def _view(self, judged: FaceQuality) -> FaceView:
        return FaceView(box=self.box, quality=_quality(judged))


class FaceReader:
    def __init__(self, store: ObjectStore, limits: ImageLimits, detector: FaceDetector) -> None:
        self._store = store
        self._limits = limits
        self.detector = detector
        # The largest HEIC takes 500 MB while it is decoded: no more at a time than there are processors to look.
        self._looking = threading.BoundedSemaphore(processors())

    @classmethod
    def load(cls, services: Services) -> "FaceReader":
        """Load the detector and run it once."""
        settings = services.settings
        supply = weights_supply(settings, services.store)
        detector = FaceDetector(weights.fetch(weights.YUNET, settings.weights_cache, supply=supply))
        detector.detect(np.zeros((480, 640, 3), np.uint8))
        return cls(services.store, services.limits, detector)

    def one_face(self, key: str, models: Sequence[ServedModel], choice: FaceChoice | None = None) -> Face | Refusal:
        """The face that a photo shows, or that is chosen, embedded with each model; or why there is none.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        return _embed([self._seen(key, models, choice)], models)[0]

    def one_face_each(
        self, keys: Sequence[str], models: Sequence[ServedModel], *, thorough: bool = False
    ) -> list[Face | Refusal]:
        """The same for each of several photos, in which none can be chosen.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        seen = [self._seen(key, models, None, thorough=thorough) for key in keys]
        return [
            replace(one, reason=one.reason.removesuffix(WHICH)) if isinstance(one, Refusal) else one
            for one in _embed(seen, models)
        ]

    def frame(self, key: str) -> tuple[Pixels, DetectedFace | Verdict]:
        """The pixels of a photo and the face that it shows, or why there is none to speak of.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            image = self._decode(data).pixels
            found = subject_of(image, self.detector.detect(image))
            return image, self._refined(image, found.face) if isinstance(found, PhotoSubject) else found.verdict

    def all_faces(self, key: str, model: ServedModel, *, thorough: bool, max_faces: int) -> Crowd:
        """Every face of a photo, the largest first, at most `max_faces`; refusals carry the face's view.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            photo = self._decode(data)
            found = self.detector.detect(photo.pixels, thorough=thorough)
            seen = [self._assess(photo, self._refined(photo.pixels, face), [model]) for face in found[:max_faces]]
        return Crowd(_embed(seen, [model]), len(found))

    def detect(self, key: str, model: ServedModel, *, thorough: bool, max_faces: int) -> DetectionResult:
        """Every face of a photo, at most `max_faces`, with what can be said without knowing whose it is.

        `model` says whether an embedding could be relied on; it keeps none.

        Raises:
            ObjectNotFound, StorageUnavailable, InvalidImage
        """
        data = self._store.get(key)
        with self._looking:
            photo = self._decode(data)
            found = self.detector.detect(photo.pixels, thorough=thorough)
            faces = [self._refined(photo.pixels, face) for face in found[:max_faces]]
            seen = [self._assess(photo, face, [model]) for face in faces]
        judged = _embed(seen, [model])
        width, height = photo.size
        return DetectionResult(
            width=width,
            height=height,
            faces=[_detected(photo, *one) for one in zip(faces, seen, judged, strict=True)],
            faces_found=len(found),
        )

    def _seen(
        self, key: str, models: Sequence[ServedModel], choice: FaceChoice | None, *, thorough: bool = False
    ) -> "_Seen | Refusal":
        data = self._store.get(key)
        with self._looking:
            photo = self._decode(data)
            image = photo.pixels
            found = self.detector.detect(image, thorough=thorough)
            subject = subject_of(image, found) if choice is None else _chosen(photo, found, choice)
            if isinstance(subject, Refusal):
                return subject
            if isinstance(subject, NoSubject):
                return _unclear(photo, subject, len(found))
            seen = self._assess(photo, self._refined(image, subject.face), models)
            return replace(seen, others=tuple(map(photo.box, subject.others)))

    def _decode(self, data: bytes) -> _Photo:
        decoded = images.decode_with_alpha(data, self._limits)
        return _Photo(np.asarray(decoded.opaque), decoded.scale, decoded.size)

    def _assess(self, photo: _Photo, face: DetectedFace, models: Sequence[ServedModel]) -> _Seen:
        image = photo.pixels
        aligned = [model.network.align(image, face.landmarks) for model in models]
        measured = quality.assess(face, aligned[0][0], frame=(image.shape[0], image.shape[1]))
        return _Seen(aligned, photo.box(face), measured, crops(image, face.box))

    def _refined(self, image: Pixels, face: DetectedFace) -> DetectedFace:
        return refine(self.detector.look, image, face)


def _chosen(photo: _Photo, found: Sequence[DetectedFace], choice: FaceChoice) -> PhotoSubject | Refusal:
    """The face that a request means."""
    number = choice.face
    if choice.box is not None:
        places = [(one.x, one.y, one.width, one.height) for one in (*map(photo.box, found), choice.box)]
        number = chosen_face(places[:-1], places[-1])
    if number is not None and number < len(found):
        return PhotoSubject(found[number])
    match len(found):
        case 0:
            reason = NO_FACE
        case 1:
            reason = "The photo has one face, and it is not where the request says: leave `face` and `box` out."
        case count:
            said = "its `box`" if choice.box is not None else f"number {choice.face}"
            reason = f"The photo has {count} faces, numbered from 0 to {count - 1}, and none is at {said}."
    return Refusal(Verdict.NO_FACE, reason)


def _unclear(photo: _Photo, found: NoSubject, count: int) -> Refusal:
    if found.verdict is Verdict.NO_FACE:
        return Refusal(Verdict.NO_FACE, NO_FACE)
    views = tuple(FaceView(box=photo.box(one.face), quality=_quality(one.quality)) for one in found.faces)
    return Refusal(Verdict.MULTIPLE_FACES, SEVERAL.format(count=count) + WHICH, faces=views)


def _detected(photo: _Photo, face: DetectedFace, seen: _Seen, judged: Face | Refusal) -> schemas.DetectedFace:
    measured = seen.quality
    right_eye, left_eye, nose, mouth_right, mouth_left = ((float(x), float(y)) for x, y in photo.scale * face.landmarks)
    return schemas.DetectedFace(
        box=photo.box(face),
        landmarks=schemas.Landmarks(
            right_eye=right_eye, left_eye=left_eye, nose=nose, mouth_right=mouth_right, mouth_left=mouth_left
        ),
        quality=judged.view.quality if judged.view else _quality(measured),
        advice=judged.reason if isinstance(judged, Refusal) else None,
        confidence=face.score,
        yaw=measured.yaw,
        pitch=measured.pitch,
        roll=measured.roll,
    )


def _quality(measured: FaceQuality) -> Quality:
    return Quality(score=measured.overall, issues=[reason.value for reason in measured.reasons])


def _advice(measured: FaceQuality) -> str:
    return " ".join(reason.advice for reason in measured.reasons)


def _embed(seen: Sequence[_Seen | Refusal], models: Sequence[ServedModel]) -> list[Face | Refusal]:
    """Embeddings for those that pass."""
    passed = {number: one for number, one in enumerate(seen) if isinstance(one, _Seen) and one.quality.passed}
    embedded = dict(zip(passed, embed_reliably([one.aligned for one in passed.values()], models), strict=True))
    covered = {number: one for number, one in enumerate(seen) if isinstance(one, _Seen) and one.seems_covered}
    spoilt = dict(zip(covered, are_spoilt([one.aligned[0] for one in covered.values()], models[0]), strict=True))
    return [
        one if isinstance(one, Refusal) else one.with_embeddings(embedded.get(number), spoilt=spoilt.get(number, False))
        for number, one in enumerate(seen)
    ]
