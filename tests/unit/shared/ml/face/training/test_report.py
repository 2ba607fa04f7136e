from shared.ml.face.training.report import compare, markdown
from tests.unit.shared.ml.face.training.made_up import PEOPLE, PERSONS, PHOTOS, scores


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
