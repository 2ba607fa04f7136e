"""Which faces take a second look, and which are not relied on."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from shared.ml.face.model import Aligned
from shared.ml.face.quality.reliability import DOUBTED, REFUSED
from workers.face_models import Embedded, ServedModel
from workers.faces.embedding import are_spoilt, embed_reliably

CROP, OTHER = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
VECTOR = np.array([1, 0], np.float32)
FINE, BAD = DOUBTED - 1, REFUSED + 1


class Model:
    """Gives crops as they were made this doubt and vector, and their smoothed copies another."""

    def __init__(self, doubt: float | None, agreement: float = 1.0) -> None:
        self.doubt = doubt
        self.copy = np.array([agreement, (1 - agreement**2) ** 0.5], np.float32)
        self.asked: list[bool] = []
        self.batcher = self

    def submit(self, face: Aligned) -> Future[Embedded]:
        as_it_was = np.array_equal(face[0], CROP)
        self.asked.append(as_it_was)
        future: Future[Embedded] = Future()
        doubt = BAD if np.array_equal(face[0], OTHER) else self.doubt
        future.set_result(Embedded(VECTOR if as_it_was else self.copy, doubt))
        return future

    @property
    def served(self) -> ServedModel:
        return cast("ServedModel", SimpleNamespace(batcher=self))


def embed(*models: Model) -> tuple[Embedded, ...] | None:
    return embed_reliably([[(CROP,) for _ in models]], [model.served for model in models])[0]


def test_a_good_photo_is_embedded_once() -> None:
    model = Model(FINE)
    assert embed(model) == ((VECTOR, FINE),)
    assert model.asked == [True]


def test_in_doubt_the_smoothed_copy_must_agree() -> None:
    agreeing, differing = Model(DOUBTED, agreement=0.96), Model(DOUBTED, agreement=0.85)
    assert embed(agreeing) is not None
    assert embed(differing) is None
    assert agreeing.asked == differing.asked == [True, False]


def test_great_doubt_needs_no_second_look_to_be_refused() -> None:
    model = Model(BAD)
    assert embed(model) is None
    assert model.asked == [True]


def test_a_model_that_knows_no_doubt_always_takes_the_second_look() -> None:
    assert embed(Model(None, agreement=0.96)) is not None
    assert embed(Model(None, agreement=0.85)) is None


@pytest.mark.parametrize(("doubt", "relied_on"), [(FINE, True), (BAD, False)])
def test_the_first_model_judges_for_all(doubt: float, relied_on: bool) -> None:
    other = Model(None, agreement=0.0)
    assert (embed(Model(doubt), other) is not None) == relied_on
    assert other.asked == [True]


def test_each_face_is_judged_by_itself() -> None:
    model = Model(FINE)
    faces = [[(crop,)] for crop in (CROP, OTHER, CROP)]
    assert [one is None for one in embed_reliably(faces, [model.served])] == [False, True, False]
    assert embed_reliably([], [model.served]) == []


@pytest.mark.parametrize(("doubt", "spoilt"), [(FINE, False), (DOUBTED, False), (None, False), (BAD, True)])
def test_what_seems_to_cover_a_face_has_spoilt_its_photo_where_doubt_is_great(
    doubt: float | None, *, spoilt: bool
) -> None:
    model = Model(doubt)
    assert are_spoilt([(CROP,)], model.served) == [spoilt]
    assert model.asked == [True]
