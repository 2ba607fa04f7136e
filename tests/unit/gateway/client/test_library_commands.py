"""What `likeness styles` prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from gateway.client import library_commands
from gateway.client.api import Client
from gateway.client.cli import app

TITLE = "Study [/b] in [red] :heart:"
STYLE = {"id": "study", "title": TITLE, "artist": None, "year": None, "licence": "none", "modes": ["fine"], "shared": 0}


@pytest.mark.parametrize("words", [["show", "study"], ["list"]])
def test_titles_are_printed_as_they_are(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page: dict[str, Any] = {"styles": [STYLE], "next_cursor": None}
        return httpx.Response(200, json=page if request.url.path == "/v1/styles" else STYLE)

    @contextmanager
    def connected(*_: str | None) -> Iterator[Client]:
        with Client("http://test", "key", transport=httpx.MockTransport(answer)) as client:
            yield client

    monkeypatch.setattr(library_commands, "connected", connected)
    done = CliRunner().invoke(app, ["styles", *words])
    assert done.exit_code == 0
    assert TITLE in done.stdout
