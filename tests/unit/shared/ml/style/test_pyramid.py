"""The sizes from coarse to fine and the steps on each."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.ml.style.pyramid import MIN_SIDE, levels


@pytest.mark.parametrize(
    ("long_side", "coarsest", "count"), [(128, 128, 1), (255, 255, 1), (256, 128, 2), (512, 128, 3), (1000, 250, 3)]
)
def test_the_coarsest_level_is_128_to_256_px_if_nothing_is_said(long_side: int, coarsest: int, count: int) -> None:
    found = levels(long_side // 2, long_side, count=None, steps=100)
    assert len(found) == count
    assert (found[0].height, found[0].width) == (coarsest // 2, coarsest)


def test_each_level_is_half_as_large_as_the_next() -> None:
    found = levels(400, 300, count=3, steps=70)
    assert [(level.height, level.width) for level in found] == [(100, 75), (200, 150), (400, 300)]


def test_each_level_has_half_the_steps_of_the_one_before() -> None:
    assert [level.steps for level in levels(512, 512, count=3, steps=70)] == [40, 20, 10]


def test_one_level_is_the_picture_itself() -> None:
    (level,) = levels(1000, 700, count=1, steps=9)
    assert (level.height, level.width, level.steps, level.pixels) == (1000, 700, 9, 700_000)


def test_no_level_is_too_small_for_the_network() -> None:
    assert [level.height for level in levels(64, 4000, count=None, steps=100)] == [MIN_SIDE, 64]
    assert len(levels(20, 20, count=8, steps=100)) == 1


def test_there_are_no_more_levels_than_steps() -> None:
    assert [level.steps for level in levels(1024, 1024, count=4, steps=2)] == [1, 1]


@example(1024, 1024, 6, 6)
@example(1024, 2000, 7, 6)
@given(st.integers(16, 4096), st.integers(16, 4096), st.none() | st.integers(1, 8), st.integers(1, 500))
def test_the_steps_of_all_levels_are_those_asked_for(height: int, width: int, count: int | None, steps: int) -> None:
    found = levels(height, width, count=count, steps=steps)
    assert sum(level.steps for level in found) == steps
    assert all(level.steps >= 1 for level in found)
    assert [level.steps for level in found] == sorted((level.steps for level in found), reverse=True)
    assert (found[-1].height, found[-1].width) == (height, width)
