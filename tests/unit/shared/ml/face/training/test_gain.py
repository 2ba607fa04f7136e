import pytest

from shared.ml.face.training.gain import gain
from shared.ml.face.training.measures import mean_true_match_rate
from tests.unit.shared.ml.face.training.made_up import PEOPLE, scores


def test_the_gain_is_the_difference_in_mean_tar_and_lies_in_its_interval() -> None:
    before, after = scores(1.0), scores(0.5)
    found = gain(before, after, PEOPLE)
    assert found.value == pytest.approx(mean_true_match_rate(after) - mean_true_match_rate(before))
    assert 0 < found.low < found.value < found.high
    assert found.shown == "better than before"


def test_a_loss_is_named_as_one() -> None:
    found = gain(scores(0.5), scores(1.0), PEOPLE)
    assert found.value < 0
    assert found.shown == "worse than before"


def test_the_same_model_twice_has_no_gain() -> None:
    found = gain(scores(0.7), scores(0.7), PEOPLE)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert found.shown.startswith("no difference")


def test_two_draws_of_equally_good_scores_are_not_told_apart() -> None:
    assert gain(scores(0.7, seed=1), scores(0.7, seed=2), PEOPLE).shown.startswith("no difference")


def test_the_interval_covers_the_noise_of_equally_good_models() -> None:
    """Models that differ by the draw of their noise only: 95 % intervals exclude no gain in few of 40 comparisons."""
    found = [gain(scores(0.8, seed=2 * k), scores(0.8, seed=2 * k + 1), PEOPLE) for k in range(40)]
    assert sum(not one.shown.startswith("no difference") for one in found) <= 6
