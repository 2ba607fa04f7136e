"""The presets of the fine mode and the fast mode: how long a picture takes, and how good it is, in figures."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import mean

from torch import Tensor

from shared.ml import device as devices
from shared.ml.style import quality
from shared.ml.style.fast import FastStyliser
from shared.ml.style.options import FineOptions, Preset
from tests.benchmarks.opponent import Pystiche, opponent
from tests.benchmarks.peers import Ours
from tests.benchmarks.style_task import PAINTING, PHOTO, Task, load_features
from tests.benchmarks.timing import table

PAIRS = ((PHOTO, PAINTING), (PHOTO.with_name("ardern-2018.jpg"), PAINTING.with_name("auvers-street.jpg")))
SIDE = 192  # px
PEER_STEPS = 40

Painter = Callable[[Task], Tensor]


def presets(pairs: tuple[tuple[Path, Path], ...] = PAIRS, side: int = SIDE, peer_steps: int = PEER_STEPS) -> str:
    """Means over pairs of a photo and a painting."""
    features = load_features()
    tasks = [Task.of(features, photo, painting, side) for photo, painting in pairs]
    fast = FastStyliser.from_weights(devices.resolve("auto"))
    with opponent() as peer:
        painters: Mapping[str, Painter] = {
            "fast": partial(_fast, fast),
            **{f"fine, {preset}": partial(_fine, preset) for preset in Preset},
            f"pystiche, {peer_steps} steps": partial(_peer, peer, peer_steps),
        }
        rows = [
            _row("the photo itself", [(0.0, task.content) for task in tasks], tasks),
            *(_row(name, list(_timed(paint, tasks)), tasks) for name, paint in painters.items()),
        ]
    return (
        f"### What the modes make of a photo\n\nMeans over {len(pairs)} pairs of a photo and a painting, long side "
        f"{side} px, costs by VGG-16 in float32 per position, pystiche with the objective of the comparison with it. "
        "Less is better but for SSIM, the likeness to the photo; the presets choose different places between photo "
        "and painting.\n\n" + table(_HEADINGS, rows)
    )


_HEADINGS = ["", "s per picture", "content cost", "style cost", "SSIM to the photo", "ΔE to the painting's colours"]


def _timed(paint: Painter, tasks: list[Task]) -> Iterator[tuple[float, Tensor]]:
    for task in tasks:
        started = time.perf_counter()
        picture = paint(task)
        yield time.perf_counter() - started, picture


def _row(name: str, made: list[tuple[float, Tensor]], tasks: list[Task]) -> list[str]:
    seconds = mean(taken for taken, _ in made)
    found = [
        quality.measure(task.features, task.content, task.style, picture)
        for task, (_, picture) in zip(tasks, made, strict=True)
    ]
    return [
        name,
        f"{seconds:.1f}" if seconds else "–",
        f"{mean(one.content_cost for one in found):.3g}",
        f"{mean(one.style_cost for one in found):.3g}",
        f"{mean(one.ssim for one in found):.2f}",
        f"{mean(one.colour_distance for one in found):.1f}",
    ]


def _fast(styliser: FastStyliser, task: Task) -> Tensor:
    return styliser.stylise(task.content, styliser.style_vector(task.style))


def _fine(preset: Preset, task: Task) -> Tensor:
    options = FineOptions.of(preset)
    run = Ours(task, options)
    for _ in range(options.steps):
        run.step()
    return run.picture()


def _peer(peer: Pystiche, steps: int, task: Task) -> Tensor:
    peer.start(task)
    for _ in range(steps):
        peer.step()
    return peer.picture()
