"""The names of the looks."""

import re

import pytest

from shared.errors import StyleNotFound
from shared.ml.style.looks import LOOKS, find


def test_there_is_one_look_for_each_row_of_the_network() -> None:
    assert [look.index for look in LOOKS] == list(range(26))


def test_ids_are_unique_and_can_stand_in_a_url() -> None:
    assert len({look.id for look in LOOKS}) == len(LOOKS)
    assert all(re.fullmatch(r"look-[a-z-]+", look.id) for look in LOOKS)


def test_a_look_is_found_by_its_id() -> None:
    assert find("look-woodcut").title == "Woodcut"


def test_an_unknown_look_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(StyleNotFound, match=r"'look-none'.*look-golden-haze, .*look-slate-impasto"):
        find("look-none")
