"""A photo to faces: whatever size a large photo is looked at, answers speak of the file's own pixels."""

import io
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from shared.images import ImageLimits
from shared.ml.face.alignment import align
from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.model import Aligned
from shared.ml.weights import YUNET, fetch
from shared.schemas import DetectedFace, FaceBox, FaceChoice
from shared.storage.store import MemoryStore
from tests import spoiling
from workers.face_models import Embedded, ServedModel
from workers.face_reader import Face, FaceReader

FACES = Path(__file__).parents[3] / "data" / "faces"
WHOLE = ImageLimits(max_bytes=10**7, max_pixels=10**7, max_side=5000, min_side=16)
HALVED = replace(WHOLE, working_pixels=400_000)  # of 1260 × 840
MOST = 32
WAYS = {**spoiling.CHOSEN_ON, **spoiling.UNSEEN}


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


@pytest.fixture(scope="module")
def default_model(weights_dir: Path) -> ServedModel:
    embedder = FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir)

    def submit(face: Aligned) -> Future[Embedded]:
        raw = embedder.forward(embedder.prepare([face]))
        doubts, done = embedder.doubts(raw), Future[Embedded]()
        assert doubts is not None
        done.set_result(Embedded(embedder.finish(raw)[0], float(doubts[0])))
        return done

    return cast("ServedModel", SimpleNamespace(network=embedder, batcher=SimpleNamespace(submit=submit)))


def dark_glasses(photo: npt.NDArray[np.uint8], face: DetectedFace) -> npt.NDArray[np.uint8]:
    worn = photo.copy()
    eyes = np.array([face.landmarks.right_eye, face.landmarks.left_eye])
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    for x, y in eyes:
        cv2.ellipse(worn, (int(x), int(y)), (int(0.45 * apart), int(0.3 * apart)), 0, 0, 360, (15, 15, 18), -1)
    return worn


@pytest.mark.parametrize("way", ["negative", "solarized", "sketch", "cartoon"])
def test_only_what_covers_a_face_is_said_to(
    store: MemoryStore, detector: FaceDetector, default_model: ServedModel, way: str
) -> None:
    """A filter hides eyes and mouth as well, but nobody can take it off."""
    reader = FaceReader(store, WHOLE, detector)

    def largest(pixels: npt.NDArray[np.uint8]) -> list[DetectedFace]:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        store.put("photo", buffer.getvalue())
        return reader.detect("photo", default_model, thorough=False, max_faces=1).faces

    def issues(pixels: npt.NDArray[np.uint8]) -> set[str]:
        return {issue for face in largest(pixels) for issue in face.quality.issues}

    covered = 0
    for name in ("obama-1.jpg", "biden.jpg", "hopper.jpg", "ardern-2018.jpg"):
        with Image.open(FACES / name) as opened:
            opened.thumbnail((480, 480))
            photo = np.asarray(opened.convert("RGB"))
        (face,) = largest(photo)
        assert "occluded" not in face.quality.issues
        covered += issues(dark_glasses(photo, face)) == {"occluded"}
        spoil, strengths = WAYS[next(kind for kind in WAYS if kind.startswith(way))]
        for strength in strengths:
            assert "occluded" not in issues(spoil(photo, strength, np.random.default_rng(0))), (name, strength)
    assert covered >= 3


def test_the_face_of_a_heic_is_found(store: MemoryStore, detector: FaceDetector) -> None:
    store.put("photo", (FACES.parent / "pictures" / "portrait.heic").read_bytes())
    (face,) = FaceReader(store, WHOLE, detector).detect("photo", blank_model(), thorough=False, max_faces=MOST).faces
    assert face.quality.score > 0.5
