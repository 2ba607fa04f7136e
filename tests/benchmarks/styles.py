"""What a step of the fine mode costs."""

from functools import partial

import torch

from shared.ml.style.optimisation import Optimisation, StyleImage
from shared.ml.style.options import FineOptions
from tests.benchmarks.style_task import load_features
from tests.benchmarks.timing import table, take_turns


def fine() -> str:
    """Seconds per step: one forward and backward pass through VGG-16 with the default layers."""
    features = load_features()
    rows = []
    for side in (256, 384, 512):
        picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        steps = iter(Optimisation(features, picture, [StyleImage(picture.flip(3))], FineOptions(steps=100, levels=1)))
        taken = take_turns({"step": partial(next, steps)}, rounds=7)["step"]
        rows.append([str(side), f"{taken.median:.2f}"])
    return "### Fine stylisation, s per step at one size, default options\n\n" + table(["px", "s per step"], rows)
