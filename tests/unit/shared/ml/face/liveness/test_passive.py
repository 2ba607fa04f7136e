"""Passive liveness: the authors' crop, the mean of two networks, the samples."""

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import WeightsNotFound
from shared.ml.face.detector import FaceDetector
from shared.ml.face.liveness.minifasnet import V1SE, V2, MiniFASNet
from shared.ml.face.liveness.passive import DEFAULT_PASSIVE, PassiveLiveness, crops, surroundings
from shared.ml.weight_sources import Unavailable
from shared.ml.weights import Supply

Image = npt.NDArray[np.uint8]
ROOT = Path(__file__).parents[6]
SAMPLES = Path(os.environ.get("LIKENESS_LIVENESS_DIR", ROOT.parent / "shared" / "data" / "liveness"))


def test_the_box_grows_about_its_centre() -> None:
    assert surroundings((100, 100, 20, 20), 4.0, (400, 400)) == (70, 70, 150, 150)


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        ((0, 100, 20, 20), (0, 70, 80, 150)),  # over the left edge: pushed to the right
        ((370, 100, 20, 20), (319, 70, 399, 150)),
        ((100, 0, 20, 20), (70, 0, 150, 80)),
        ((100, 375, 20, 20), (70, 319, 150, 399)),
    ],
)
def test_what_sticks_out_is_pushed_inside(
    box: tuple[float, float, float, float], crop: tuple[int, int, int, int]
) -> None:
    assert surroundings(box, 4.0, (400, 400)) == crop


def test_a_face_too_large_for_its_scale_takes_what_room_there_is() -> None:
    assert surroundings((100, 100, 200, 200), 4.0, (400, 401)) == (0, 0, 399, 399)


@given(
    x=st.floats(-50, 350), y=st.floats(-50, 250), width=st.floats(5, 300), height=st.floats(5, 300)
)  # fmt: skip
def test_a_crop_lies_inside_the_image_and_has_an_extent(x: float, y: float, width: float, height: float) -> None:
    left, top, right, bottom = surroundings((x, y, width, height), 2.7, (400, 300))
    assert 0 <= left <= right <= 399
    assert 0 <= top <= bottom <= 299


def test_each_network_sees_its_own_crop_of_80_pixels() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    image[100:300, 100:300] = 255
    close, wide = crops(image, (170, 170, 60, 60))
    assert close.shape == wide.shape == (80, 80, 3)
    assert close.mean() > wide.mean() > 0


def test_pixels_reach_the_network_as_bgr_of_255() -> None:
    network = PassiveLiveness((MiniFASNet(V2), MiniFASNet(V1SE)), device=torch.device("cpu"))
    red = np.zeros((80, 80, 3), np.uint8)
    red[..., 0] = 200
    close, wide = network.prepare([(red, red)])
    for planes in (close, wide):
        assert planes.shape == (1, 3, 80, 80)
        assert planes[0, :, 0, 0].tolist() == [0, 0, 200]


def test_the_score_is_the_mean_of_both_networks_probability_of_live() -> None:
    torch.manual_seed(0)
    networks = MiniFASNet(V2).eval(), MiniFASNet(V1SE).eval()
    face = np.random.default_rng(0).integers(0, 255, (80, 80, 3), dtype=np.uint8)
    passive = PassiveLiveness(networks, device=torch.device("cpu"))
    pixels = passive.prepare([(face, face)])
    with torch.inference_mode():
        each = [torch.softmax(net(seen), 1)[0, 1].item() for net, seen in zip(networks, pixels, strict=True)]
    assert passive.scores([(face, face)])[0] == pytest.approx(np.mean(each), abs=1e-6)


def test_faces_of_a_batch_do_not_touch_each_other(passive: PassiveLiveness) -> None:
    random = np.random.default_rng(1)
    faces = [(f, f) for f in random.integers(0, 255, (4, 80, 80, 3), dtype=np.uint8)]
    alone = np.concatenate([passive.scores([face]) for face in faces])
    np.testing.assert_allclose(passive.scores(faces), alone, atol=1e-5)


def test_without_weights_it_is_not_found(tmp_path: Path) -> None:
    nowhere = Supply(download_url=lambda *_: Unavailable("no network"))
    with pytest.raises(WeightsNotFound, match="minifasnet"):
        PassiveLiveness.from_weights(torch.device("cpu"), cache_dir=tmp_path, supply=nowhere)


def test_most_sample_portraits_pass(
    passive: PassiveLiveness, detector: FaceDetector, portrait: Callable[[str], Image]
) -> None:
    names = ["ardern-2018.jpg", "biden.jpg", "hopper.jpg", "macron-2014.jpg", "obama-2.jpg", "sunak.jpg"]
    for name in names:
        image = portrait(name)
        assert passive.score(image, detector.detect(image)[0].box) > 0.9, name


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the authors' samples are not here (LIKENESS_LIVENESS_DIR)")
@pytest.mark.parametrize(("name", "low", "high"), [("image_T1", 0.95, 1), ("image_F1", 0, 0.3), ("image_F2", 0, 0.05)])
def test_the_authors_samples_are_told_apart(
    passive: PassiveLiveness, detector: FaceDetector, name: str, low: float, high: float
) -> None:
    image = np.asarray(cv2.imread(str(SAMPLES / f"{name}.jpg")), np.uint8)[..., ::-1].copy()
    found = passive.score(image, detector.detect(image)[0].box)
    assert low <= found <= high  # not to the digit: the box is our detector's
    assert (found >= DEFAULT_PASSIVE.threshold) is name.startswith("image_T")
