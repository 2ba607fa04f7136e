"""A photo to faces: whatever size a large photo is looked at, answers speak of the file's own pixels."""

import io
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from shared.images import ImageLimits
from shared.ml.face.alignment import align
from shared.ml.face.detector import FaceDetector
from shared.ml.weights import YUNET, fetch
from shared.schemas import DetectedFace, FaceBox, FaceChoice
from shared.storage.store import MemoryStore
from workers.face_models import Embedded, ServedModel
from workers.face_reader import Face, FaceReader

FACES = Path(__file__).parents[3] / "data" / "faces"
WHOLE = ImageLimits(max_bytes=10**7, max_pixels=10**7, max_side=5000, min_side=16)
HALVED = replace(WHOLE, working_pixels=400_000)  # of 1260 × 840
MOST = 32


@pytest.fixture(scope="module")
def detector(weights_dir: Path) -> FaceDetector:
    return FaceDetector(fetch(YUNET, weights_dir))


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.put("group", (FACES / "group.jpg").read_bytes())
    return made


def blank_model() -> ServedModel:
    """Whose embeddings are all alike: what is asked is where a face is."""

    def submit(_: object) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(Embedded(np.eye(4, dtype=np.float32)[0], -9.0))
        return done

    network = SimpleNamespace(align=lambda image, landmarks: (align(image, landmarks),))
    return cast("ServedModel", SimpleNamespace(network=network, batcher=SimpleNamespace(submit=submit)))


def from_the_left(faces: Sequence[DetectedFace]) -> list[DetectedFace]:
    return sorted(faces, key=lambda face: face.landmarks.nose)


def test_a_photo_that_is_looked_at_at_a_half_is_answered_in_its_own_pixels(
    store: MemoryStore, detector: FaceDetector
) -> None:
    whole, halved = (
        FaceReader(store, limits, detector).detect("group", blank_model(), thorough=True, max_faces=MOST)
        for limits in (WHOLE, HALVED)
    )
    assert (halved.width, halved.height) == (whole.width, whole.height) == (1260, 840)
    assert len(halved.faces) == len(whole.faces) > 3
    for one, other in zip(from_the_left(whole.faces), from_the_left(halved.faces), strict=True):
        assert other.box.width == pytest.approx(one.box.width, rel=0.1)
        assert other.landmarks.nose == pytest.approx(one.landmarks.nose, abs=10)


def test_a_face_is_chosen_by_its_place_in_the_file(store: MemoryStore, detector: FaceDetector) -> None:
    found = FaceReader(store, WHOLE, detector).detect("group", blank_model(), thorough=True, max_faces=MOST)
    wanted = found.faces[1].box
    reader = FaceReader(store, HALVED, detector)
    chosen = reader.one_face("group", [blank_model()], FaceChoice(box=FaceBox(**wanted.model_dump())))
    assert isinstance(chosen, Face)
    assert abs(chosen.view.box.x - wanted.x) < 8
    assert abs(chosen.view.box.width - wanted.width) < 8


@pytest.mark.parametrize("image_format", ["AVIF", "PNG", "GIF", "BMP"])
def test_the_face_is_found_whatever_the_format(store: MemoryStore, detector: FaceDetector, image_format: str) -> None:
    with Image.open(FACES / "hopper.jpg") as photo:
        buffer = io.BytesIO()
        photo.save(buffer, image_format)
    store.put("photo", buffer.getvalue())
    (face,) = FaceReader(store, WHOLE, detector).detect("photo", blank_model(), thorough=False, max_faces=MOST).faces
    assert face.quality.score > 0.5


def test_the_face_of_a_heic_is_found(store: MemoryStore, detector: FaceDetector) -> None:
    store.put("photo", (FACES.parent / "pictures" / "portrait.heic").read_bytes())
    (face,) = FaceReader(store, WHOLE, detector).detect("photo", blank_model(), thorough=False, max_faces=MOST).faces
    assert face.quality.score > 0.5
