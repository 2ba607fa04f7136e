"""`likeness doctor` with no system, and with a gateway that is not well; the machine itself is looked at for real."""

import json as jsonlib

import pytest

from tests.unit.gateway.client.commands.conftest import Likeness, by_path
from tests.unit.gateway.client.conftest import Gateway, json, problem

WHOAMI = {"key": "k", "tenant": "acme", "name": None, "scopes": ["verify"], "expires_at": None}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS__URL", "S3__ENDPOINT", "S3__ACCESS_KEY", "S3__SECRET_KEY"):
        monkeypatch.delenv(f"LIKENESS_{name}", raising=False)


def test_it_works_without_a_system(likeness: Likeness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIKENESS_URL")
    done = likeness("doctor", "--json")
    told = jsonlib.loads(done.out)
    found = {check["name"]: check for check in told["checks"]}
    assert {"python", "packages", "memory", "disk", "cpu", "gpu", "weights", "servers", "gateway"} <= found.keys()
    assert found["servers"]["outcome"] == found["gateway"]["outcome"] == "skipped"
    assert "likeness up" in found["servers"]["advice"]
    assert done.status == (0 if told["healthy"] else 1)


def test_what_is_broken_is_1_and_says_what_to_do(
    gateway: Gateway, likeness: Likeness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_S3__SECRET_KEY", "changeme")
    monkeypatch.setenv("LIKENESS_REDIS__URL", "redis://:hidden@127.0.0.1:1/0")
    gateway.answers = [by_path({"GET /readyz": problem(503, "not_ready"), "GET /v1/whoami": json(WHOAMI)})]
    done = likeness("doctor")
    assert done.status == 1
    assert "failed   settings:" in done.out
    assert "LIKENESS_S3__SECRET_KEY" in done.out
    assert "failed   gateway: http://gateway.test: not_ready it is" in done.out
    assert "ok       key: k of acme: verify" in done.out
    assert "2 of " in done.out
    for secret in ("changeme", "hidden", "lk_key"):
        assert secret not in done.out + done.err
