"""Processors are counted as the container's limit has them."""

import os
from pathlib import Path

import pytest

from shared.processors import processors

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "count"),
    [("50000 100000\n", 1), ("100000 100000\n", 1), ("100000000 100000\n", ALL), ("max 100000\n", ALL), ("", ALL)],
)
def test_the_limit_counts_where_it_is_less(tmp_path: Path, text: str, count: int) -> None:
    cpu_max = tmp_path / "cpu.max"
    cpu_max.write_text(text)
    assert processors(cpu_max) == count


def test_without_a_limit_all_count(tmp_path: Path) -> None:
    assert processors(tmp_path / "none") == ALL


@pytest.mark.skipif(ALL < 2, reason="there is but one")
def test_part_of_a_processor_counts_as_one(tmp_path: Path) -> None:
    cpu_max = tmp_path / "cpu.max"
    cpu_max.write_text("110000 100000\n")
    assert processors(cpu_max) == 2
