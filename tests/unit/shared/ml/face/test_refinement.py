from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from shared.ml.face.alignment import TEMPLATE
from shared.ml.face.detector import FaceDetector
from shared.ml.face.geometry import DetectedFace, View
from shared.ml.face.refinement import refine

Image = npt.NDArray[np.uint8]
IMAGE: Image = np.zeros((300, 300, 3), dtype=np.uint8)
MIRRORED = [1, 0, 2, 4, 3]


def face(landmarks: npt.NDArray[np.float32], *, box: tuple[float, float, float, float]) -> DetectedFace:
    return DetectedFace(box=box, landmarks=landmarks, score=0.9)


FACE = face(TEMPLATE + 100, box=(100, 100, 112, 112))


class Looks:
    """A detector that sees what it is told, one answer a look: for each face how far it is off, in pixels."""

    def __init__(self, *answers: Sequence[tuple[float, float]]) -> None:
        self._answers = list(answers)
        self.views: list[View] = []

    def __call__(self, view: View) -> list[DetectedFace]:
        self.views.append(view)
        flipped = np.linalg.det(view.to_image[:, :2]) < 0
        order = MIRRORED if flipped else range(5)  # in a mirror the left eye is on the right
        return [
            face(FACE.landmarks[list(order)] + np.float32(by), box=(100 + off, 100, 112, 112))
            for by, off in self._answers.pop(0)
        ]


def test_the_landmarks_of_three_looks_are_averaged() -> None:
    refined = refine(Looks([(3, 0)], [(9, 0)]), IMAGE, FACE)
    np.testing.assert_allclose(refined.landmarks, FACE.landmarks + 4, atol=1e-4)
    assert (refined.box, refined.score) == (FACE.box, FACE.score)


@pytest.mark.parametrize("answers", [([], []), ([(5, 100)], [(5, -100)])], ids=["nothing", "somebody else"])
def test_looks_that_do_not_show_the_face_do_not_count(answers: tuple[Sequence[tuple[float, float]], ...]) -> None:
    np.testing.assert_array_equal(refine(Looks(*answers), IMAGE, FACE).landmarks, FACE.landmarks)


def test_of_several_faces_the_one_in_its_place_counts() -> None:
    refined = refine(Looks([(50, 100), (3, 1)], []), IMAGE, FACE)
    np.testing.assert_allclose(refined.landmarks, FACE.landmarks + 1.5, atol=1e-4)


def test_the_second_view_is_the_first_one_mirrored_and_both_lead_back_to_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    looks = Looks([], [])
    refine(looks, image, FACE)
    one, other = looks.views
    np.testing.assert_array_equal(one.pixels[:, ::-1], other.pixels)
    side = one.pixels.shape[1]
    for x, y in ((0, 0), (10, 20), (side - 1, 7)):
        np.testing.assert_allclose(one.to_image @ (x, y, 1), other.to_image @ (side - 1 - x, y, 1), atol=1e-9)


def test_landmarks_of_a_photo_in_two_sizes_come_closer_together(
    detector: FaceDetector, portrait: Callable[[str], Image]
) -> None:
    """What alignment gets is the same face, however large the photo."""
    apart, refined_apart = [], []
    for name in ("obama-1.jpg", "ardern-2018.jpg", "sunak.jpg", "macron-2025.jpg"):
        image = portrait(name)
        half = np.ascontiguousarray(image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2])
        half = half.reshape(half.shape[0] // 2, 2, half.shape[1] // 2, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
        large, small = detector.detect(image)[0], detector.detect(half)[0]
        size = large.size
        apart.append(np.abs(large.landmarks - (small.landmarks + 0.25) * 2).mean() / size)
        large, small = refine(detector.look, image, large), refine(detector.look, half, small)
        refined_apart.append(np.abs(large.landmarks - (small.landmarks + 0.25) * 2).mean() / size)
    assert np.mean(refined_apart) < 0.8 * np.mean(apart)
