"""Who gets which pixel: masks by hand."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from shared.errors import InvalidField
from shared.ml.style.regions import Region, divide


def mask(*values: float) -> Tensor:
    """A picture of one row: (1, 1, 1, n)."""
    return torch.tensor(values, dtype=torch.float32)[None, None, None]


def shares(regions: Sequence[Region]) -> list[list[float]]:
    return [region.share[0, 0, 0].tolist() for region in regions if region.share is not None]


def test_styles_without_masks_share_everything_by_their_weights() -> None:
    (region,) = divide([None, None], [3, 1])
    assert region.styles == {0: 0.75, 1: 0.25}
    assert region.share is None
    assert region.area == 1


def test_two_masks_are_two_regions() -> None:
    left, right = divide([mask(1, 0), mask(0, 1)], [1, 5])
    assert (left.styles, right.styles) == ({0: 1.0}, {1: 1.0})
    assert shares([left, right]) == [[1, 0], [0, 1]]
    assert left.area == 0.5


def test_a_style_without_a_mask_goes_where_no_mask_is() -> None:
    masked, rest = divide([mask(1, 0.25, 0), None], [1, 1])
    assert (masked.styles, rest.styles) == ({0: 1.0}, {1: 1.0})
    assert shares([masked, rest]) == [[1, 0.25, 0], [0, 0.75, 1]]


def test_overlapping_masks_share_in_proportion_to_weight_times_mask() -> None:
    first, second = divide([mask(1, 1), mask(1, 0.5)], [3, 1])
    torch.testing.assert_close(first.share, mask(3 / 4, 6 / 7))
    torch.testing.assert_close(second.share, mask(1 / 4, 1 / 7))


def test_where_no_mask_is_nothing_is_painted() -> None:
    (region,) = divide([mask(0, 0.5)], [1])
    assert shares([region]) == [[0, 0.5]]


def test_what_is_kept_is_taken_from_all() -> None:
    masked, rest = divide([mask(1, 1, 0, 0), None], [1, 1], mask(1, 0, 0.5, 0))
    assert shares([masked, rest]) == [[0, 1, 0, 0], [0, 0, 0.5, 1]]


def test_a_style_without_weight_is_not_there() -> None:
    (region,) = divide([mask(1, 0), None], [0, 2])
    assert region.styles == {1: 1.0}
    assert region.share is None


def test_a_style_whose_mask_is_empty_is_not_there() -> None:
    (region,) = divide([mask(0, 0), None], [1, 1])
    assert region.styles == {1: 1.0}


def test_there_are_no_regions_where_all_is_kept() -> None:
    assert divide([None], [1], mask(1, 1)) == []


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2], [float("nan"), 1], [float("inf"), 1]], ids=str)
def test_weights_that_make_no_sense_are_refused(weights: list[float]) -> None:
    with pytest.raises(InvalidField, match="styles' weights"):
        divide([None, None], weights)


def test_no_style_at_all_is_refused() -> None:
    with pytest.raises(InvalidField, match="At least one style"):
        divide([], [])


MASKS = arrays("float32", (1, 1, 1, 5), elements=st.integers(0, 8).map(lambda n: n / 8)).map(torch.from_numpy)


@given(st.lists(st.tuples(st.none() | MASKS, st.integers(1, 9)), min_size=1, max_size=4), MASKS)
def test_the_shares_of_a_pixel_never_exceed_what_is_not_kept(
    given: list[tuple[Tensor | None, int]], keep: Tensor
) -> None:
    regions = divide([m for m, _ in given], [w for _, w in given], keep)
    total = sum((region.share for region in regions if region.share is not None), start=torch.zeros(1, 1, 1, 5))
    assert (total <= 1 - keep + 1e-5).all()
    if any(m is None for m, _ in given):  # and all of it is painted if a style goes everywhere
        torch.testing.assert_close(total, 1 - keep, atol=1e-4, rtol=0)
