import numpy as np

from shared.ml.face.training.measures import PairScores, pair_scores
from shared.ml.face.training.report import compare, markdown

PERSONS, PHOTOS = 30, 4
PEOPLE = np.arange(PERSONS).repeat(PHOTOS)


def scores(noise: float, *, seed: int = 0) -> PairScores:
    """Of people whose photos lie this far around them."""
    centres = np.random.default_rng(99).normal(size=(PERSONS, 16))
    vectors = centres[PEOPLE] + noise * np.random.default_rng(seed).normal(size=(len(PEOPLE), 16))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return pair_scores(unit.astype(np.float32), PEOPLE)


def test_the_comparison_counts_what_it_was_measured_on() -> None:
    both = (scores(0.7), scores(0.6))
    found = compare(both, both, PEOPLE)
    genuine = PERSONS * PHOTOS * (PHOTOS - 1) // 2
    assert (found.people, found.photos, found.genuine) == (PERSONS, PERSONS * PHOTOS, genuine)
    assert found.impostor == 120 * 119 // 2 - genuine


def test_the_report_has_counts_and_says_where_the_pairs_are_too_few() -> None:
    before, after = (scores(0.9), scores(0.9)), (scores(0.5), scores(0.5))
    comparison = compare(before, after, PEOPLE)
    text = markdown(comparison, "Title", adopted=True)
    first = comparison.after.tar_at_far[0]
    assert first.tar is not None
    assert f"{first.tar.errors} of {first.tar.trials}" in text
    assert "**Better than before**" in text
    assert comparison.after.tar_at_far[-1].tar is None
    assert comparison.after.tar_at_far[-1].note is not None
    assert comparison.after.tar_at_far[-1].note in text


def test_the_report_says_when_the_original_stays() -> None:
    both = (scores(0.7), scores(0.6))
    assert "**The original stays" in markdown(compare(both, both, PEOPLE), "Title", adopted=False)
