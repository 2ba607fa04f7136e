"""What the shell is told when somebody presses Tab."""

import subprocess
import sys

import httpx
import pytest
import typer

from gateway.client.cli import app
from gateway.client.commands.session import galleries_like
from tests.unit.gateway.client.conftest import Gateway, json


def context(gateway: Gateway) -> typer.Context:
    return typer.Context(typer.main.get_command(app), obj=httpx.MockTransport(gateway))


@pytest.fixture(autouse=True)
def _named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_URL", "http://gateway.test")
    monkeypatch.setenv("LIKENESS_API_KEY", "lk_key")


def test_galleries_are_completed(gateway: Gateway) -> None:
    gateway.answers = [json({"galleries": [{"id": "staff"}, {"id": "stage"}, {"id": "door"}]})]
    made = context(gateway)
    made.params.update(url="http://gateway.test", key="lk_key")
    assert galleries_like(made, "sta") == ["staff", "stage"]


def test_a_system_that_does_not_answer_completes_nothing(gateway: Gateway) -> None:
    gateway.answers = [httpx.ConnectError("refused")]
    made = context(gateway)
    made.params.update(url="http://gateway.test", key="lk_key")
    assert galleries_like(made, "") == []
    assert len(gateway.asked) == 1


def test_a_tab_does_not_wait_for_what_only_the_doctor_needs() -> None:
    code = "import sys, gateway.client.cli; print(sorted({'celery', 'minio', 'flask'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
