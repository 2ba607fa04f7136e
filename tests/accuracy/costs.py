"""What each step costs one CPU thread, in its own milliseconds: time that others take from it does not count."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from shared import images
from shared.images import ImageLimits
from shared.ml.face.refinement import refine
from tests.accuracy.faces import Models

ROUNDS = 40
LIMITS = ImageLimits(max_bytes=10**7, max_pixels=10**8, max_side=10**4, min_side=16)
PORTRAIT = Path(__file__).parents[1] / "data" / "faces" / "obama-1.jpg"


@dataclass(frozen=True)
class Costs:
    """Milliseconds for one photo with one face."""

    decode: float
    detect: float
    refine: float
    sface: float  # alignment and forward pass of the default model
    mirrored: float  # what the mirror image adds to it
    accurate: float  # alignment and forward pass of the fused model

    @property
    def plain(self) -> float:
        return self.decode + self.detect + self.sface

    @property
    def default(self) -> float:
        return self.plain + self.refine

    @property
    def dlib(self) -> float:
        """What the second network adds."""
        return self.accurate - self.sface - self.mirrored

    @property
    def all(self) -> float:
        return self.decode + self.detect + self.refine + self.accurate


def measure(jpeg: bytes, models: Models) -> Costs:
    """The medians over rounds in which all steps take turns."""
    image = np.asarray(images.decode(jpeg, LIMITS))
    face = models.central_face(image)
    sface, accurate = models.sface, models.accurate
    two = [sface.align(image, face.landmarks)] * 2
    took = _medians(
        {
            "decode": lambda: np.asarray(images.decode(jpeg, LIMITS)),
            "detect": lambda: models.detector.detect(image),
            "refine": lambda: refine(models.detector.look, image, face),
            "sface": lambda: sface.embed([sface.align(image, face.landmarks)]),
            "one": lambda: sface.embed(two[:1]),
            "two": lambda: sface.embed(two),
            "accurate": lambda: accurate.embed([accurate.align(image, face.landmarks)]),
        }
    )
    steps = {name: took[name] for name in ("decode", "detect", "refine", "sface", "accurate")}
    return Costs(mirrored=took["two"] - took["one"], **steps)


def _medians(steps: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # or the work is done by threads that this thread's clock does not see
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(ROUNDS):
        for name, step in steps.items():
            started = time.thread_time()
            step()
            taken[name].append((time.thread_time() - started) * 1e3)
    torch.set_num_threads(threads)
    return {name: statistics.median(values) for name, values in taken.items()}


def portrait(long_side: int) -> bytes:
    """A freely licensed portrait as a JPEG file of this size."""
    image = cv2.imread(str(PORTRAIT))
    assert image is not None, PORTRAIT
    scale = long_side / max(image.shape[:2])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return bytes(cv2.imencode(".jpg", cv2.resize(image, size, interpolation=cv2.INTER_AREA))[1])
