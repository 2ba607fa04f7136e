"""How to reach the stack of a folder, and what it consists of: for whoever talks to it, without what it runs on."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class S3Access:
    endpoint: str
    access_key: str
    secret_key: str
    bucket: str


@dataclass(frozen=True)
class ProcessRecord:
    """A process id and its creation time, which together are never those of another process."""

    pid: int
    created: float


@dataclass(frozen=True)
class StackInfo:
    """What `stack.json` holds, from when the stack is ready."""

    url: str
    api_key: str
    s3: S3Access
    redis: str


def read_info(home: Path) -> StackInfo | None:
    """How to reach what runs, or ran, in this folder; None while it starts."""
    try:
        found: dict[str, Any] = json.loads((home / "stack.json").read_text())
    except FileNotFoundError:
        return None
    return StackInfo(**{**found, "s3": S3Access(**found["s3"])})


def read_processes(home: Path) -> list[ProcessRecord]:
    """What runs, ran or starts in this folder, the supervisor first; empty when nothing does."""
    try:
        return [ProcessRecord(**record) for record in json.loads((home / "processes.json").read_text())]
    except FileNotFoundError:
        return []
