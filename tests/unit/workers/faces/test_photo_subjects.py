"""Which face of a real photo is read: the subject, or the one that is chosen; and how many there are."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from shared.images import ImageLimits
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.model import Aligned
from shared.ml.face.verification import Verdict
from shared.ml.weights import YUNET, fetch
from shared.schemas import FaceBox, FaceChoice
from shared.storage.store import MemoryStore
from tests import spoiling
from workers.batching import MicroBatcher
from workers.face_models import Embedded, ServedModel
from workers.face_reader import WHICH, Face, FaceReader, Refusal

FACES = Path(__file__).parents[3] / "data" / "faces"
LIMITS = ImageLimits(max_bytes=10**7, max_pixels=10**7, max_side=5000, min_side=16)
HEIGHT = 480  # px, of a portrait

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def model(weights_dir: Path) -> Iterator[ServedModel]:
    embedder = FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir)

    def embed(faces: Sequence[Aligned]) -> list[Embedded]:
        raw = embedder.forward(embedder.prepare(faces))
        doubts = embedder.doubts(raw)
        assert doubts is not None
        return list(map(Embedded, embedder.finish(raw), doubts.tolist()))

    batcher: MicroBatcher[Aligned, Embedded] = MicroBatcher(embed, max_size=8, max_wait=0.001)
    yield ServedModel(embedder, DEFAULT_MODEL, batcher)
    batcher.close()


@pytest.fixture(scope="module")
def reader(weights_dir: Path) -> FaceReader:
    return FaceReader(MemoryStore(), LIMITS, FaceDetector(fetch(YUNET, weights_dir)))


@pytest.fixture(scope="module")
def portraits(reader: FaceReader) -> tuple[Pixels, Pixels]:
    """Biden's and Obama's faces, of one size in the middle of squares."""
    return (_square(reader.detector, "biden.jpg"), _square(reader.detector, "obama-1.jpg"))


def _square(detector: FaceDetector, name: str) -> Pixels:
    image = np.asarray(Image.open(FACES / name).convert("RGB"))
    face = detector.detect(image)[0]
    scale = 200 / face.size
    shift = np.array([HEIGHT / 2, HEIGHT / 2]) - np.array(face.centre) * scale
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    size = (HEIGHT, HEIGHT)
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def shrunk(image: Pixels, factor: float) -> Pixels:
    """The picture, smaller, on grey of its former size."""
    small = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))
    canvas = np.full_like(image, 128)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas


def put(reader: FaceReader, *parts: Pixels) -> str:
    """Pictures side by side, as a file."""
    buffer = io.BytesIO()
    Image.fromarray(np.hstack(parts)).save(buffer, "JPEG", quality=92)
    reader._store.put("photo", buffer.getvalue())
    return "photo"


def same(a: Face | Refusal, b: Face | Refusal) -> bool:
    assert isinstance(a, Face), a
    assert isinstance(b, Face), b
    return float(a.embedding @ b.embedding) > 0.7


def test_two_people_side_by_side_are_refused_with_their_faces(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    found = reader.one_face(put(reader, *portraits), [model])
    assert isinstance(found, Refusal)
    assert found.verdict is Verdict.MULTIPLE_FACES
    assert found.reason.startswith("2 faces are in the photo")
    assert found.reason.endswith(WHICH)
    areas = [view.box.width * view.box.height for view in found.faces]
    assert areas == sorted(areas, reverse=True)
    assert len(areas) == 2
    assert all(not view.quality.issues for view in found.faces)


def test_a_refused_photos_face_is_chosen_by_its_number_or_its_box(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    alone = [reader.one_face(put(reader, portrait), [model]) for portrait in portraits]
    key = put(reader, *portraits)
    refused = reader.one_face(key, [model])
    assert isinstance(refused, Refusal)
    for number, view in enumerate(refused.faces):
        expected = alone[0 if view.box.x < HEIGHT else 1]
        assert same(reader.one_face(key, [model], FaceChoice(face=number)), expected)
        assert same(reader.one_face(key, [model], FaceChoice(box=view.box)), expected)


@pytest.mark.parametrize(
    "choice", [FaceChoice(face=2), FaceChoice(face=999), FaceChoice(box=FaceBox(x=0, y=0, width=20, height=20))]
)
def test_a_choice_that_fits_no_face_is_told_how_many_there_are(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels], choice: FaceChoice
) -> None:
    found = reader.one_face(put(reader, *portraits), [model], choice)
    assert isinstance(found, Refusal)
    assert found.verdict is Verdict.NO_FACE
    said = "its `box`" if choice.box else f"number {choice.face}"
    assert found.reason == f"The photo has 2 faces, numbered from 0 to 1, and none is at {said}."


def test_a_photo_without_a_face_has_none_to_choose(reader: FaceReader, model: ServedModel) -> None:
    found = reader.one_face(put(reader, np.full((100, 100, 3), 90, np.uint8)), [model], FaceChoice(face=0))
    assert isinstance(found, Refusal)
    assert (found.verdict, found.reason.split(":")[0]) == (Verdict.NO_FACE, "No face was found")


def test_somebody_smaller_beside_the_subject_is_a_warning(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    biden, obama = portraits
    grey = np.full_like(biden, 128)
    found = reader.one_face(put(reader, grey, biden, shrunk(obama, 0.78)), [model])
    assert isinstance(found, Face), found
    assert same(found, reader.one_face(put(reader, biden), [model]))
    (other,) = found.others
    assert 0.5 < other.width * other.height / (found.view.box.width * found.view.box.height) < 0.8
    assert other.x > 2 * HEIGHT


def test_a_neighbour_who_cannot_be_compared_does_not_refuse_the_photo(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    biden, obama = portraits
    blurred = np.asarray(cv2.GaussianBlur(obama, (0, 0), 14), np.uint8)
    found = reader.one_face(put(reader, biden, blurred), [model])
    assert isinstance(found, Face), found
    assert found.others == ()
    assert found.view.box.x < HEIGHT


def test_of_frames_none_is_to_be_chosen(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    key = put(reader, *portraits)
    (found,) = reader.one_face_each([key], [model])
    assert isinstance(found, Refusal)
    assert found.reason == "2 faces are in the photo, and more than one may be meant: send a photo of one person."


def test_the_largest_faces_are_answered_and_all_are_counted(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    biden, obama = portraits
    key = put(reader, biden, shrunk(obama, 0.8), shrunk(biden, 0.6))
    crowd = reader.all_faces(key, model, thorough=False, max_faces=2)
    assert (len(crowd.faces), crowd.found) == (2, 3)
    detected = reader.detect(key, model, thorough=False, max_faces=1)
    assert (len(detected.faces), detected.faces_found) == (1, 3)
    assert detected.faces[0].box.x < HEIGHT


def test_a_detection_tells_what_enrolment_would_refuse(
    reader: FaceReader, model: ServedModel, portraits: tuple[Pixels, Pixels]
) -> None:
    biden, _ = portraits
    noisy = spoiling.noise(biden, 40, np.random.default_rng(0))
    for photo, issues in ((biden, []), (noisy, ["noisy"])):
        key = put(reader, photo)
        (face,) = reader.detect(key, model, thorough=False, max_faces=1).faces
        enrolled = reader.one_face(key, [model])
        assert enrolled.view is not None
        assert face.quality == enrolled.view.quality
        assert face.quality.issues == issues
        assert (face.advice is None) == (not issues)
