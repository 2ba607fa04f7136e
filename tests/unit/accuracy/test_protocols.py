"""The measuring tools, on scores whose figures are known."""

import numpy as np
import numpy.typing as npt
import pytest

from tests.accuracy.protocols import Normalisation, open_set, operating_points, several_photos

PEOPLE, PHOTOS = 40, 5
LABELS = np.repeat(np.arange(PEOPLE), PHOTOS)
EVERYBODY = np.ones(len(LABELS), dtype=np.bool_)


def separated() -> npt.NDArray[np.float32]:
    """Every genuine pair scores 0.9 and more, every impostor pair less than 0.1."""
    rng = np.random.default_rng(0)
    same = LABELS[:, None] == LABELS
    noise = rng.uniform(0, 0.1, same.shape)
    return np.asarray(np.where(same, 0.9, 0.0) + (noise + noise.T) / 2, dtype=np.float32)


def test_perfect_scores_find_everybody_in_a_gallery_filled_up_beyond_the_people() -> None:
    result = open_set(separated(), LABELS, probes=EVERYBODY, size=100)
    assert (result.found.value, result.rank_1, result.deviation) == (1, 1, 0)
    assert (result.enrolled, result.mated, result.strangers) == (30, 30 * (PHOTOS - 1), 10 * PHOTOS)


def test_scores_that_say_nothing_find_hardly_anybody() -> None:
    scores = np.random.default_rng(1).uniform(0, 1, (len(LABELS), len(LABELS))).astype(np.float32)
    result = open_set(scores, LABELS, probes=EVERYBODY, size=100)
    assert result.rank_1 < 0.1
    assert result.found.value < 0.02


def test_a_stranger_who_looks_like_somebody_raises_the_threshold_for_all() -> None:
    scores = separated()
    scores[:, LABELS == 0] = scores[LABELS == 0, :] = 0.95  # everybody resembles person 0 more than himself
    assert open_set(scores, LABELS, probes=EVERYBODY, size=30).found.value < 0.5


def test_only_the_people_asked_about_are_probes() -> None:
    asked = LABELS < 20
    result = open_set(separated(), LABELS, probes=asked, size=60)
    assert (result.enrolled, result.mated, result.strangers) == (15, 15 * (PHOTOS - 1), 5 * PHOTOS)
    assert result.found.value == 1


def test_normalisation_removes_what_an_entry_gives_to_everybody() -> None:
    scores = separated()
    loud = LABELS == 0
    scores[:, loud] += 0.5
    scores[loud, :] += 0.5
    raw = open_set(scores, LABELS, probes=~loud, size=100)
    normalised = open_set(
        scores, LABELS, probes=~loud, size=100, normalisation=Normalisation(probe=0, entry=1, neighbours=10)
    )
    assert normalised.found.value >= raw.found.value
    assert normalised.found.value == 1


def test_an_operating_point_is_the_score_that_its_part_of_the_impostors_reach() -> None:
    labels = np.array([0, 0, 1, 1])
    scores = np.zeros((4, 4), dtype=np.float32)
    for (i, j), value in {(0, 1): 0.9, (2, 3): 0.3, (0, 2): 0.1, (0, 3): 0.2, (1, 2): 0.4, (1, 3): 0.0}.items():
        scores[i, j] = scores[j, i] = value
    (loose, strict) = operating_points(scores, labels, (0.5, 0.25))
    assert loose.threshold == pytest.approx(0.2)
    assert loose.true_match.value == 1
    assert strict.threshold == pytest.approx(0.4)
    assert strict.true_match.value == 0.5


def test_more_photos_of_a_person_find_him_more_often() -> None:
    rng = np.random.default_rng(2)
    people = rng.standard_normal((PEOPLE, 16))
    faces = people[LABELS] + 1.3 * rng.standard_normal((len(LABELS), 16))
    embeddings = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
    one, two, three = (several_photos(embeddings, LABELS, photos) for photos in (1, 2, 3))
    assert one[0] < two[0] < three[0]
    assert one[0] == one[1]  # with one template there is nothing to fuse
    assert {one[2], two[2], three[2]} == {PEOPLE * 3 // 4}
