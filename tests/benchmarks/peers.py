"""Our fine mode beside pystiche 1.0.1: the same network, weights, objective, size, start and number of evaluations.

That the objective is the same is measured before anything is timed. The contestants then take turns step by step, and
one judge, float32 on the same network, looks at the pictures on the way while all the clocks stand still.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from shared.ml.style.optimisation import Optimisation, StyleImage
from shared.ml.style.options import FineOptions
from tests.benchmarks.opponent import Pystiche, opponent
from tests.benchmarks.style_task import OBJECTIVE, PAINTING, PHOTO, ROOT, Task, load_features
from tests.benchmarks.timing import table

PLOT = ROOT / "docs" / "images" / "style" / "time-to-cost.svg"
RACES: Mapping[int, int] = {256: 40, 384: 20}  # long side, px -> steps
TOLERANCE = 1e-3  # relative, between two sums of float32
LOOKS = 20  # of the judge, at each contestant's picture
PYRAMID = "ours, coarse to fine"


class Racer(Protocol):
    def step(self) -> None: ...

    def picture(self) -> Tensor:
        """(1, 3, h, w) in [0, 1], on the CPU: what would be saved now."""
        ...


@dataclass(frozen=True)
class Look:
    """The cost of a picture that took `seconds`, set-up included."""

    seconds: float
    cost: float


@dataclass
class Run:
    seconds: float = 0.0
    steps: list[float] = field(default_factory=list)  # seconds each
    looks: list[Look] = field(default_factory=list)

    def reaches(self, cost: float) -> float | None:
        """Seconds until the cost is as low; between two looks it falls geometrically."""
        for former, later in zip(self.looks, self.looks[1:], strict=False):
            if later.cost <= cost < former.cost:
                part = np.log(former.cost / cost) / np.log(former.cost / later.cost)
                return float(former.seconds + part * (later.seconds - former.seconds))
        return None


class Ours:
    def __init__(self, task: Task, options: FineOptions) -> None:
        self._run = Optimisation(task.features, task.content, [StyleImage(task.style)], options)
        self._steps = iter(self._run)

    def step(self) -> None:
        next(self._steps)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    def picture(self) -> Tensor:
        return self._run.image


def fine(races: Mapping[int, int] = RACES, plot: Path = PLOT) -> str:
    """Seconds per step, per picture, and to a given cost; the curves as a drawing."""
    features = load_features()
    rows: list[list[str]] = []
    curves, worst = {}, 0.0
    with opponent() as peer:
        for side, steps in races.items():
            task = Task.of(features, PHOTO, PAINTING, side)
            worst = max(worst, disagreement(task, peer))
            runs = race(task, peer, steps)
            rows += _rows(side, steps, runs)
            curves[f"{side} px, {steps} steps"] = runs
    draw(curves, plot)
    return (
        f"### Fine stylisation beside pystiche 1.0.1\n\n{_EXPLANATION.format(worst=worst)}\n\n"
        + table(_HEADINGS, rows)
        + f"\n\n![cost against time](images/style/{plot.name})"
    )


_EXPLANATION = (
    "The same VGG-16 with the same weights, `relu4_2` for the content, `relu1_1` to `relu5_1` for the style, L-BFGS "
    "from the content, one evaluation of cost and gradient per step. What is computed once for a picture is part of "
    "its time, loading the network is not. pystiche's network is frozen, which its examples leave out and which makes "
    "it faster. Before the race both report the same cost for three pictures (relative difference at most "
    "{worst:.0e}). The cost is that of the picture as it would be saved (cut off at 0 and 1), in float32. In "
    "parentheses: how many times as fast as pystiche. neural-style-pt and crowsonkb/style-transfer-pytorch are on no "
    "package index and were not run here."
)
_HEADINGS = ["long side, px", "", "s per step", "s per picture", "final cost", "s to pystiche's final cost"]


def disagreement(task: Task, peer: Pystiche) -> float:
    """The largest relative difference between the peer's cost and the judge's, at the start and at two other pictures.

    Raises:
        ValueError: they do not minimise the same.
    """
    judge = task.judge()
    peer.start(task)
    noise = torch.rand(task.content.shape, generator=torch.Generator().manual_seed(0))
    pictures = (task.content, torch.lerp(task.content, noise, 0.3), noise)
    worst = max(abs(peer.cost(picture) / judge(picture) - 1) for picture in pictures)
    if worst > TOLERANCE:
        raise ValueError(f"pystiche's cost and ours differ by {worst:.1e}: they do not minimise the same")
    return worst


def race(task: Task, peer: Pystiche, steps: int) -> dict[str, Run]:
    """Every contestant's steps in turns; each has made two before that do not count."""
    one_size = replace(OBJECTIVE, steps=steps, levels=1)
    makers: dict[str, Callable[[], Racer]] = {
        PYRAMID: lambda: Ours(task, replace(one_size, levels=None)),
        "ours, one size": lambda: Ours(task, one_size),
        "pystiche": lambda: peer.start(task),
    }
    judge = task.judge()
    for make in makers.values():
        warm = make()
        warm.step()
        warm.step()
    runs = {name: Run(looks=[Look(0.0, judge(task.content))]) for name in makers}
    racers: dict[str, Racer] = {}
    for name, make in makers.items():
        started = time.perf_counter()
        racers[name] = make()
        runs[name].seconds = time.perf_counter() - started
    seen = {1, 2, 3, 5, *range(steps, 0, -max(1, steps // LOOKS))}
    for number in range(1, steps + 1):
        for name, racer in racers.items():
            started = time.perf_counter()
            racer.step()
            runs[name].steps.append(time.perf_counter() - started)
            runs[name].seconds += runs[name].steps[-1]
        if number in seen:
            for name, racer in racers.items():
                runs[name].looks.append(Look(runs[name].seconds, judge(racer.picture())))
    return runs


def draw(curves: Mapping[str, Mapping[str, Run]], file: Path) -> None:
    """One drawing beside the other: cost against time, both logarithmic."""
    figure = Figure(figsize=(5 * len(curves), 3.6), layout="constrained")
    places = figure.subplots(1, len(curves), squeeze=False)
    for place, (title, runs) in zip(places[0], curves.items(), strict=True):
        for name, run in runs.items():
            place.plot([look.seconds for look in run.looks[1:]], [look.cost for look in run.looks[1:]], label=name)
        place.set(title=title, xlabel="seconds", ylabel="content + style cost", xscale="log", yscale="log")
        place.grid(visible=True, which="both", alpha=0.3)
    places[0][0].legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    with rc_context({"svg.hashsalt": "likeness"}):  # the same figures give the same file
        figure.savefig(file, metadata={"Date": None})


def _rows(side: int, steps: int, runs: Mapping[str, Run]) -> Iterator[list[str]]:
    """A row for each contestant; in parentheses how many times as fast as pystiche."""
    peer = runs["pystiche"]
    for name, run in runs.items():
        step = statistics.median(run.steps)
        reached = run.reaches(peer.looks[-1].cost)
        yield [
            f"{side}, {steps} steps",
            name,
            "–" if name == PYRAMID else f"{step:.2f} ({statistics.median(peer.steps) / step:.1f}×)",
            f"{run.seconds:.1f} ({peer.seconds / run.seconds:.1f}×)",
            f"{run.looks[-1].cost:.3g}",
            f"{reached:.1f} ({peer.seconds / reached:.1f}×)" if reached else "not reached",
        ]
