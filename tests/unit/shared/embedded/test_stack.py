"""A stack's folder: it is deleted only when it is a stack's, and nothing else."""

from pathlib import Path

import pytest

from shared.embedded.stack import Stack
from shared.errors import ConfigurationError


def a_stack_ran(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "secrets.json").write_text("{}")
    (home / "logs").mkdir()
    (home / "api-key").write_text("lk_x")


def test_what_a_stack_left_is_erased(tmp_path: Path) -> None:
    a_stack_ran(tmp_path / "home")
    Stack(tmp_path / "home").erase()
    assert not (tmp_path / "home").exists()


def test_there_may_be_nothing_to_erase(tmp_path: Path) -> None:
    Stack(tmp_path / "home").erase()
    (tmp_path / "empty").mkdir()
    Stack(tmp_path / "empty").erase()


@pytest.mark.parametrize("name", ["thesis.txt", "data/measurements.csv"])
@pytest.mark.parametrize("ran", [True, False])
def test_a_folder_with_something_else_is_left_as_it_is(tmp_path: Path, name: str, *, ran: bool) -> None:
    if ran:
        a_stack_ran(tmp_path)
    path = tmp_path / (name if not ran else Path(name).name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("years of work")
    mode = tmp_path.stat().st_mode
    with pytest.raises(ConfigurationError, match="another folder"):
        Stack(tmp_path).erase()
    assert path.read_text() == "years of work"
    assert tmp_path.stat().st_mode == mode
