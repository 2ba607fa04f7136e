"""Style: our fast mode beside onnxruntime on the original int8 files; what a step of the fine mode costs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from shared.ml import device as devices
from shared.ml import weights
from shared.ml.style.fast import FastStyliser
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation
from shared.ml.style.options import FineOptions
from tests.benchmarks.timing import table, take_turns

ONNX_SIDE = 384  # the only size the published transform file takes


def fast() -> str:
    """Seconds per picture, the style vector known."""
    styliser = FastStyliser.from_weights(devices.resolve("auto"))
    random = np.random.default_rng(0)
    vector = styliser.style_vector(torch.from_numpy(random.random((1, 3, 256, 256), np.float32)))
    session = _session(weights.fetch(weights.MAGENTA_TRANSFORM))
    rows = []
    for side in (256, ONNX_SIDE, 512, 1024):
        pixels = random.random((1, side, side, 3), np.float32)
        content = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        contestants: dict[str, Callable[[], object]] = {"ours": partial(styliser.stylise, content, vector)}
        if side == ONNX_SIDE:
            contestants["onnx"] = partial(_run, session, pixels, vector.numpy())
        times = take_turns(contestants, rounds=7)
        ours = times["ours"].median
        theirs = times["onnx"].median if "onnx" in times else None
        rows.append(
            [str(side), f"{ours:.3f}", f"{theirs:.3f}" if theirs else "–", f"{theirs / ours:.2f}×" if theirs else "–"]
        )
    return "### Fast stylisation, s per picture\n\n" + table(
        ["px", "ours, float32, any size", "onnxruntime, int8, 384 px only", "ours is"], rows
    )


def fine() -> str:
    """Seconds per step: one forward and backward pass through VGG-16 with the default layers."""
    features = Vgg16Features(weights.load(weights.VGG16)).to(devices.resolve("auto"))
    rows = []
    for side in (256, 384, 512):
        picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        steps = iter(Optimisation(features, picture, picture.flip(3), FineOptions(steps=100)))
        taken = take_turns({"step": partial(next, steps)}, rounds=7)["step"]
        rows.append([str(side), f"{taken.median:.2f}", f"{taken.median * 100 / 60:.1f}"])
    return "### Fine stylisation, default options\n\n" + table(["px", "s per step", "minutes for 100 steps"], rows)


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options)


def _run(
    session: onnxruntime.InferenceSession, pixels: npt.NDArray[np.float32], vector: npt.NDArray[np.float32]
) -> None:
    feeds = {"content_image": pixels, "mobilenet_conv/Conv/BiasAdd": vector.reshape(1, 1, 1, 100)}
    session.run(None, feeds)
