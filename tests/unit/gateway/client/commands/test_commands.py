"""What holds for every command."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway.client.cli import app

ROOT = Path(__file__).parents[5]
WITHOUT_JSON = {"up", "down", "demo", "config"}  # of this machine; `config` prints JSON anyway
OFFLINE = {"evaluate", "train", "evaluate-liveness", "evaluate-style", "visualise"}  # handed on to workers.tools


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    assert COMMANDS[path].help.partition("\n")[0].rstrip().endswith((".", "?"))


@pytest.mark.parametrize("path", [path for path in COMMANDS if path[0] not in WITHOUT_JSON | OFFLINE], ids=" ".join)
def test_every_command_of_a_system_takes_the_same_options(path: tuple[str, ...]) -> None:
    options = {name for parameter in COMMANDS[path].params for name in parameter.opts}
    assert {"--json", "--url", "--key"} <= options


@pytest.mark.parametrize(
    "path", [path for path in COMMANDS if path[-1] in {"erase", "delete", "revoke", "merge"}], ids=" ".join
)
def test_what_cannot_be_undone_asks_first(path: tuple[str, ...]) -> None:
    if path != ("styles", "delete"):  # a picture that whoever deletes it has
        assert "--yes" in {name for parameter in COMMANDS[path].params for name in parameter.opts}


def test_every_command_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "cli.md").read_text()
    assert {path[0] for path in COMMANDS if f"`{path[0]}`" not in guide} == set()
