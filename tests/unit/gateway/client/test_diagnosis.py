"""What `likeness doctor` finds: each check on its own, then the command."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from gateway.client.diagnosis import machine, servers, service
from gateway.client.diagnosis.check import Check, Outcome, examine
from shared.errors import StorageUnavailable
from shared.settings import RedisSettings
from shared.storage.store import MemoryStore
from tests.unit.gateway.client.commands.conftest import by_path
from tests.unit.gateway.client.conftest import Gateway, json, problem

WHOAMI = {"key": "k", "tenant": "acme", "name": None, "scopes": ["verify"], "expires_at": None}
ALIVE = {"passive": {"available": True}, "active": {"available": True}}
COMPUTER: dict[str, Any] = {
    "cpu": "a CPU",
    "architecture": "x86_64",
    "cores": 4,
    "cpu_features": ["avx2"],
    "cpu_precision": "float32",
    "cuda": None,
    "gpus": [],
    "device": "auto",
    "weights": [{"name": "sface", "state": "cached", "optional": False}],
}


def outcomes(checks: list[Check]) -> dict[str, Outcome]:
    assert all(check.advice for check in checks if check.outcome in {Outcome.WARNING, Outcome.FAILED}), checks
    return {check.name: check.outcome for check in checks}


@pytest.mark.parametrize(
    ("changes", "name", "outcome"),
    [
        ({}, "cpu", Outcome.OK),
        ({"cpu_features": []}, "cpu", Outcome.WARNING),
        ({"cpu_features": [], "architecture": "aarch64"}, "cpu", Outcome.OK),
        ({}, "gpu", Outcome.OK),
        ({"gpus": ["a GPU"], "cuda": "13"}, "gpu", Outcome.OK),
        ({"gpus": ["a GPU"], "device": "cpu"}, "gpu", Outcome.WARNING),
        ({"device": "cuda"}, "gpu", Outcome.FAILED),
        ({}, "weights", Outcome.OK),
        ({"weights": [{"name": "sface", "state": "missing", "optional": False}]}, "weights", Outcome.FAILED),
        ({"weights": [{"name": "sface", "state": "damaged", "optional": False}]}, "weights", Outcome.FAILED),
        ({"weights": [{"name": "minifasnet", "state": "missing", "optional": True}]}, "weights", Outcome.WARNING),
        ({"weights": [{"name": "minifasnet", "state": "damaged", "optional": True}]}, "weights", Outcome.FAILED),
    ],
)
def test_what_computes(changes: dict[str, Any], name: str, outcome: Outcome) -> None:
    assert outcomes(list(machine.computing({**COMPUTER, **changes})))[name] is outcome


def test_packages_are_compared_with_what_is_pinned(tmp_path: Path) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"# tested with\nhttpx=={httpx.__version__}\nno-such-package==1.0\n")
    assert outcomes(list(machine.packages(constraints))) == {"packages": Outcome.OK}
    constraints.write_text("httpx==0.0.1\n")
    (check,) = machine.packages(constraints)
    assert check.outcome is Outcome.WARNING
    assert f"httpx {httpx.__version__} instead of 0.0.1" in check.found
    assert outcomes(list(machine.packages(tmp_path / "nowhere"))) == {"packages": Outcome.SKIPPED}


def test_little_free_memory_is_a_warning(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99999999 kB\nMemAvailable: 1000000 kB\n")
    assert outcomes(list(machine.memory(meminfo))) == {"memory": Outcome.WARNING}
    meminfo.write_text("MemAvailable: 99999999 kB\n")
    assert outcomes(list(machine.memory(meminfo)))["memory"] in {Outcome.OK, Outcome.FAILED}


class Careless(MemoryStore):
    """Takes the second of two writers as well."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True


class Away(MemoryStore):
    def ping(self) -> None:
        raise StorageUnavailable("The object store cannot be reached (ConnectTimeoutError).")


@pytest.mark.parametrize(
    ("store", "found"),
    [
        (MemoryStore(), {"object store": Outcome.OK, "conditional PUT": Outcome.OK}),
        (Careless(), {"object store": Outcome.OK, "conditional PUT": Outcome.FAILED}),
        (Away(), {"object store": Outcome.FAILED}),
    ],
    ids=["good", "careless", "away"],
)
def test_the_object_store_must_refuse_a_second_writer(store: MemoryStore, found: dict[str, Outcome]) -> None:
    assert outcomes(list(servers.object_store(store))) == found
    assert list(store.keys("doctor/")) == []


