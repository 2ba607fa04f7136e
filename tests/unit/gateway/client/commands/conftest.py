"""Runs `likeness` commands against a system whose answers are the test's."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client.cli import run
from tests.unit.gateway.client.conftest import Gateway, json


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


Likeness = Callable[..., Done]
Answers = dict[str, Any]


@pytest.fixture
def likeness(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Likeness:
    """Runs a command in an empty folder that has a photo, with a URL and a key in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIKENESS_URL", "http://gateway.test")
    monkeypatch.setenv("LIKENESS_API_KEY", "lk_key")
    (tmp_path / "ada.jpg").write_bytes(b"photo")

    def invoke(*words: str) -> Done:
        status = run(words, httpx.MockTransport(gateway))
        told = capsys.readouterr()
        return Done(status, told.out, told.err)

    return invoke


def by_path(answers: Answers) -> Callable[[httpx.Request], httpx.Response]:
    """Answers by `METHOD /path`: a document, or a response."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = answers[f"{request.method} {request.url.path}"]
        if callable(found):
            found = found(request)
        return found if isinstance(found, httpx.Response) else json(found)

    return answer


def job(result: Any, status: str = "succeeded", **members: Any) -> dict[str, Any]:
    made = {"result": result} if result is not None else {}
    return {"id": "j", "type": "t", "status": status, "progress": None, "links": {}, **made, **members}
