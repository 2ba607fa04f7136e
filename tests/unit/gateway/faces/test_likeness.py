"""Which of a person's faces look like the others: by the score that an enrolment would see."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from gateway.faces.likeness import like_others
from shared.galleries.store import Template
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.gallery import fuse
from shared.ml.face.verification import SAME_PERSON, verification_profile

Vector = Sequence[float]
THRESHOLD = verification_profile(SAME_PERSON, DEFAULT_MODEL.curve).threshold


def template(vector: Vector, number: int = 0) -> Template:
    return Template(
        person="ada",
        face=str(number),
        embedding=tuple(vector),
        model_digest=DEFAULT_MODEL.digest,
        quality=1.0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        person_uid="uid",
    )


def of(*vectors: Vector) -> list[bool | None]:
    return like_others([template(vector, number) for number, vector in enumerate(vectors)], DEFAULT_MODEL)


def test_the_odd_one_is_told_from_the_others() -> None:
    assert of((1, 0, 0), (0.8, 0.6, 0), (0, 0, 1)) == [True, True, False]


def test_of_two_who_are_two_people_neither_looks_like_the_other() -> None:
    assert of((1, 0), (0, 1)) == [False, False]


def test_a_face_alone_is_like_no_other_and_unlike_none() -> None:
    assert of((1, 0)) == [None]
    assert of() == []


def test_without_the_model_nothing_is_said() -> None:
    assert like_others([template((1, 0)), template((1, 0), 1)], None) == [None, None]


def test_faces_that_cancel_each_other_break_nothing() -> None:
    assert of((1, 0), (-1, 0), (0, 1)) == [False, False, False]


@pytest.mark.parametrize("seed", range(20))
def test_it_is_what_an_enrolment_would_have_seen(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(0.25, 1, (7, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = [fuse(vectors[index], np.delete(vectors, index, axis=0)) for index in range(len(vectors))]
    assert of(*vectors.tolist()) == [score >= THRESHOLD for score in scores]
