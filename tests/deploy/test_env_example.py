"""`.env.example` names every setting with its description and default, and nothing that does not exist."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo


@dataclass(frozen=True)
class Entry:
    name: str
    value: str
    commented: bool
    comments: Sequence[str]


@pytest.fixture(scope="module")
def entries(root: Path) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    comments: list[str] = []
    for line in (root / ".env.example").read_text().splitlines():
        if setting := re.fullmatch(r"(#?)([A-Z][A-Z0-9_]*)=(.*)", line):
            commented, name, value = setting.groups()
            assert name not in found, f"{name} is there twice"
            found[name] = Entry(name, value, bool(commented), tuple(comments))
        elif line.startswith("# "):
            comments.append(line.removeprefix("# "))
        else:
            assert not line, f"neither a comment nor NAME=value: {line!r}"
            comments = []
    return found


@pytest.fixture(scope="module")
def compose_variables(root: Path) -> frozenset[str]:
    return frozenset(re.findall(r"(?<!\$)\$\{(\w+)", (root / "docker-compose.yml").read_text()))


def as_text(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case Enum():
            return str(default.value)
        case str() | int() | float() | Path():
            return str(default)
        case _:  # no default, or one that is made at run time
            return ""


def test_every_setting_is_there(entries: Mapping[str, Entry], settings: Mapping[str, FieldInfo]) -> None:
    missing = [
        f"# {field.description}\n#{name}={as_text(field.default)}"
        for name, field in settings.items()
        if name not in entries
    ]
    assert not missing, "add to .env.example:\n\n" + "\n\n".join(missing)


def test_every_line_is_a_setting_or_a_variable_of_the_compose_file(
    entries: Mapping[str, Entry], settings: Mapping[str, FieldInfo], compose_variables: frozenset[str]
) -> None:
    assert set(entries) <= set(settings) | compose_variables


def test_every_variable_of_the_compose_file_is_there(
    entries: Mapping[str, Entry], compose_variables: frozenset[str]
) -> None:
    assert compose_variables <= set(entries)


def test_descriptions_and_defaults_are_those_of_the_code(
    entries: Mapping[str, Entry], settings: Mapping[str, FieldInfo]
) -> None:
    for name, field in settings.items():
        entry = entries[name]
        assert field.description in entry.comments, name
        assert entry.value == as_text(field.default), name


def test_the_defaults_of_the_compose_file_are_named(
    entries: Mapping[str, Entry], settings: Mapping[str, FieldInfo], root: Path
) -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (root / "docker-compose.yml").read_text()))
    for name, default in defaults.items():
        if name not in settings:
            assert entries[name].value == default, name


def test_what_has_no_default_is_left_empty_and_says_how_to_make_one(entries: Mapping[str, Entry]) -> None:
    """A copy of the file is complete once these three are filled in; nothing in it can be used as it is."""
    to_fill = {name for name, entry in entries.items() if not entry.commented}
    assert to_fill == {"LIKENESS_S3__ACCESS_KEY", "LIKENESS_S3__SECRET_KEY", "REDIS_PASSWORD"}
    for name in to_fill:
        assert entries[name].value == ""
        assert any("openssl rand -hex" in comment for comment in entries[name].comments), name


def test_it_says_which_settings_the_compose_file_decides(
    entries: Mapping[str, Entry], settings: Mapping[str, FieldInfo], compose: dict[str, Any]
) -> None:
    """Every other setting passes from .env through the compose file to our containers."""
    passed = {name for name, value in compose["x-environment"].items() if value is None}
    marked = {name for name in settings if "docker compose sets this itself" in entries[name].comments}
    to_fill = {name for name in settings if not entries[name].commented}
    assert passed == set(settings) - marked - to_fill
