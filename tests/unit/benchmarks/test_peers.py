"""What the comparison with peers reads off its curves."""

from pathlib import Path

import pytest

from tests.benchmarks.peers import Look, Run, draw

CURVE = Run(looks=[Look(0, 1000), Look(2, 100), Look(4, 100), Look(10, 1)])


@pytest.mark.parametrize(
    ("cost", "seconds"), [(100, 2), (10, 7), (1, 10), (pytest.param(10**2.5, 1, id="half way, geometrically"))]
)
def test_a_cost_is_reached_between_two_looks(cost: float, seconds: float) -> None:
    assert CURVE.reaches(cost) == pytest.approx(seconds)


def test_a_cost_that_no_look_found_is_not_reached() -> None:
    assert CURVE.reaches(0.9) is None


def test_the_same_curves_give_the_same_drawing(tmp_path: Path) -> None:
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        draw({"256 px": {"ours": CURVE, "theirs": CURVE}}, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert b"<svg" in files[0].read_bytes()
