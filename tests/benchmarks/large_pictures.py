"""Large pictures in fine mode: what the memory was said to be, what it was, and how long a step takes.

Each size is painted in a process of its own, whose peak is what the operating system says:
`python -m tests.benchmarks.large_pictures WIDTH HEIGHT TILE STEPS` (TILE 0: none).
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from shared.ml.style.memory import TILE, fine_bytes
from shared.ml.style.optimisation import Optimisation, StyleImage
from shared.ml.style.pixels import resize
from tests.benchmarks.style_task import OBJECTIVE, PAINTING, PHOTO, ROOT, load_features, opened
from tests.benchmarks.timing import table

# width, height, side of a tile, steps
CASES = ((512, 512, None, 3), (1024, 1024, None, 2), (2048, 2048, TILE, 1), (3840, 2160, TILE, 1))
GIB = 2**30


def large(cases: tuple[tuple[int, int, int | None, int], ...] = CASES) -> str:
    """One size of picture after the other."""
    rows = []
    for width, height, tile, steps in cases:
        words = [str(number) for number in (width, height, tile or 0, steps)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.large_pictures", *words],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout)
        rows.append(
            [
                f"{width} × {height}",
                f"tiles of {tile}" if tile else "whole",
                f"{fine_bytes(width, height, tile=tile) / GIB:.2f}",
                f"{found['peak'] / GIB:.2f}",
                f"{found['setup']:.1f}",
                f"{found['step']:.1f}",
            ]
        )
    return (
        "### Large pictures, fine mode\n\nL-BFGS at the full size only, without a pyramid. The peak is the process's, "
        "with Python, torch and the network in it; the memory that L-BFGS gathers over its first ten steps is part of "
        "what is stated and, after the few steps measured here, not of the peak.\n\n" + table(_HEADINGS, rows)
    )


_HEADINGS = ["px", "computed", "memory stated, GiB", "peak, GiB", "s to set up", "s per step"]


def paint(width: int, height: int, tile: int | None, steps: int) -> dict[str, float]:
    """Seconds, and the peak of this process in bytes."""
    features = load_features()
    content = resize(opened(PHOTO, max(width, height)), height, width)
    style = opened(PAINTING, max(width, height))
    started = time.perf_counter()
    run = Optimisation(features, content, [StyleImage(style)], replace(OBJECTIVE, steps=steps, levels=1), tile=tile)
    set_up = time.perf_counter()
    for _ in run:
        pass
    taken = (time.perf_counter() - set_up) / steps
    return {"peak": _peak(), "setup": set_up - started, "step": taken}


def _peak() -> int:
    """Of this process's resident memory, bytes. getrusage would tell that of whoever started it, if it was larger."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    w, h, side, count = map(int, sys.argv[1:])
    sys.stdout.write(json.dumps(paint(w, h, side or None, count)))
