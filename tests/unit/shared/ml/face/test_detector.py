import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from shared.ml.face.alignment import align
from shared.ml.face.detector import DetectedFace, FaceDetector
from shared.ml.face.embedder import FaceEmbedder

Image = npt.NDArray[np.uint8]
Read = Callable[[str], Image]

SINGLE = [
    "ardern-2018.jpg",
    "ardern-2022.jpg",
    "biden.jpg",
    "collins.png",
    "hopper.jpg",
    "macron-2014.jpg",
    "macron-2025.jpg",
    "obama-1.jpg",
    "obama-2.jpg",
    "obama-3.jpg",
    "obama-4.jpg",
    "sunak.jpg",
]


def resized(image: Image, factor: float) -> Image:
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=kind), dtype=np.uint8)


def cropped(image: Image, face: DetectedFace, part: float) -> Image:
    """The middle of the face's box, `part` times as wide and high."""
    x, y, width, height = face.box
    left, top = max(0, round(x + width * (1 - part) / 2)), max(0, round(y + height * (1 - part) / 2))
    return image[top : round(top + height * part), left : round(left + width * part)]


@pytest.mark.parametrize("name", SINGLE)
def test_a_portrait_has_one_face_with_its_landmarks_in_order(detector: FaceDetector, portrait: Read, name: str) -> None:
    (face,) = detector.detect(portrait(name))
    x, y, width, height = face.box
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert face.landmarks.dtype == np.float32
    assert x < right_eye[0] < nose[0] < left_eye[0] < x + width
    assert right_mouth[0] < left_mouth[0]
    assert y < right_eye[1] < nose[1] < right_mouth[1] < y + height
    assert 0.9 < face.score <= 1
    assert face.area == pytest.approx(width * height)


def test_a_group_has_its_six_faces_the_largest_first(detector: FaceDetector, portrait: Read) -> None:
    faces = detector.detect(portrait("group.jpg"))
    assert len(faces) == 6
    areas = [face.area for face in faces]
    assert areas == sorted(areas, reverse=True)


@pytest.mark.parametrize("factor", [0.5, 2.0, 4.0])
def test_coordinates_are_those_of_the_image_at_any_size(detector: FaceDetector, portrait: Read, factor: float) -> None:
    image = portrait("obama-1.jpg")
    (face,), (other,) = detector.detect(image), detector.detect(resized(image, factor))
    eyes = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    # YuNet's points wander by up to a tenth of the eye distance as a photo is scaled, and by a little more where
    # one size gets a close look and the other does not; a wrong offset would move them by more
    assert np.abs(other.landmarks / factor - face.landmarks).max() < 0.15 * eyes
    assert np.abs(np.array(other.box) / factor - np.array(face.box)).max() < 0.2 * eyes


@pytest.mark.parametrize("part", [1.0, 0.8, 0.7])
@pytest.mark.parametrize("long_side", [200, 640, 2000])
@pytest.mark.parametrize("name", ["obama-1.jpg", "ardern-2018.jpg", "sunak.jpg"])
def test_a_face_that_fills_or_overflows_the_image_is_found(
    detector: FaceDetector, portrait: Read, name: str, part: float, long_side: int
) -> None:
    image = portrait(name)
    close_up = cropped(image, detector.detect(image)[0], part)
    close_up = resized(close_up, long_side / max(close_up.shape))
    (face,) = detector.detect(close_up)
    assert max(face.box[2:]) > 0.6 * long_side


def test_a_close_up_is_not_missed_for_a_face_in_the_background(detector: FaceDetector, portrait: Read) -> None:
    image = portrait("obama-1.jpg")
    close_up = cropped(image, detector.detect(image)[0], 0.7)
    close_up = resized(close_up, 1600 / max(close_up.shape))
    small = portrait("collins.png")[30:230, 130:330]
    close_up[:200, :200] = small
    faces = detector.detect(close_up)
    assert len(faces) == 2
    assert faces[0].box[2] > 4 * faces[1].box[2]


def test_a_small_face_in_a_large_photo_is_found(detector: FaceDetector, portrait: Read) -> None:
    photo = np.full((3000, 4000, 3), 127, dtype=np.uint8)
    head = resized(portrait("collins.png")[:300], 0.6)  # its face becomes 54 pixels wide, 1.4 % of the photo
    photo[1000 : 1000 + head.shape[0], 2500 : 2500 + head.shape[1]] = head
    (face,) = detector.detect(photo)
    assert 2500 < face.box[0] < 2500 + head.shape[1]
    assert 40 < face.box[2] < 70


def test_everybody_in_a_crowd_of_a_hundred_is_found(detector: FaceDetector, portrait: Read) -> None:
    names = itertools.cycle(("biden.jpg", "hopper.jpg", "macron-2014.jpg", "obama-1.jpg", "sunak.jpg"))
    heads = [
        cv2.resize(portrait(name), (120, 120), interpolation=cv2.INTER_AREA) for name in itertools.islice(names, 100)
    ]
    rows = [np.hstack(heads[start : start + 10]) for start in range(0, 100, 10)]
    assert len(detector.detect(np.asarray(np.vstack(rows), np.uint8))) == 100


