"""The search of a job: everybody in a photo, or the one person of several frames."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from redis import Redis

from shared.galleries.store import GalleryStore, Template
from shared.ml.face.catalogue import DEFAULT_MODEL, ModelCard
from shared.ml.face.verification import Verdict
from shared.schemas import RecognitionPayload
from shared.storage.store import MemoryStore
from tests.unit.workers.faces.test_frames import BLURRED, face, probe
from workers.face_models import Embedding
from workers.face_reader import Crowd, Face, Refusal
from workers.faces.recognition import Search
from workers.liveness_rule import Judgement
from workers.residents import ResidentGalleries

PEOPLE = ("ada", "bob", "eve")
PAYLOAD = RecognitionPayload(gallery="staff", image_key="k", top_k=2, policy="identify-fpir-1e-2")


def axis(number: int, noise: float = 0.0) -> Embedding:
    """A person's direction, or something near it."""
    vector = np.zeros(DEFAULT_MODEL.dimensions, np.float32)
    vector[number], vector[-1 - number] = 1.0, noise
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def alive(_: Face, __: ModelCard) -> Judgement:
    return Judgement()


@pytest.fixture
def galleries(redis: Redis) -> GalleryStore:
    """Three people; ada has two faces."""
    store = GalleryStore(MemoryStore(), redis, "likeness:")
    store.create_gallery("acme", "staff")
    for number, person in enumerate(PEOPLE):
        uid = store.ensure_person("acme", "staff", person).uid
        for name, noise in (("front", 0.0), ("side", 0.6))[: 2 if person == "ada" else 1]:
            embedding = tuple(axis(number, noise).tolist())
            template = Template(
                person=person,
                face=f"{person}-{name}",
                embedding=embedding,
                model_digest=DEFAULT_MODEL.digest,
                quality=0.9,
                created_at=datetime.now(UTC),
                person_uid=uid,
            )
            store.put_template("acme", "staff", template)
    return store


@pytest.fixture
def search(galleries: GalleryStore) -> Iterator[Search]:
    with ThreadPoolExecutor(1) as executor:
        residents = ResidentGalleries(galleries, executor, device=torch.device("cpu"), capacity=1000)
        gallery = galleries.get_gallery("acme", "staff")
        yield Search(residents, PAYLOAD, "acme", gallery, DEFAULT_MODEL)


def crowd(*faces: Face | Refusal, found: int | None = None) -> Crowd:
    return Crowd(list(faces), len(faces) if found is None else found)


def test_each_face_of_a_photo_has_its_own_answer(search: Search) -> None:
    photo = crowd(face(axis(1)), BLURRED, face(axis(50)), found=40)
    found = search.photo(photo, alive)
    assert [(one.verdict, one.person) for one in found.faces] == [
        (Verdict.RECOGNISED, "bob"),
        (Verdict.LOW_QUALITY, None),
        (Verdict.NOT_RECOGNISED, None),
    ]
    assert (found.faces_found, found.persons, found.frames) == (40, 3, [])


def test_the_face_that_matched_is_the_most_similar_one_of_the_recognised(search: Search) -> None:
    faces = search.photo(crowd(face(axis(0, 0.5)), face(axis(50))), alive).faces
    assert [one.matched_face for one in faces] == ["ada-side", None]
    assert search.photo(crowd(face(axis(0, -0.1))), alive).faces[0].matched_face == "ada-front"


def test_a_face_that_is_not_alive_is_not_searched(search: Search) -> None:
    spoof = Judgement(None, Verdict.SPOOF_SUSPECTED, "It looks like a picture.")
    (seen,) = search.photo(crowd(face(axis(0))), lambda *_: spoof).faces
    assert (seen.verdict, seen.person, seen.candidates) == (Verdict.SPOOF_SUSPECTED, None, [])


def test_several_frames_are_one_face_with_each_frames_own_answer_beside_it(search: Search) -> None:
    found = search.frames(probe([face(axis(1), 0.5), BLURRED, face(axis(1, 0.8), 0.9)]))
    (seen,) = found.faces
    assert (seen.verdict, seen.person, seen.matched_face) == (Verdict.RECOGNISED, "bob", "bob-front")
    assert seen.quality.score == 0.9
    assert found.whole == (Verdict.RECOGNISED, None)
    assert [(one.verdict, one.person) for one in found.frames] == [
        (Verdict.RECOGNISED, "bob"),
        (Verdict.LOW_QUALITY, None),
        (Verdict.RECOGNISED, "bob"),
    ]
    assert (found.frames[1].reason, found.faces_found) == (BLURRED.reason, None)


def test_the_decision_follows_the_mean_of_the_frames_scores(search: Search) -> None:
    near, far = axis(1, 0.3), axis(1, 4.0)
    found = search.frames(probe([face(near), face(far), face(near)]))
    scores = [one.score or 0 for one in found.frames]
    assert found.faces[0].score == pytest.approx(np.mean(scores), abs=1e-5)


def test_frames_of_different_people_are_searched_for_nobody(search: Search) -> None:
    found = search.frames(probe([face(axis(0)), face(axis(1))]))
    assert found.whole is not None
    assert found.whole[0] is Verdict.MULTIPLE_FACES
    assert [(one.verdict, one.person, one.score) for one in found.faces] == [(Verdict.MULTIPLE_FACES, None, None)]
    assert [(one.verdict, one.person, one.score) for one in found.frames] == [(Verdict.MULTIPLE_FACES, None, None)] * 2


def test_when_no_frame_has_a_face_there_is_none_to_answer_for(search: Search) -> None:
    nobody = Refusal(Verdict.NO_FACE, "No face was found.")
    found = search.frames(probe([nobody, nobody]))
    assert found.faces == []
    assert found.whole is not None
    assert found.whole[0] is Verdict.NO_FACE


def test_an_empty_gallery_recognises_nobody_in_frames_either(search: Search, galleries: GalleryStore) -> None:
    galleries.create_gallery("acme", "empty")
    empty = Search(search.residents, PAYLOAD, "acme", galleries.get_gallery("acme", "empty"), DEFAULT_MODEL)
    found = empty.frames(probe([face(axis(0)), face(axis(0, 0.1))]))
    assert found.whole == (Verdict.NOT_RECOGNISED, None)


def test_a_stranger_to_people_who_are_there_has_no_reason_of_his_own(search: Search) -> None:
    """The door's sentence is told then."""
    (stranger,) = search.photo(crowd(face(axis(50))), alive).faces
    assert (stranger.verdict, stranger.reason) == (Verdict.NOT_RECOGNISED, None)


def test_in_a_gallery_without_people_the_answer_says_so(search: Search, galleries: GalleryStore) -> None:
    empty = replace(search, gallery=galleries.create_gallery("acme", "empty"))
    (stranger,) = empty.photo(crowd(face(axis(1))), alive).faces
    assert stranger.verdict is Verdict.NOT_RECOGNISED
    assert "enrol people before" in (stranger.reason or "")
