import io
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from shared.ml.face.evaluation.evaluate import evaluate
from shared.ml.face.evaluation.page import draw_page, drawable
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def test_the_worst_errors_are_on_the_page() -> None:
    """Green faces: nothing else on the page is green."""
    faces = synthetic_faces(30, 3, spread=1.5)
    green = np.zeros((112, 112, 3), np.uint8)
    green[..., 1] = 255
    jpeg = bytes(cv2.imencode(".jpg", green)[1])
    report = evaluate(faces)

    def green_part(page: npt.NDArray[np.uint8]) -> float:
        return float(((page[..., 1] > 200) & (page[..., 0] < 60) & (page[..., 2] < 60)).mean())

    assert green_part(pixels(draw_page(report, faces))) == 0
    assert green_part(pixels(draw_page(report, replace(faces, thumbnails=(jpeg,) * len(faces))))) > 0.02


def test_the_page_grows_with_its_tables() -> None:
    small, large = synthetic_faces(12, 2), synthetic_faces(620, 2)
    heights = [pixels(draw_page(evaluate(faces), faces)).shape[0] for faces in (small, large)]
    assert 1000 < heights[0] <= heights[1] < 3000


def test_characters_without_a_glyph_become_boxes() -> None:
    assert drawable("Zoë 日本") == "Zoë □□"
