import pytest
from scipy.stats import binomtest

from shared.ml.face.evaluation.intervals import clopper_pearson, pooled, support, wilson

CASES = [(0, 10), (1, 10), (10, 10), (3, 4000), (37, 50), (100, 1_000_000)]


@pytest.mark.parametrize(("errors", "n"), CASES)
def test_wilsons_interval_is_scipys(errors: int, n: int) -> None:
    expected = binomtest(errors, n).proportion_ci(method="wilson")
    found = wilson(errors, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("errors", "n"), CASES)
def test_the_exact_interval_is_scipys(errors: int, n: int) -> None:
    expected = binomtest(errors, n).proportion_ci(method="exact")
    found = clopper_pearson(errors, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_error_in_n_excludes_what_the_closed_form_says() -> None:
    assert clopper_pearson(0, 100).high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert wilson(0, 100).high == pytest.approx(1.959964**2 / (100 + 1.959964**2), rel=1e-6)


def test_pooled_trials_give_the_rate_of_all_and_the_interval_of_the_independent() -> None:
    found = pooled(20, 2000, 200)
    assert (found.value, found.errors, found.trials) == (0.01, 20, 2000)
    assert (found.low, found.high) == (wilson(2, 200).low, wilson(2, 200).high)


@pytest.mark.parametrize(("errors", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(errors: int, n: int) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        wilson(errors, n)
    with pytest.raises(ValueError, match="not a rate"):
        clopper_pearson(errors, n)


def test_a_rate_needs_three_expected_errors_and_is_rough_below_thirty() -> None:
    assert support(1e-5, 299_999, "pairs") == (
        False,
        "cannot be measured with 299,999 pairs: at least 300,000 are needed",
    )
    supported, note = support(1e-5, 300_000, "pairs")
    assert supported
    assert note is not None
    assert note.startswith("rough")
    assert support(1e-5, 3_000_000, "pairs") == (True, None)