def difference(roll: float, other: float) -> float:
    """In degrees, the short way round."""
    return abs((roll - other + 180) % 360 - 180)


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("name", SINGLE)
def test_a_turned_phone_loses_nobody(
    detector: FaceDetector, embedder: FaceEmbedder, portrait: Read, name: str, quarters: int
) -> None:
    image = portrait(name)
    turned = np.ascontiguousarray(np.rot90(image, quarters))
    (face,), (found,) = detector.detect(image), detector.detect(turned)
    assert difference(found.roll, face.roll - 90 * quarters) < 25
    upright, again = embedder.embed([(align(image, face.landmarks),), (align(turned, found.landmarks),)])
    assert upright @ again > 0.7  # landmarks that are upside down leave less than 0.3


def test_a_turned_group_is_found_whole(detector: FaceDetector, portrait: Read) -> None:
    faces = detector.detect(np.ascontiguousarray(np.rot90(portrait("group.jpg"))))
    assert len(faces) == 6
    assert all(60 < -face.roll < 120 for face in faces)


@pytest.mark.parametrize("lean", [-60, -45, -30, 30, 45, 60, 120, 150])
@pytest.mark.parametrize("name", ["hopper.jpg", "ardern-2018.jpg"])
def test_a_leaning_head_loses_nobody(
    detector: FaceDetector, embedder: FaceEmbedder, portrait: Read, name: str, lean: int
) -> None:
    image = portrait(name)
    height, width = image.shape[:2]
    face = detector.detect(image)[0]
    turn = cv2.getRotationMatrix2D(face.centre, -lean, 1)
    leaning = np.asarray(cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    found = detector.detect(leaning)[0]
    assert difference(found.roll, face.roll + lean) < 25
    assert np.linalg.norm(np.array(found.centre) - face.centre) < 0.25 * face.size
    upright, again = embedder.embed([(align(image, face.landmarks),), (align(leaning, found.landmarks),)])
    assert upright @ again > 0.65


def test_small_faces_beside_a_large_one_are_found_when_every_face_counts(
    detector: FaceDetector, portrait: Read
) -> None:
    photo = np.full((3000, 4000, 3), 127, dtype=np.uint8)
    large = resized(portrait("obama-1.jpg"), 3.0)
    photo[300 : 300 + large.shape[0], 200 : 200 + large.shape[1]] = large
    head = resized(portrait("collins.png")[:300], 0.45)  # its face is 40 pixels wide
    for x, y in [(2600, 300), (3400, 900), (2800, 2000), (3700, 2700)]:
        photo[y : y + head.shape[0], x : x + head.shape[1]] = head
    assert len(detector.detect(photo, thorough=True)) == 5


def test_the_landmarks_of_a_small_face_come_from_the_full_photo(detector: FaceDetector, portrait: Read) -> None:
    image = portrait("sunak.jpg")
    face = detector.detect(image)[0]
    photo = np.full((4500, 6000, 3), 127, dtype=np.uint8)  # the face is 25 pixels wide when all of it is 640
    photo[2000 : 2000 + image.shape[0], 3000 : 3000 + image.shape[1]] = image
    (found,) = detector.detect(photo)
    eyes = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    assert np.abs(found.landmarks - (3000, 2000) - face.landmarks).max() < 0.2 * eyes


def test_noise_turned_any_way_has_no_face(detector: FaceDetector) -> None:
    random = np.random.default_rng(0)
    for sigma in (1, 4, 12):
        noise = cv2.GaussianBlur(random.normal(0, 1, (240, 320, 3)), (0, 0), sigma)
        assert detector.detect((128 + 50 * noise / noise.std()).clip(0, 255).astype(np.uint8)) == []


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (5, 2000), (2000, 5)])
def test_a_photo_without_a_face_has_none(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert detector.detect(np.full((*shape, 3), 90, dtype=np.uint8)) == []


def test_threads_share_a_detector_and_find_what_one_finds(detector: FaceDetector, portrait: Read) -> None:
    images = [portrait(name) for name in ("macron-2014.jpg", "collins.png", "group.jpg", "hopper.jpg")] * 4
    expected = [[face.box for face in detector.detect(image)] for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = [[face.box for face in faces] for faces in pool.map(detector.detect, images)]
    assert found == expected


def test_the_image_is_left_as_it_was(detector: FaceDetector, portrait: Read) -> None:
    image = portrait("macron-2014.jpg")
    before = image.copy()
    detector.detect(image)
    np.testing.assert_array_equal(image, before)


def test_a_file_that_is_no_detector_shows_at_once(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no network")
    with pytest.raises(cv2.error):
        FaceDetector(tmp_path / "model.onnx")
