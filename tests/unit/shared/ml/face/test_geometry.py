import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ml.face.geometry import DetectedFace, View, close, whole

Image = npt.NDArray[np.uint8]

POINTS = np.array([[40, 50], [60, 50], [50, 62], [42, 72], [58, 72]], dtype=np.float32)
FACE = DetectedFace((30.0, 30.0, 40.0, 60.0), landmarks=POINTS, score=0.9)


def marked(height: int, width: int, at: tuple[int, int]) -> Image:
    """Black but for a white square of 9 pixels around x, y."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    x, y = at
    image[y - 4 : y + 5, x - 4 : x + 5] = 255
    return image


def mark_in_image(view: View) -> npt.NDArray[np.float64]:
    """Where the middle of what is white in the view lies in its image."""
    weight = view.pixels[..., 0].astype(np.float64)
    rows, columns = np.mgrid[: weight.shape[0], : weight.shape[1]]
    middle = np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()
    return np.asarray(view.to_image[:, :2] @ middle + view.to_image[:, 2])


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize(("long_side", "margin"), [(400, 0.0), (150, 0.0), (80, 0.5)])
def test_a_view_of_the_whole_leads_back_to_the_image(long_side: int, margin: float, quarters: int) -> None:
    view = whole(marked(200, 301, (70, 120)), long_side, margin=margin, quarters=quarters)
    np.testing.assert_allclose(mark_in_image(view), (70, 120), atol=0.2)
    assert (view.roll - 90 * quarters + 180) % 360 == pytest.approx(180, abs=0.01)


def test_a_view_of_the_whole_is_never_enlarged_and_has_its_margin() -> None:
    view = whole(marked(200, 300, (70, 120)), 640, margin=0.5, quarters=1)
    assert view.pixels.shape == (600, 500, 3)
    assert view.scale == pytest.approx(1)


@pytest.mark.parametrize("roll", [-170.0, -45.0, 0.0, 30.0, 90.0])
@pytest.mark.parametrize("face_size", [15, 60, 120])
def test_a_close_view_leads_back_to_the_image(roll: float, face_size: int) -> None:
    view = close(marked(200, 200, (45, 66)), FACE, roll=roll, face_size=face_size, side=2 * face_size)
    np.testing.assert_allclose(mark_in_image(view), (45, 66), atol=0.3)
    assert view.scale == pytest.approx(face_size / 60, rel=0.1)
    assert view.roll == pytest.approx(roll, abs=2)


def test_a_leaning_face_is_upright_in_a_close_view_of_its_roll() -> None:
    turn = np.array([[np.cos(0.7), -np.sin(0.7), 20.0], [np.sin(0.7), np.cos(0.7), -10.0]])
    leaning = FACE.through(turn)
    assert leaning.roll == pytest.approx(np.degrees(0.7), abs=1e-3)
    view = close(np.zeros((100, 100, 3), np.uint8), leaning, roll=leaning.roll, face_size=90, side=192)
    back = np.linalg.inv(np.vstack([view.to_image, [0, 0, 1]]))[:2]
    assert leaning.through(back).roll == pytest.approx(0, abs=1e-3)


def test_a_quarter_turn_exchanges_the_sides_of_a_box() -> None:
    turned = FACE.through(np.array([[0.0, -1.0, 100.0], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(turned.box, (10, 30, 60, 40), atol=1e-9)
    assert turned.roll == pytest.approx(90)


@given(angle=st.floats(-3.1, 3.1), scale=st.floats(0.1, 10), x=st.floats(-99, 99), y=st.floats(-99, 99))
def test_a_face_goes_through_a_similarity_with_its_centre_roll_and_area(
    angle: float, scale: float, x: float, y: float
) -> None:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cos, -sin, x], [sin, cos, y]])
    face = FACE.through(matrix)
    np.testing.assert_allclose(face.centre, matrix[:, :2] @ FACE.centre + matrix[:, 2], atol=1e-6)
    assert (face.roll - np.degrees(angle) + 180) % 360 == pytest.approx(180, abs=0.01)
    assert FACE.area <= face.area / scale**2 * (1 + 1e-6) <= 1.1 * FACE.area


def test_boxes_that_share_a_third_are_of_one_face() -> None:
    def at(x: float) -> DetectedFace:
        return DetectedFace((x, 0.0, 10.0, 10.0), landmarks=POINTS, score=0.9)

    assert at(0).is_same(at(5))  # 50 shared of 150
    assert not at(0).is_same(at(6))  # 40 of 160
    assert not at(0).is_same(at(30))
