import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ml.face.alignment import CROP_SIZE, TEMPLATE, align, similarity

Points = npt.NDArray[np.float32]


def transformed(points: Points, scale: float, degrees: float, shift: tuple[float, float]) -> Points:
    angle = np.radians(degrees)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved: Points = (scale * points @ rotation.T + shift).astype(np.float32)
    return moved


def applied(matrix: npt.NDArray[np.float64], points: Points) -> npt.NDArray[np.float64]:
    placed: npt.NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return placed


def test_the_template_itself_stays_where_it_is() -> None:
    np.testing.assert_allclose(similarity(TEMPLATE), [[1, 0, 0], [0, 1, 0]], atol=1e-12)


@given(
    scale=st.floats(0.1, 20),
    degrees=st.floats(-180, 180),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
)
def test_a_moved_turned_and_scaled_template_is_brought_back(scale: float, degrees: float, x: float, y: float) -> None:
    points = transformed(TEMPLATE, scale, degrees, (x, y))
    matrix = similarity(points)
    assert np.hypot(matrix[0, 0], matrix[1, 0]) == pytest.approx(1 / scale, rel=1e-3)
    np.testing.assert_allclose(applied(matrix, points), TEMPLATE, atol=0.01)


@given(seed=st.integers(0, 2**16))
def test_the_error_is_the_least_squared_one(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(0, 200, (5, 2)).astype(np.float32)
    # the same problem as an ordinary linear one: (a, b, tx, ty) with x' = a x - b y + tx, y' = b x + a y + ty
    x, y = points.astype(np.float64).T
    one, zero = np.ones(5), np.zeros(5)
    system = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    target = np.concatenate([TEMPLATE[:, 0], TEMPLATE[:, 1]])
    a, b, tx, ty = np.linalg.lstsq(system, target, rcond=None)[0]
    np.testing.assert_allclose(similarity(points), [[a, -b, tx], [b, a, ty]], atol=1e-8)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = TEMPLATE * np.array([-1, 1], dtype=np.float32)
    assert np.linalg.det(similarity(mirrored)[:, :2]) > 0


def test_points_that_coincide_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2), dtype=np.float32))


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 6.0], ids=lambda scale: f"face {scale} times the crop")
def test_what_lies_under_a_landmark_comes_to_its_place_in_the_template(scale: float) -> None:
    points = transformed(TEMPLATE, scale, 20, (90 * scale, 40 * scale))
    side = int(250 * scale)
    image = np.zeros((side, side, 3), dtype=np.uint8)
    for k, (x, y) in enumerate(points):
        sigma, channel = 3 * scale, k % 3
        rows, columns = np.mgrid[0:side, 0:side]
        spot = 250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
        image[..., channel] = np.maximum(image[..., channel], spot.astype(np.uint8))
    crop = align(image, points)
    assert crop.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert crop.dtype == np.uint8
    for k, place in enumerate(TEMPLATE):
        near = crop[..., k % 3].astype(np.float64)
        rows, columns = np.mgrid[0:CROP_SIZE, 0:CROP_SIZE]
        near[np.hypot(columns - place[0], rows - place[1]) > 8] = 0
        centre = (near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()
        np.testing.assert_allclose(centre, place, atol=0.3)


def test_the_noise_of_a_large_photo_is_averaged_away() -> None:
    noisy = np.random.default_rng(0).normal(128, 40, (2000, 2000, 3)).clip(0, 255).astype(np.uint8)
    crop = align(noisy, transformed(TEMPLATE, 15, 0, (100, 100)))
    assert crop.std() < 8, "each pixel of the crop stands for 225 of the photo"


def test_a_face_that_reaches_beyond_the_photo_is_black_there() -> None:
    white = np.full((1000, 1000, 3), 255, dtype=np.uint8)
    for scale in (1.0, 12.0):
        half_outside = transformed(TEMPLATE, scale, 0, (-56 * scale, 0))
        crop = align(white, half_outside)
        assert crop[40, 20].max() == 0
        assert crop[40, 100].min() == 255


def test_a_large_photo_gives_the_crop_of_its_small_version() -> None:
    small = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8), (0, 0), 4)
    points = transformed(TEMPLATE, 1.2, 10, (80, 70))
    large = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
    a = align(np.asarray(small, np.uint8), points)
    b = align(np.asarray(large, np.uint8), ((points + 0.5) * 8 - 0.5).astype(np.float32))
    assert np.abs(a.astype(int) - b.astype(int)).mean() < 1.5
