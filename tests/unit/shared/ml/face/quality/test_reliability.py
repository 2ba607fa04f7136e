"""Photos that were spoilt are refused with a reason of their own, good ones of any camera are not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image as Pictures

from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.geometry import DetectedFace
from shared.ml.face.quality import FaceQuality, Reason, assess, spoilage, unreliable, with_doubt
from shared.ml.face.quality.reliability import DOUBTED, REFUSED, Standing, agrees, is_spoilt, smoothed, standing
from shared.ml.face.quality.texture import Texture, measure
from shared.ml.face.refinement import refine
from tests import spoiling

Image = npt.NDArray[np.uint8]
Read = Callable[[str], Image]

PEOPLE = ("obama-1.jpg", "ardern-2018.jpg", "hopper.jpg", "macron-2025.jpg", "sunak.jpg")
GOOD = Texture(noise=0.7, flatness=0.003, sparsity=0.4, tones=6.8, regularity=1.4)


@pytest.fixture(scope="module")
def embedder(weights_dir: Path) -> FaceEmbedder:
    return FaceEmbedder.from_weights(torch.device("cpu"), cache_dir=weights_dir)


@pytest.fixture(scope="module")
def judged(detector: FaceDetector, embedder: FaceEmbedder) -> Callable[[Image], FaceQuality | None]:
    """What the service says of the largest face of a photo; None: there is none."""

    def judge(photo: Image) -> FaceQuality | None:
        faces = detector.detect(photo)
        if not faces:
            return None
        face = refine(detector.look, photo, faces[0])
        crops = embedder.align(photo, face.landmarks)
        quality = assess(face, crops[0], frame=(photo.shape[0], photo.shape[1]))
        if not quality.passed:
            return quality
        raw = embedder.forward(embedder.prepare([crops, smoothed(crops)]))
        vector, copy = embedder.finish(raw)
        doubts = embedder.doubts(raw)
        assert doubts is not None
        how = standing(float(doubts[0]))
        relied_on = how is Standing.RELIABLE or (how is Standing.DOUBTED and agrees(vector, copy))
        return with_doubt(quality, float(doubts[0])) if relied_on else unreliable(quality)

    return judge


def at(photo: Image, side: int) -> Image:
    picture = Pictures.fromarray(photo)
    picture.thumbnail((side, side), Pictures.Resampling.LANCZOS)
    return np.asarray(picture)


@pytest.mark.parametrize("name", PEOPLE)
def test_a_phone_s_photo_is_never_refused_for_its_texture(
    judged: Callable[[Image], FaceQuality | None], portrait: Read, name: str
) -> None:
    random = np.random.default_rng(0)
    for side in (640, 1280):
        photo = at(portrait(name), side)
        for quality in (60, 95):
            for sigma in (0.0, 10.0):
                seen = judged(spoiling.jpeg(spoiling.noise(photo, sigma, random), quality, random))
                assert seen is not None
                assert seen.passed, (side, quality, sigma, seen)


SPOILT = {
    "noise": (spoiling.noise, 60.0),
    "night": (spoiling.night, 24.0),
    "jpeg": (spoiling.jpeg, 2.0),
    "one bit": (spoiling.one_bit, 1.0),
    "halftone": (spoiling.halftone, 5.0),
    "dither": (spoiling.dithered, 2.0),
    "screen": (spoiling.screen, 0.8),
    "posters": (spoiling.posterized, 2.0),
    "speckle": (spoiling.speckle, 0.7),
    "scan lines": (spoiling.scan_lines, 1.0),
    "sketch": (spoiling.sketch, 2.0),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_photo_is_refused_and_not_for_what_its_subject_can_help(
    judged: Callable[[Image], FaceQuality | None], portrait: Read, kind: str
) -> None:
    spoil, strength = SPOILT[kind]
    for name in PEOPLE:
        seen = judged(spoil(at(portrait(name), 320), strength, np.random.default_rng(0)))
        assert seen is None or not seen.passed, name
        assert seen is None or seen.overall < 0.5
        assert seen is None or not {Reason.TOO_BRIGHT, Reason.OCCLUDED} & set(seen.reasons), name


WAYS = {**spoiling.CHOSEN_ON, **spoiling.UNSEEN, **spoiling.BENT}


@pytest.mark.parametrize("kind", WAYS)
def test_every_way_to_spoil_a_photo_keeps_its_size_and_changes_it(portrait: Read, kind: str) -> None:
    photo = at(portrait("obama-1.jpg"), 160)
    spoil, strengths = WAYS[kind]
    made = [spoil(photo, strength, np.random.default_rng(0)) for strength in strengths]
    assert all(one.shape == photo.shape and one.dtype == np.uint8 for one in made)
    assert all(np.abs(one.astype(float) - photo).mean() > 1 for one in made)


def test_the_reason_names_what_stands_out() -> None:
    assert spoilage(replace(GOOD, noise=12)) is Reason.NOISY
    assert spoilage(replace(GOOD, regularity=4)) is Reason.PATTERN
    assert spoilage(replace(GOOD, noise=74)) is Reason.PATTERN, "dots of one color, as no camera makes them"
    assert spoilage(replace(GOOD, flatness=0.2, sparsity=9)) is Reason.COMPRESSED
    assert spoilage(replace(GOOD, tones=3)) is Reason.COMPRESSED
    assert spoilage(GOOD) is Reason.UNRELIABLE
    assert all(reason.advice for reason in Reason)


def test_a_soft_photo_is_called_blurred(detector: FaceDetector, embedder: FaceEmbedder, portrait: Read) -> None:
    photo = at(portrait("obama-1.jpg"), 320)
    face = detector.detect(photo)[0]
    sharp = assess(face, embedder.align(photo, face.landmarks)[0], frame=(photo.shape[0], photo.shape[1]))
    assert unreliable(replace(sharp, texture=GOOD)).reasons == (Reason.UNRELIABLE,)
    assert unreliable(replace(sharp, texture=GOOD, sharpness=1.2)).reasons == (Reason.BLURRED,)


def test_a_good_photo_takes_no_second_look_and_one_of_unknown_doubt_always_does() -> None:
    assert standing(DOUBTED - 1) is Standing.RELIABLE
    assert standing(DOUBTED) is Standing.DOUBTED
    assert standing(REFUSED) is Standing.UNRELIABLE
    assert standing(None) is Standing.DOUBTED
    assert is_spoilt(replace(GOOD, noise=74))
    assert not is_spoilt(GOOD)


def test_texture_has_the_values_of_pictures_whose_texture_is_known() -> None:
    random = np.random.default_rng(0)
    level = np.full((112, 112, 3), 128.0)
    gray = measure(spoiling._rounded(level + random.normal(0, 8, (112, 112, 1))))
    assert gray.noise == pytest.approx(8, rel=0.1)
    assert gray.flatness < 0.01
    flat = measure(spoiling._rounded(level))
    assert (flat.noise, flat.flatness, flat.tones) == (0, 1, 0)
    black = measure(np.zeros((112, 112, 3), np.uint8))
    assert black.flatness == 0, "shadow and what lies beyond the edge is judged by other measures"
    stripes = measure(spoiling._rounded(level + 40 * np.sin(np.arange(112) * 2 * np.pi / 4)[None, :, None]))
    assert stripes.regularity > 4 > gray.regularity


def test_smoothing_keeps_shape_type_and_mean() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    larger = cv2.resize(crop, (150, 150))
    one, two = smoothed((crop, np.asarray(larger, np.uint8)))
    assert one.shape == crop.shape
    assert two.shape == larger.shape
    assert one.dtype == np.uint8
    assert one.mean() == pytest.approx(crop.mean(), abs=1)
    assert one.std() < crop.std() / 2


def test_a_face_at_the_edge_is_not_called_spoilt_for_what_lies_beyond(
    detector: FaceDetector, embedder: FaceEmbedder, portrait: Read
) -> None:
    photo = portrait("obama-1.jpg")
    face: DetectedFace = detector.detect(photo)[0]
    bottom = int(face.landmarks[:, 1].max()) + 4
    crop = embedder.align(photo[:bottom], face.landmarks)[0]
    assert not is_spoilt(measure(crop))
