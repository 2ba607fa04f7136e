"""pystiche as a contestant: installed into a folder of its own, run in a process of its own (peer_pystiche.py)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.style_task import OBJECTIVE, ROOT, Task

SITE = ROOT / ".likeness" / "bench" / "pystiche"
PACKAGES = ("pystiche==1.0.1", "tqdm==4.70.1")


class Pystiche:
    """The other process; a context. `start` before anything else."""

    def __init__(self, folder: Path, site: Path = SITE) -> None:
        self._folder = folder
        path = os.pathsep.join([str(installed(site)), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.peer_pystiche"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path, "PYSTICHE_HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def start(self, task: Task) -> Self:
        content_layers, style_layers = score_weights(task)
        self._tell(
            "start",
            content=self._file("content", task.content),
            style=self._file("style", task.style),
            device=str(task.features.mean.device),
            content_layers=content_layers,
            style_layers=style_layers,
        )
        return self

    def cost(self, picture: Tensor) -> float:
        return float(self._tell("cost", picture=self._file("judged", picture))["cost"])

    def step(self) -> None:
        self._tell("step")

    def picture(self) -> Tensor:
        """Clamped: its optimiser knows no bounds, a file does."""
        file = self._folder / "picture.npy"
        self._tell("picture", file=str(file))
        return torch.from_numpy(np.load(file)).clamp(0, 1)

    def _tell(self, what: str, **more: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps({'do': what, **more})}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _file(self, name: str, picture: Tensor) -> str:
        file = self._folder / f"{name}.npy"
        np.save(file, picture.numpy())
        return str(file)


def installed(site: Path = SITE) -> Path:
    """The folder with pystiche, installed there when it is not."""
    if not (site / "pystiche").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), *PACKAGES]
        subprocess.run(pip, check=True)
    return site


@contextmanager
def opponent() -> Iterator[Pystiche]:
    with TemporaryDirectory() as folder, Pystiche(Path(folder)) as peer:
        yield peer


def score_weights(task: Task) -> tuple[dict[str, float], dict[str, float]]:
    """What makes pystiche's means our sums.

    Content: 1/2 ||a - a'||^2 is half the mean times n_C n_H n_W. Style: ||G - G'||_F^2 / (2 n_C)^2 is a quarter of the
    mean over the n_C^2 entries, of Gram matrices that both divide by their positions.
    """
    height, width = task.content.shape[2:]
    with torch.no_grad():
        seen = task.features(task.content.to(task.features.mean.device), list(OBJECTIVE.content_layers))
    content = {layer: OBJECTIVE.alpha * w / 2 * seen[layer].numel() for layer, w in OBJECTIVE.content_layers.items()}
    beta = OBJECTIVE.beta * height * width / 256**2
    return content, {layer: beta * w / 4 for layer, w in OBJECTIVE.style_layers.items()}
