import numpy as np
import pytest

from shared.ml.face.evaluation import identification
from shared.ml.face.evaluation.identification import evaluate_identification
from shared.ml.face.evaluation.report import IdentificationAtK
from tests.unit.shared.ml.face.evaluation.synthetic import synthetic_faces


def at_sizes(people: int, photos: int, *, spread: float = 0.7) -> list[IdentificationAtK]:
    faces = synthetic_faces(people, photos, spread=spread)
    found, note = evaluate_identification(faces.embeddings, faces.labels, seed=0)
    assert note is None
    return list(found)


def test_people_who_are_far_apart_are_all_found_and_no_stranger_is() -> None:
    (found,) = at_sizes(40, 4, spread=0.05)
    assert found.persons == 10
    assert found.rank_1.value == 1
    first = found.fnir_at_fpir[0]
    assert first.target == 1e-2
    assert first.fnir is None  # 160 photos of strangers at most
    assert first.note == "cannot be measured with 160 strangers' photos: at least 300 are needed"


def test_more_people_make_it_harder() -> None:
    small, _, large = at_sizes(200, 4, spread=1.2)
    assert (small.persons, large.persons) == (10, 100)
    assert small.rank_1.value > large.rank_1.value
    assert small.fnir_at_fpir[0].threshold is not None
    assert large.fnir_at_fpir[0].threshold is not None
    assert small.fnir_at_fpir[0].threshold < large.fnir_at_fpir[0].threshold


def test_the_promise_is_kept_on_the_strangers_it_was_measured_on() -> None:
    for found in at_sizes(200, 4):
        for point in found.fnir_at_fpir:
            assert point.fpir is None or point.fpir.value <= point.target


def test_intervals_rest_on_photos_not_on_repetitions() -> None:
    found = at_sizes(200, 4, spread=1.2)[-1]
    assert found.rank_1.trials > found.mated_probes
    low, high = found.rank_1.low, found.rank_1.high
    z, p = 1.959964, found.rank_1.value
    assert high - low == pytest.approx(2 * z * np.sqrt(p * (1 - p) / found.mated_probes), rel=0.1)


def test_a_wrong_best_candidate_is_a_miss_at_every_threshold() -> None:
    """Person 0's second photo is nearest to person 1: FNIR never falls below 1 - rank-1."""
    for found in at_sizes(60, 3, spread=2.5):
        wrong = 1 - found.rank_1.value
        assert wrong > 0
        rates = [point.false_negative_rate for point in found.curve if point.threshold > -1]
        assert min(rates) >= wrong - 1e-9


def test_few_people_are_searched_among_half_of_them() -> None:
    (found,) = at_sizes(7, 2)
    assert found.persons == 3


@pytest.mark.parametrize(("people", "photos"), [(3, 5), (50, 1)])
def test_too_few_are_a_reason_not_an_error(people: int, photos: int) -> None:
    faces = synthetic_faces(people, photos)
    found, note = evaluate_identification(faces.embeddings, faces.labels, seed=0)
    assert found == ()
    assert note is not None
    assert note.startswith(f"cannot be measured with {people} people")


def test_large_searches_are_cut_into_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = at_sizes(40, 3)
    monkeypatch.setattr(identification, "_AT_ONCE", 30)
    assert at_sizes(40, 3) == whole