def test_a_redis_that_is_not_there_is_named_without_its_password() -> None:
    settings = RedisSettings(url=SecretStr("redis://:secret@127.0.0.1:1/0"))
    (check,) = servers.redis_server(settings)
    assert check.outcome is Outcome.FAILED
    assert "secret" not in check.found


def test_a_url_that_is_none_is_not_told() -> None:
    settings = RedisSettings(url=SecretStr("redis://:sec/ret@127.0.0.1:1/0"))  # a slash that should be %2F
    (check,) = servers.redis_server(settings)
    assert (check.outcome, "sec" in check.found) == (Outcome.FAILED, False)


INFO = {"role": "master", "aof_last_write_status": "ok", "maxmemory": 0, "used_memory": 1000}


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.OK),
        ({"role": "slave"}, Outcome.FAILED),
        ({"aof_last_write_status": "err"}, Outcome.FAILED),
        ({"rdb_last_bgsave_status": "err"}, Outcome.FAILED),
        ({"maxmemory": 2000}, Outcome.OK),
        ({"maxmemory": 1010}, Outcome.WARNING),
    ],
)
def test_a_redis_that_takes_no_writes_is_not_all_right(changes: dict[str, Any], outcome: Outcome) -> None:
    assert outcomes([servers.writing({**INFO, **changes}, "version 7.2")]) == {"redis": outcome}


def ready(**headers: str) -> httpx.Response:
    return json({"status": "ready"}, 200, **headers)


def looked_at(gateway: Gateway, answers: dict[str, Any]) -> dict[str, Outcome]:
    gateway.answers = [by_path({"GET /v1/models": {"liveness": ALIVE}, **answers})]
    return outcomes(list(service.gateway("http://gateway.test", "lk_key", httpx.MockTransport(gateway))))


@pytest.mark.parametrize(("seconds", "outcome"), [(0, Outcome.OK), (90, Outcome.WARNING), (-90, Outcome.WARNING)])
def test_clocks_are_compared(gateway: Gateway, seconds: int, outcome: Outcome) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    found = looked_at(gateway, {"GET /readyz": ready(Date=date), "GET /v1/whoami": WHOAMI})
    assert found == {"gateway": Outcome.OK, "clock": outcome, "key": Outcome.OK, "liveness": Outcome.OK}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(problem(401, "unauthorized"), Outcome.FAILED), (problem(404, "not_found"), Outcome.SKIPPED),
     (problem(500, "internal_error"), Outcome.FAILED)],
)  # fmt: skip
def test_the_key_is_tried(gateway: Gateway, answer: httpx.Response, outcome: Outcome) -> None:
    assert looked_at(gateway, {"GET /readyz": ready(), "GET /v1/whoami": answer})["key"] is outcome


@pytest.mark.parametrize(
    ("models", "outcome"),
    [
        ({"liveness": ALIVE}, Outcome.OK),
        ({"liveness": {**ALIVE, "passive": {"available": False, "reason": "weights"}}}, Outcome.WARNING),
        ({"models": []}, Outcome.SKIPPED),
        (problem(500, "internal_error"), Outcome.FAILED),
    ],
    ids=["all", "no weights", "an older gateway", "broken"],
)
def test_what_the_workers_can_check_is_told(gateway: Gateway, models: Any, outcome: Outcome) -> None:
    answers = {"GET /readyz": ready(), "GET /v1/whoami": WHOAMI, "GET /v1/models": models}
    assert looked_at(gateway, answers)["liveness"] is outcome


def test_a_gateway_that_is_not_ready_has_failed(gateway: Gateway) -> None:
    answers = {"GET /readyz": problem(503, "not_ready"), "GET /v1/whoami": WHOAMI}
    assert looked_at(gateway, answers)["gateway"] is Outcome.FAILED


def test_a_gateway_that_does_not_answer_is_one_check() -> None:
    away = httpx.MockTransport(Gateway([httpx.ConnectError("refused")]))
    assert outcomes(list(service.gateway("http://gateway.test", "lk_key", away))) == {"gateway": Outcome.FAILED}


def test_an_examination_that_breaks_is_a_check_that_failed() -> None:
    def breaks() -> list[Check]:
        raise ZeroDivisionError("hidden")

    found = list(examine([("this", breaks), ("that", lambda: [Check.ok("that", "good")])]))
    assert [(check.name, check.outcome) for check in found] == [("this", Outcome.FAILED), ("that", Outcome.OK)]
    assert "hidden" not in found[0].found
