"""A small supervisor: start processes, wait until they are ready, restart those that die, stop all."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from shared.embedded.info import ProcessRecord
from shared.errors import ConfigurationError

POLL_S = 0.1
RESTART_DELAYS_S = (0.5, 1, 2, 5, 10)  # after the first death, the second, ...
STEADY_S = 30.0  # who ran for so long begins anew with the first of them


@dataclass(frozen=True)
class Service:
    """A process to keep running.

    `ready` says whether it can be used; `start_seconds` is how long that may take. A service is stopped by
    SIGTERM and has `stop_seconds` to finish what it does.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = 30
    stop_seconds: float = 10


@dataclass
class _Run:
    """A service and the process that is it now."""

    service: Service
    process: subprocess.Popen[bytes]
    deaths: int  # of processes that were it, in a row
    started: float = field(default_factory=time.monotonic)
    due: float | None = None  # once it has died: when the next one starts


class Supervisor:
    """Runs services whose output goes to `logs/{name}.log`; tells `on_spawn` of each process that it starts."""

    def __init__(self, logs: Path, *, on_spawn: Callable[[], None] = lambda: None) -> None:
        self._logs = logs
        self._on_spawn = on_spawn
        self._running: dict[str, _Run] = {}
        self._groups: list[list[str]] = []
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self, *services: Service) -> None:
        """Start the services together and return when all are ready.

        Raises:
            ConfigurationError: one ended or was not ready in time; the end of its log is in the message.
        """
        self._groups.append([service.name for service in services])
        for service in services:
            self._spawn(service)
        for service in services:
            self._wait(service)
        if not self._watcher.is_alive():
            self._watcher.start()

    def processes(self) -> list[ProcessRecord]:
        with self._lock:
            return [
                ProcessRecord(run.process.pid, psutil.Process(run.process.pid).create_time())
                for run in self._running.values()
                if run.process.poll() is None
            ]

    def pid(self, name: str) -> int:
        return self._running[name].process.pid

    def stop(self) -> None:
        """Stop everything: those that were started together at once, the last group first."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()  # it starts nothing from now on
        with self._lock:
            running = dict(self._running)
        for group in reversed(self._groups):
            started = [running[name] for name in group if name in running]
            for run in started:
                run.process.terminate()
            for run in started:
                try:
                    run.process.wait(run.service.stop_seconds)
                except subprocess.TimeoutExpired:
                    run.process.kill()
                    run.process.wait()
        self._running.clear()

    def _spawn(self, service: Service, *, deaths: int = 0) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{service.name}.log").open("ab") as log, self._lock:
            # A session of its own: Ctrl-C reaches the supervisor only, which then stops the rest in order.
            process = subprocess.Popen(  # noqa: S603 - our own commands
                service.command,
                env=dict(service.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running[service.name] = _Run(service, process, deaths)
        self._on_spawn()

    def _wait(self, service: Service) -> None:
        process = self._running[service.name].process
        until = time.monotonic() + service.start_seconds
        while not service.ready():
            if process.poll() is not None:
                raise ConfigurationError(f"{service.name} ended at its start:\n{self._tail(service.name)}")
            if time.monotonic() > until:
                raise ConfigurationError(
                    f"{service.name} was not ready after {service.start_seconds:.0f} s:\n{self._tail(service.name)}"
                )
            time.sleep(POLL_S)

    def _tail(self, name: str) -> str:
        lines = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-12:])

    def _watch(self) -> None:
        while not self._stopping.wait(POLL_S):
            for run in list(self._running.values()):
                if run.process.poll() is not None and not self._stopping.is_set():
                    with suppress(OSError):  # no room for a process or on the disk: the next round tries again
                        self._revive(run)

    def _revive(self, run: _Run) -> None:
        """Start again what has died, when its time has come; nothing waits for another's."""
        now = time.monotonic()
        if run.due is None:
            before = 0 if now - run.started > STEADY_S else run.deaths
            run.due = now + RESTART_DELAYS_S[min(before, len(RESTART_DELAYS_S) - 1)]
            run.deaths = before + 1
        if now >= run.due:
            self._spawn(run.service, deaths=run.deaths)


def own_process() -> ProcessRecord:
    return ProcessRecord(os.getpid(), psutil.Process().create_time())


def is_alive(record: ProcessRecord) -> bool:
    """Whether it still runs, and is not another process that was given its id."""
    try:
        process = psutil.Process(record.pid)
        return abs(process.create_time() - record.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_processes(processes: Iterable[ProcessRecord], seconds: float = 10) -> None:
    """End processes that `Supervisor.processes` recorded."""
    alive = [psutil.Process(record.pid) for record in processes if is_alive(record)]
    for process in alive:
        process.terminate()
    _, stubborn = psutil.wait_procs(alive, timeout=seconds)
    for process in stubborn:
        process.kill()
