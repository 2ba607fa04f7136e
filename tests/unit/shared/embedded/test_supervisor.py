"""The supervisor: readiness, restarts, an end that leaves nothing running."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.embedded import supervisor as supervising
from shared.embedded.info import ProcessRecord
from shared.embedded.ports import TWIN, free_ports
from shared.embedded.supervisor import (
    Service,
    Supervisor,
    end_processes,
    is_alive,
    own_process,
)
from shared.errors import ConfigurationError

FOREVER = "import time, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "logs")
    yield made
    made.stop()


def service(tmp_path: Path, name: str, code: str = FOREVER, stop_seconds: float = 5) -> Service:
    flag = tmp_path / name
    command = (sys.executable, "-c", code, str(flag))
    return Service(name, command, flag.exists, dict(os.environ), 10, stop_seconds)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def test_start_returns_when_all_are_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(service(tmp_path, "a"), service(tmp_path, "b"))
    assert (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()
    assert all(is_alive(record) for record in supervisor.processes())


def test_stop_leaves_nothing_running(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(service(tmp_path, "a"))
    supervisor.start(service(tmp_path, "b", STUBBORN, stop_seconds=0.3))
    records = supervisor.processes()
    supervisor.stop()
    assert not any(is_alive(record) for record in records)


def test_what_dies_is_started_again(tmp_path: Path) -> None:
    told: list[list[int]] = []

    def record() -> None:
        told.append([one.pid for one in restarting.processes()])

    restarting = Supervisor(tmp_path / "logs", on_spawn=record)
    restarting.start(service(tmp_path, "a"))
    first = restarting.pid("a")
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: len(told) == 2)
    assert restarting.pid("a") != first
    assert told == [[first], [restarting.pid("a")]], "whoever is told can end them, whatever becomes of the supervisor"
    restarting.stop()


def test_a_full_disk_does_not_keep_it_from_restarting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = 0

    def full() -> None:
        nonlocal spawned
        spawned += 1
        if spawned > 1:
            raise OSError("No space left on device")

    monkeypatch.setattr(supervising, "STEADY_S", 0)
    supervisor = Supervisor(tmp_path / "logs", on_spawn=full)
    supervisor.start(service(tmp_path, "a"))
    for _ in range(2):
        assert eventually(killed(supervisor, "a"))
    supervisor.stop()


def killed(supervisor: Supervisor, name: str) -> Callable[[], bool]:
    """Whether another process has taken its place."""
    former = supervisor.pid(name)
    os.kill(former, signal.SIGKILL)
    return lambda: supervisor.pid(name) != former


def test_what_dies_again_and_again_waits_longer_and_keeps_nobody_waiting(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "RESTART_DELAYS_S", (0, 600))
    supervisor.start(service(tmp_path, "a"), service(tmp_path, "b"))
    assert eventually(killed(supervisor, "a"))
    again = killed(supervisor, "a")
    assert eventually(killed(supervisor, "b"))
    assert not again()


def test_who_ran_for_a_while_is_started_at_once(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "RESTART_DELAYS_S", (0, 600))
    monkeypatch.setattr(supervising, "STEADY_S", 0)
    supervisor.start(service(tmp_path, "a"))
    for _ in range(3):
        assert eventually(killed(supervisor, "a"))


def test_a_service_that_ends_at_its_start_shows_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such model"):
        supervisor.start(service(tmp_path, "a", "raise SystemExit('no such model')"))


def test_a_recorded_process_is_ended_but_not_one_with_its_number(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(service(tmp_path, "a"))
    (record,) = supervisor.processes()
    impostor = ProcessRecord(os.getpid(), own_process().created - 1000)
    assert not is_alive(impostor)
    end_processes([record, impostor])
    assert not is_alive(record)


def test_ports_are_distinct_and_leave_room_for_their_twins() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert max(ports) + TWIN < 32_768
