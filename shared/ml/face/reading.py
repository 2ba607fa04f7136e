"""Many photos to embedded faces: looked at on all cores, embedded in batches, every refusal with its file."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

import cv2
import numpy as np
import numpy.typing as npt

from shared import images
from shared.errors import InvalidInput
from shared.images import ImageLimits
from shared.ml.face import quality
from shared.ml.face.detector import DetectedFace, FaceDetector, Image
from shared.ml.face.face_set import FaceSet
from shared.ml.face.model import Aligned, FaceModel
from shared.ml.face.people import FileProblem, Photo, PhotoCollection
from shared.ml.face.quality.reliability import Standing, agrees, smoothed, standing
from shared.ml.face.quality.texture import measure as texture_of
from shared.ml.face.refinement import refine
from shared.ml.face.subjects import PhotoSubject, subject_of
from shared.ml.face.verification import Verdict
from shared.processors import processors

Embedding = npt.NDArray[np.float32]  # (dimensions,), unit length

_BATCH = 64  # faces embedded in one go
_THUMBNAIL_QUALITY = 88  # JPEG; 4 KB a face


class FaceRule(StrEnum):
    """Which face of a photo is meant, and whether it is good enough."""

    SERVICE = "service"  # as enrolment and verification do: one clear face of sufficient quality, or none
    CENTRAL = "central"  # as benchmarks want it: the face nearest to the middle, however bad


@dataclass(frozen=True, eq=False)
class PhotoReader:
    """The detector and the model that photos are read with, and what is accepted as a photo."""

    detector: FaceDetector
    model: FaceModel
    limits: ImageLimits
    rule: FaceRule = FaceRule.SERVICE

    def read(self, collection: PhotoCollection, *, progress: Callable[[int, int], None] | None = None) -> FaceSet:
        """The faces of all photos, in their order; files without a usable one become problems.

        `progress` gets (photos done, photos). Memory holds the photos that are being looked at and the crops
        of one batch, never the collection.
        """
        found: list[tuple[Photo, bytes, Embedding]] = []
        problems = list(collection.problems)
        waiting: list[tuple[Photo, Aligned]] = []
        total = len(collection.photos)
        for done, (photo, looked) in enumerate(self.look_at_all(collection.photos), 1):
            if isinstance(looked, str):
                problems.append(FileProblem(photo.name, looked))
            else:
                waiting.append((photo, looked))
            if len(waiting) == _BATCH or (waiting and done == total):
                for (source, crops), made in zip(waiting, self._embed([one for _, one in waiting]), strict=True):
                    if isinstance(made, str):
                        problems.append(FileProblem(source.name, made))
                    else:
                        found.append((source, _thumbnail(crops[0]), made))
                waiting = []
            if progress:
                progress(done, total)
        empty = np.empty((0, self.model.dimensions), np.float32)
        return FaceSet(
            model_name=self.model.name,
            model_digest=self.model.digest,
            names=tuple(photo.name for photo, _, _ in found),
            people=tuple(photo.person for photo, _, _ in found),
            embeddings=np.stack([made for _, _, made in found]) if found else empty,
            thumbnails=tuple(thumbnail for _, thumbnail, _ in found),
            problems=tuple(problems),
        )

    def _embed(self, faces: Sequence[Aligned]) -> list[Embedding | str]:
        """The embedding of each, or in one line why it cannot be relied on."""
        raw = self.model.forward(self.model.prepare(faces))
        vectors, doubts = self.model.finish(raw), self.model.doubts(raw)
        if self.rule is FaceRule.CENTRAL:
            return list(vectors)
        standings = [standing(doubt) for doubt in ([None] * len(faces) if doubts is None else doubts.tolist())]
        doubted = [number for number, how in enumerate(standings) if how is Standing.DOUBTED]
        copies = self.model.embed([smoothed(faces[number]) for number in doubted]) if doubted else ()
        agreed = {number for number, copy in zip(doubted, copies, strict=True) if agrees(vectors[number], copy)}
        return [
            vectors[number]
            if number in agreed or standings[number] is Standing.RELIABLE
            else f"{Verdict.LOW_QUALITY}: {quality.spoilage(texture_of(faces[number][0]))}"
            for number in range(len(faces))
        ]

    def look(self, data: bytes) -> Aligned | str:
        """The aligned crops of the photo's face, or in one line why there is none.

        Raises:
            InvalidImage
        """
        image = np.asarray(images.decode(data, self.limits))
        face = self._choose(image, self.detector.detect(image))
        if isinstance(face, str):
            return face
        face = refine(self.detector.look, image, face)
        aligned = self.model.align(image, face.landmarks)
        if self.rule is FaceRule.SERVICE:
            measured = quality.assess(face, aligned[0], frame=(image.shape[0], image.shape[1]))
            if not measured.passed:
                return f"{Verdict.LOW_QUALITY}: {', '.join(measured.reasons)}"
        return aligned

    def _choose(self, image: Image, faces: Sequence[DetectedFace]) -> DetectedFace | str:
        if self.rule is FaceRule.CENTRAL and faces:
            middle = np.array([image.shape[1], image.shape[0]]) / 2
            return min(faces, key=lambda face: float(np.linalg.norm(face.landmarks.mean(axis=0) - middle)))
        found = subject_of(image, faces)
        if isinstance(found, PhotoSubject):
            return found.face
        several = found.verdict is Verdict.MULTIPLE_FACES
        return f"{found.verdict}: {'several may be meant' if several else 'none was found'}"

    def _look_safely(self, photo: Photo) -> Aligned | str:
        try:
            return self.look(photo.read())
        except InvalidInput as error:
            return f"{error.code}: {error}"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"

    def look_at_all(self, photos: Iterable[Photo]) -> Iterator[tuple[Photo, Aligned | str]]:
        """In order; only a few are under way at a time, for a photo may take 500 MB while it is decoded."""
        remaining = iter(photos)
        with ThreadPoolExecutor(processors(), thread_name_prefix="look") as pool:

            def ask(photo: Photo) -> tuple[Photo, Future[Aligned | str]]:
                return photo, pool.submit(self._look_safely, photo)

            # results are crops of 40 KB and may well wait for a batch to be embedded
            asked = deque(map(ask, islice(remaining, _BATCH)))
            try:
                while asked:
                    photo, looked = asked.popleft()
                    yield photo, looked.result()
                    asked.extend(map(ask, islice(remaining, 1)))
            finally:
                for _, looked in asked:
                    looked.cancel()


def _thumbnail(crop: Image) -> bytes:
    """(112, 112, 3) RGB -> a JPEG file."""
    bgr = cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _THUMBNAIL_QUALITY])[1])
