"""How a command finds the system that runs here."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from gateway.client.connection import connected
from shared.embedded.servers import S3Access
from shared.embedded.stack import StackInfo
from shared.errors import ConfigurationError


def test_without_a_system_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="likeness up"), connected(None, None):
        pass


def test_a_system_that_is_still_starting_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = StackInfo("http://127.0.0.1:1", "", S3Access("127.0.0.1:2", "a", "b", "c"), "redis://127.0.0.1:3/0", ())
    (tmp_path / ".likeness").mkdir()
    (tmp_path / ".likeness" / "stack.json").write_text(json.dumps(asdict(info)))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="still starting"), connected(None, None):
        pass
