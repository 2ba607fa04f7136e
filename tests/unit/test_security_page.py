"""docs/security.md says of each threat which test shows that it is met: those tests are there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "security.md").read_text()
TESTS = re.findall(r"`((?:unit|integration|e2e|browser)/[\w/.]*)`", PAGE)


@pytest.mark.parametrize("name", sorted(set(TESTS)))
def test_what_the_page_names_is_there(name: str) -> None:
    assert (PROJECT / "tests" / name).exists()


def test_every_met_threat_names_what_shows_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| to ")]
    assert len(rows) > 15
    assert all(re.search(r"(?:`(?:unit|e2e|integration|browser)/)", row) for row in rows)
