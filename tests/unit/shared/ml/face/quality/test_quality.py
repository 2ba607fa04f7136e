from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ml.face.alignment import align, similarity
from shared.ml.face.detector import DetectedFace, FaceDetector
from shared.ml.face.quality import HEAD, MAX_YAW, MIN_WIDTH, FaceQuality, Reason, assess, head_pose

Image = npt.NDArray[np.uint8]
Read = Callable[[str], Image]

SHARP = ["obama-1.jpg", "ardern-2018.jpg", "collins.png", "hopper.jpg", "macron-2014.jpg"]


def measured(image: Image, face: DetectedFace) -> FaceQuality:
    return assess(face, align(image, face.landmarks), frame=(image.shape[0], image.shape[1]))


def eye_distance(face: DetectedFace) -> float:
    return float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))


def scaled(image: Image, face: DetectedFace, factor: float) -> tuple[Image, DetectedFace]:
    """Photo and face as a camera of lower resolution would have them."""
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    x, y, width, height = (value * factor for value in face.box)
    points = ((face.landmarks + 0.5) * factor - 0.5).astype(np.float32)
    return np.asarray(small, np.uint8), replace(face, box=(x, y, width, height), landmarks=points)


def looking(yaw: float, pitch: float, roll: float) -> npt.NDArray[np.float32]:
    """The (5, 2) landmarks of the average head, turned by these degrees, 40 pixels between its eyes."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = HEAD @ (lean @ turn @ nod).T
    landmarks: npt.NDArray[np.float32] = (40 * points[:, :2] + (100, 80)).astype(np.float32)
    return landmarks


@pytest.fixture(scope="module")
def example(detector: FaceDetector, portrait: Read) -> tuple[Image, DetectedFace]:
    image = portrait("obama-1.jpg")
    return image, detector.detect(image)[0]


def test_every_sample_portrait_passes(detector: FaceDetector, portrait: Read) -> None:
    names = [
        *SHARP,
        "ardern-2022.jpg",
        "biden.jpg",
        "macron-2025.jpg",
        "obama-2.jpg",
        "obama-3.jpg",
        "group.jpg",
    ]
    for name in names:
        image = portrait(name)
        for face in detector.detect(image):
            quality = measured(image, face)
            assert quality.passed, (name, quality)
            assert 0.7 < quality.overall <= 1


@pytest.mark.parametrize("sigma", [1 / 8, 1 / 6, 1 / 4], ids=lambda sigma: f"{sigma:.2f} eye distances")
@pytest.mark.parametrize("name", SHARP)
def test_a_blurred_photo_fails_at_any_resolution(
    detector: FaceDetector, portrait: Read, name: str, sigma: float
) -> None:
    image = portrait(name)
    face = detector.detect(image)[0]
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma * eye_distance(face)), np.uint8)
    for factor in (1.0, 64 / face.box[2]):
        quality = measured(*scaled(blurred, face, factor))
        assert quality.reasons == (Reason.BLURRED,)
        assert quality.overall < 0.5


@pytest.mark.parametrize("name", SHARP)
def test_camera_noise_does_not_pass_for_sharpness(detector: FaceDetector, portrait: Read, name: str) -> None:
    image = portrait(name)
    face = detector.detect(image)[0]
    blurred = cv2.GaussianBlur(image, (0, 0), eye_distance(face) / 8)
    noisy = blurred + np.random.default_rng(0).normal(0, 8, image.shape)
    assert Reason.BLURRED in measured(noisy.clip(0, 255).astype(np.uint8), face).reasons


@pytest.mark.parametrize("name", SHARP)
def test_a_photo_moved_in_one_direction_fails(detector: FaceDetector, portrait: Read, name: str) -> None:
    image = portrait(name)
    face = detector.detect(image)[0]
    length = round(0.75 * eye_distance(face))
    path = np.zeros((length, length), dtype=np.float32)
    path[length // 2] = 1 / length
    assert Reason.BLURRED in measured(np.asarray(cv2.filter2D(image, -1, path), np.uint8), face).reasons


@pytest.mark.parametrize("name", SHARP)
def test_a_face_of_36_pixels_is_small_but_not_blurred(detector: FaceDetector, portrait: Read, name: str) -> None:
    image = portrait(name)
    face = detector.detect(image)[0]
    assert measured(*scaled(image, face, 36 / face.box[2])).reasons == ()


def test_a_face_below_the_least_width_is_too_small(example: tuple[Image, DetectedFace]) -> None:
    image, face = example
    quality = measured(*scaled(image, face, (MIN_WIDTH - 1) / face.box[2]))
    assert Reason.TOO_SMALL in quality.reasons
    assert quality.overall < 0.5


def test_at_the_limit_overall_is_a_half(example: tuple[Image, DetectedFace]) -> None:
    image, face = example
    at_limit = replace(face, box=(*face.box[:2], MIN_WIDTH, face.box[3]))
    quality = measured(image, at_limit)
    assert quality.passed
    assert quality.overall == pytest.approx(0.5)


@given(yaw=st.floats(-80, 80), pitch=st.floats(-60, 60), roll=st.floats(-90, 90))
def test_the_pose_of_the_average_head_is_recovered(yaw: float, pitch: float, roll: float) -> None:
    np.testing.assert_allclose(head_pose(looking(yaw, pitch, roll)), (yaw, pitch, roll), atol=0.1)


@pytest.mark.parametrize(("yaw", "pitch"), [(65, 0), (-65, 0), (80, 10), (0, 50), (0, -50)])
def test_a_profile_is_an_extreme_pose(example: tuple[Image, DetectedFace], yaw: float, pitch: float) -> None:
    image, face = example
    turned = replace(face, landmarks=looking(yaw, pitch, 0) + np.float32(200))
    quality = assess(turned, align(image, face.landmarks), frame=(image.shape[0], image.shape[1]))
    assert quality.reasons == (Reason.EXTREME_POSE,)
    assert quality.overall < 0.5


@pytest.mark.parametrize("roll", [-90, 30, 90])
def test_a_leaning_head_is_no_extreme_pose(example: tuple[Image, DetectedFace], roll: float) -> None:
    image, face = example
    leaning = replace(face, landmarks=looking(MAX_YAW / 2, 10, roll) + np.float32(200))
    quality = assess(leaning, align(image, face.landmarks), frame=(image.shape[0], image.shape[1]))
    assert quality.passed
    assert quality.roll == pytest.approx(roll, abs=0.1)


@pytest.mark.parametrize(
    ("gain", "offset", "reason"),
    [
        (0.08, 0.0, Reason.TOO_DARK),
        (0.08, 128.0, Reason.LOW_CONTRAST),
        (4.0, 0.0, Reason.TOO_BRIGHT),
        (0.05, 230.0, Reason.TOO_BRIGHT),
    ],
    ids=["dark", "haze", "overexposed", "glare"],
)
def test_the_reason_tells_dark_from_bright_from_haze(
    example: tuple[Image, DetectedFace], gain: float, offset: float, reason: Reason
) -> None:
    image, face = example
    quality = measured((image * gain + offset).clip(0, 255).astype(np.uint8), face)
    assert reason in quality.reasons
    light = {Reason.TOO_DARK, Reason.TOO_BRIGHT, Reason.LOW_CONTRAST}
    assert light & set(quality.reasons) == {reason}
    assert quality.overall < 0.5


@pytest.mark.parametrize("gain", [0.4, 1.3])
@pytest.mark.parametrize("name", SHARP)
def test_exposure_that_harms_nobody_passes(detector: FaceDetector, portrait: Read, name: str, gain: float) -> None:
    image = portrait(name)
    face = detector.detect(image)[0]
    assert measured((image * gain).clip(0, 255).astype(np.uint8), face).passed


COVERS = {
    "mask": ([(22, 68), (56, 62), (90, 68), (88, 100), (56, 116), (24, 100)], (150, 190, 210)),
    "bar over the eyes": ([(18, 42), (94, 42), (94, 62), (18, 62)], (0, 0, 0)),
    "half": ([(56, 0), (130, 0), (130, 130), (56, 130)], (120, 120, 120)),
}


@pytest.mark.parametrize("cover", COVERS)
@pytest.mark.parametrize("name", SHARP)
def test_a_covered_face_is_occluded(detector: FaceDetector, portrait: Read, name: str, cover: str) -> None:
    """As far as the detector still sees a face; the corners of what covers it are pixels of the aligned crop."""
    image = portrait(name)
    corners, colour = COVERS[cover]
    back = cv2.invertAffineTransform(similarity(detector.detect(image)[0].landmarks))
    polygon = np.array(corners) @ back[:, :2].T + back[:, 2]
    covered = np.asarray(cv2.fillPoly(image.copy(), [polygon.round().astype(np.int32)], colour), np.uint8)
    for face in detector.detect(covered)[:1]:
        assert not measured(covered, face).passed


def test_a_blurred_photo_is_not_said_to_be_covered(example: tuple[Image, DetectedFace]) -> None:
    image, face = example
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), eye_distance(face) / 4), np.uint8)
    assert Reason.OCCLUDED not in measured(blurred, face).reasons


def test_an_unsure_detector_means_occlusion_unless_the_picture_ends_there(example: tuple[Image, DetectedFace]) -> None:
    image, face = example
    unsure = replace(face, score=0.85)
    assert measured(image, unsure).reasons == (Reason.OCCLUDED,)
    overflowing = replace(unsure, box=(-20.0, *face.box[1:]))
    assert measured(image, overflowing).passed


def test_a_single_grey_is_blurred_and_has_no_contrast(example: tuple[Image, DetectedFace]) -> None:
    _, face = example
    quality = measured(np.full((800, 800, 3), 120, np.uint8), face)
    assert set(quality.reasons) == {Reason.BLURRED, Reason.LOW_CONTRAST}
    assert quality.overall < 0.3


def test_a_landmark_outside_the_photo_is_cut_off(example: tuple[Image, DetectedFace]) -> None:
    image, face = example
    below_the_nose = round((face.landmarks[2, 1] + face.landmarks[3, 1]) / 2)
    quality = measured(image[:below_the_nose], face)
    assert Reason.CUT_OFF in quality.reasons


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_comes_with_advice(reason: Reason) -> None:
    assert reason.advice.endswith(".")
    assert reason.advice != reason.value


def test_the_guide_lists_every_reason_with_its_advice() -> None:
    guide = (Path(__file__).parents[6] / "docs" / "faces.md").read_text()
    for reason in Reason:
        assert f"| `{reason.value}` |" in guide
        assert reason.advice in guide
