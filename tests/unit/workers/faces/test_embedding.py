"""Which faces take a second look, and which are not relied on."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from shared.ml.face.model import Aligned
from shared.ml.face.quality.texture import Texture
from workers.face_models import Embedded, ServedModel
from workers.faces.embedding import FaceToEmbed, embed_reliably

GOOD = Texture(noise=0.7, flatness=0.003, sparsity=0.4, tones=6.8, regularity=1.4)
CROP = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
VECTOR = np.array([1, 0], np.float32)


class Model:
    """Gives crops as they were made this length and vector, and their smoothed copies another."""

    def __init__(self, length: float | None, agreement: float = 1.0) -> None:
        self.length = length
        self.copy = np.array([agreement, (1 - agreement**2) ** 0.5], np.float32)
        self.asked: list[bool] = []
        self.batcher = self

    def submit(self, face: Aligned) -> Future[Embedded]:
        as_it_was = np.array_equal(face[0], CROP)
        self.asked.append(as_it_was)
        future: Future[Embedded] = Future()
        future.set_result(Embedded(VECTOR if as_it_was else self.copy, self.length))
        return future

    @property
    def served(self) -> ServedModel:
        return cast("ServedModel", SimpleNamespace(batcher=self))


def embed(*models: Model, texture: Texture = GOOD) -> tuple[Embedded, ...] | None:
    face = FaceToEmbed([(CROP,) for _ in models], texture)
    return embed_reliably([face], [model.served for model in models])[0]


def test_a_good_photo_is_embedded_once() -> None:
    model = Model(12.6)
    assert embed(model) == ((VECTOR, 12.6),)
    assert model.asked == [True]


def test_in_doubt_the_smoothed_copy_must_agree() -> None:
    agreeing, differing = Model(10.5, agreement=0.96), Model(10.5, agreement=0.85)
    assert embed(agreeing) is not None
    assert embed(differing) is None
    assert agreeing.asked == differing.asked == [True, False]


def test_a_vector_that_is_too_short_needs_no_second_look_to_be_refused() -> None:
    model = Model(6.0)
    assert embed(model) is None
    assert model.asked == [True]


def test_a_model_whose_lengths_say_nothing_always_takes_the_second_look() -> None:
    assert embed(Model(None, agreement=0.96)) is not None
    assert embed(Model(None, agreement=0.85)) is None


@pytest.mark.parametrize(("length", "relied_on"), [(12.6, True), (6.0, False)])
def test_the_first_model_judges_for_all(length: float, relied_on: bool) -> None:
    other = Model(None, agreement=0.0)
    assert (embed(Model(length), other) is not None) == relied_on
    assert other.asked == [True]


def test_each_face_is_judged_by_itself() -> None:
    model = Model(12.6)
    spoilt = Texture(noise=74, flatness=0, sparsity=3, tones=7, regularity=1.3)
    faces = [FaceToEmbed([(CROP,)], texture) for texture in (GOOD, spoilt, GOOD)]
    assert [one is None for one in embed_reliably(faces, [model.served])] == [False, True, False]
    assert embed_reliably([], [model.served]) == []
