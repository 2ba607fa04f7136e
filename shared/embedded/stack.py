"""The whole system on one machine without Docker: S3 (SeaweedFS), Redis (Valkey), gateway and workers.

Everything lies in one folder: `stack.json` (how to reach the stack, mode 0600, there while it is ready),
`processes.json` (what it consists of), `data/`, `logs/`. Data and API key survive a restart; ports are chosen anew.
"""

import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from shared.embedded import servers
from shared.embedded.info import S3Access, StackInfo, read_info, read_processes
from shared.embedded.ports import free_ports
from shared.embedded.supervisor import Supervisor, end_processes, is_alive, own_process
from shared.errors import ConfigurationError

PARTS = {"api-key", "data", "logs", "processes.json", "run", "stack.json"}  # of a stack's folder


class Stack:
    """Use as a context manager, or `up` and `down`.

    Args:
        home: the stack's folder, created when absent.
        port: the gateway's port; None chooses a free one.
        face_workers: how many face workers to run.
        settings: further environment variables for every process.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        face_workers: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home.resolve()
        self.supervisor = Supervisor(self.home / "logs", on_spawn=self._record)
        self._port = port
        self._face_workers = face_workers
        self._settings = dict(settings or {})
        self._info: StackInfo | None = None

    def __enter__(self) -> StackInfo:
        return self.up()

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def _secrets_file(self) -> Path:
        return self.home / "data" / "secrets.json"

    @property
    def info(self) -> StackInfo | None:
        """How to reach the stack; None before it is ready."""
        return self._info

    def up(self, say: Callable[[str], None] = lambda _: None) -> StackInfo:
        """Start everything; returns when the gateway says it is ready. `say` is told each step.

        Raises:
            ConfigurationError: a stack runs in this folder already, or a process did not start.
        """
        self._claim_folder()
        try:
            return self._start(say)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop what this object started and remove `stack.json`."""
        self.supervisor.stop()
        _forget(self.home)

    def erase(self) -> None:
        """Begin anew: delete the data of a stack that does not run.

        Raises:
            ConfigurationError: it runs, or the folder is not a stack's alone.
        """
        found = {path.name for path in self.home.iterdir()} if self.home.exists() else set()
        if found and (found - PARTS or not self._secrets_file.exists()):
            raise ConfigurationError(f"{self.home} holds more than a stack, and would be deleted: name another folder.")
        self._claim_folder()
        shutil.rmtree(self.home)

    def _start(self, say: Callable[[str], None]) -> StackInfo:
        *s3_ports, redis_port, gateway_port = free_ports(len(servers.S3_PORTS) + 2)
        made = self._secrets()
        s3 = S3Access(f"127.0.0.1:{s3_ports[0]}", made["s3_access"], made["s3_secret"], "likeness")
        redis_url = f"redis://:{made['redis']}@127.0.0.1:{redis_port}/0"
        url = f"http://127.0.0.1:{self._port or gateway_port}"
        environment = self._environment(s3, redis_url)
        say("starting the object store and Redis")
        data = self.home / "data"
        store = servers.object_store(data / "s3", s3, s3_ports)
        self.supervisor.start(store, servers.redis_server(data / "redis", redis_url))

        say("starting the gateway and the workers, warming up the models")
        roles = {f"face-{number + 1}": "face" for number in range(self._face_workers)}
        roles |= {role: role for role in ("style", "style-bulk", "webhooks", "housekeeping")}
        run = self.home / "run"
        workers = [servers.worker(name, role, environment, run) for name, role in roles.items()]
        self.supervisor.start(servers.gateway(environment, url), *workers)
        self._wait_until_ready(url)
        api_key = (self.home / "api-key").read_text().strip()
        self._info = StackInfo(url=url, api_key=api_key, s3=s3, redis=redis_url)
        servers.write_private(self.home / "stack.json", json.dumps(asdict(self._info), indent=2))
        return self._info

    def _record(self) -> None:
        """Write `processes.json`, whenever there is a new process."""
        processes = [asdict(record) for record in (own_process(), *self.supervisor.processes())]
        servers.write_private(self.home / "processes.json", json.dumps(processes))

    def _environment(self, s3: S3Access, redis_url: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "LIKENESS_LOG_FORMAT": "json",
            "LIKENESS_REDIS__URL": redis_url,
            "LIKENESS_S3__ENDPOINT": s3.endpoint,
            "LIKENESS_S3__ACCESS_KEY": s3.access_key,
            "LIKENESS_S3__SECRET_KEY": s3.secret_key,
            "LIKENESS_S3__BUCKET": s3.bucket,
            "LIKENESS_AUTH__FIRST_KEY_FILE": str(self.home / "api-key"),
            **self._settings,
        }

    def _secrets(self) -> dict[str, str]:
        """Random, made at the first start and kept beside the data they guard."""
        path = self._secrets_file
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = {name: secrets.token_hex(20) for name in ("s3_access", "s3_secret", "redis")}
            servers.write_private(path, json.dumps(made))
        kept: dict[str, str] = json.loads(path.read_text())
        return kept

    def _claim_folder(self) -> None:
        """Refuse when the folder's stack runs; end what a killed supervisor left behind."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)  # templates are biometric data, whatever mode the servers give their files
        recorded = read_processes(self.home)
        if recorded and is_alive(recorded[0]):
            info = read_info(self.home)
            where = f"already runs in {self.home}: {info.url}" if info else f"is starting in {self.home}"
            raise ConfigurationError(f"A stack {where}. Stop it: likeness down --home {self.home}")
        end_processes(recorded[1:])
        _forget(self.home)

    def _wait_until_ready(self, url: str) -> None:
        until = time.monotonic() + 30
        while not servers.answers(f"{url}/readyz"):
            if time.monotonic() > until:
                raise ConfigurationError(f"{url}/readyz does not say ready; see {self.home / 'logs'}.")
            time.sleep(0.1)


def stop(home: Path, seconds: float = 90) -> bool:
    """Stop the stack of a folder from another process; False when none runs there."""
    recorded = read_processes(home)
    if not recorded:
        return False
    supervisor = recorded[0]
    if is_alive(supervisor):
        os.kill(supervisor.pid, signal.SIGTERM)
        until = time.monotonic() + seconds
        while is_alive(supervisor) and time.monotonic() < until:
            time.sleep(0.1)
    end_processes(read_processes(home)[1:])  # of one that was killed, or did not end in time
    _forget(home)
    return True


def _forget(home: Path) -> None:
    for name in ("stack.json", "processes.json"):
        (home / name).unlink(missing_ok=True)
