"""The gateway under gunicorn in a process of its own, over a MemoryStore (serve_in_memory.py)."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from shared.embedded.ports import free_ports

SCRIPT = Path(__file__).with_name("serve_in_memory.py")


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def start(folder: Path, redis_url: str) -> Running:
    port, key_file, log = free_ports(1)[0], folder / "key", folder / "log"
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        command = [sys.executable, str(SCRIPT), str(port), redis_url, str(key_file)]
        process = subprocess.Popen(command, stdout=output, stderr=output)
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"{url}/healthz", timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return Running(process, url, key_file.read_text(), log)
    process.kill()
    process.wait()
    raise AssertionError(log.read_text())


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=30)
