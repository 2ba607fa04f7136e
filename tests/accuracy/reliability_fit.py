"""Fit shared/ml/face/doubt.json: python -m tests.accuracy.reliability_fit --data DIR.

Photos of people whose SHA-256 is even, each in several ways of CHOSEN_ON drawn by lot; good ones are LFW's as they are
and the repository's portraits as phones send them. A photo counts as spoilt if it keeps less than 0.8 of its embedding,
or if it and those of others that were spoilt alike have drawn nearer to each other. A logistic regression with an L2
penalty, by L-BFGS, tells them from the others.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from shared.ml.face import doubt
from shared.ml.face.detector import Image
from shared.ml.face.sface import EMBEDDING_SIZE, SFace
from shared.ml.weights import SFACE, load
from tests.accuracy.__main__ import LFW
from tests.accuracy.faces import read_images
from tests.accuracy.spoilt import Reader, as_a_phone_sends, portraits
from tests.spoiling import CHOSEN_ON

KEPT = 0.8  # cosine to the embedding of the photo as it was
DRAWN = 0.03  # mean cosine to photos of others that were spoilt alike, more than between the photos as they were
_PENALTY = 0.01  # of the squares of the weights for means of variance 1, beside the mean cross entropy
_BATCH = 64


class Examples(NamedTuple):
    """(N, 512) means; (N,) in which way a photo is spoilt, -1: in none; (N, 128) embeddings as it is and as it was."""

    means: torch.Tensor
    ways: torch.Tensor
    embeddings: torch.Tensor
    clean: torch.Tensor

    def spoilt(self) -> torch.Tensor:
        """(N,) in {0, 1}."""
        spoilt = (self.embeddings * self.clean).sum(dim=1) < KEPT
        for way in range(int(self.ways.max()) + 1):
            alike = torch.nonzero(self.ways == way)[:, 0]
            nearer = _others(self.embeddings[alike]) - _others(self.clean[alike])
            spoilt[alike] |= nearer > DRAWN
        return spoilt.float()


def _others(embeddings: torch.Tensor) -> torch.Tensor:
    """(N, 128) -> (N,): the mean cosine of each to the others."""
    return (embeddings @ embeddings.sum(dim=0) - 1) / max(1, len(embeddings) - 1)


class Probed:
    """The service's reader, and what the probe sees of what it reads."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._network = SFace().eval()
        self._network.load_state_dict(load(SFACE))

    def good(self, photos: Sequence[Image]) -> Examples:
        return self._examples(photos, None, [-1] * len(photos))

    def spoilt(self, photos: Sequence[Image], clean: npt.NDArray[np.float32], ways: Sequence[int]) -> Examples:
        """`clean`: the embeddings of the photos as they were."""
        return self._examples(photos, clean, ways)

    def embedded(self, photos: Sequence[Image]) -> npt.NDArray[np.float32]:
        return self._reader.embed([self._reader.look(photo) for photo in photos])[0]

    def _examples(
        self, photos: Sequence[Image], clean: npt.NDArray[np.float32] | None, ways: Sequence[int]
    ) -> Examples:
        """Of those that every other limit lets through."""
        looked = [self._reader.look(photo) for photo in photos]
        judged = [number for number, one in enumerate(looked) if one.before]
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack([one.crop for one in looked])).permute(0, 3, 1, 2)
            means = torch.cat([doubt.means(doubt.halfway(self._network, part)) for part in torch.split(pixels, 8)])
        made = (
            self._reader.embed(looked)[0]
            if clean is not None
            else np.full((len(photos), EMBEDDING_SIZE), EMBEDDING_SIZE**-0.5, np.float32)
        )
        before = made if clean is None else clean
        columns = (means, torch.tensor(ways), torch.tensor(made), torch.tensor(before))
        return Examples(*(column[judged] for column in columns))


def main() -> None:
    """Read, fit, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.reliability_fit", description=__doc__)
    parser.add_argument("--data", type=Path, default=LFW, help="LFW's photos, a folder for each person")
    parser.add_argument("--ways", type=int, default=10, help="in how many ways each photo is spoilt")
    options = parser.parse_args()
    found = Examples(*map(torch.cat, zip(*_examples(options.data, options.ways), strict=True)))
    spoilt = found.spoilt()
    weights, bias = _fit(found.means.double(), spoilt.double())
    rounded = {"bias": round(bias, 4), "weights": [float(f"{weight:.4g}") for weight in weights]}
    Path(doubt.__file__).with_name("doubt.json").write_text(json.dumps(rounded) + "\n")
    sys.stdout.write(f"{len(spoilt)} photos, {int(spoilt.sum())} of them spoilt\n")


def _examples(data: Path, ways: int) -> Iterator[Examples]:
    probed, random = Probed(), np.random.default_rng(0)
    paths = [path for folder in sorted(data.iterdir()) if _is_even(folder.name) for path in sorted(folder.glob("*"))]
    kinds = [(spoil, strength) for spoil, strengths in CHOSEN_ON.values() for strength in strengths]
    for start in range(0, len(paths), _BATCH):
        photos = list(read_images(paths[start : start + _BATCH]))
        yield probed.good(photos)
        several = [photo for photo, path in zip(photos, paths[start:], strict=False) if _is_first_or_second(path)]
        if several:
            clean = probed.embedded(several)
            for _ in range(ways):
                drawn = random.integers(len(kinds), size=len(several)).tolist()
                chosen = (kinds[int(number)] for number in drawn)
                made = [spoil(photo, level, random) for photo, (spoil, level) in zip(several, chosen, strict=True)]
                yield probed.spoilt(made, clean, drawn)
        sys.stderr.write(f"{start + len(photos)} of {len(paths)} photos\n")
    for side in (640, 1280):
        for quality in (60, 80, 95):
            for sigma in (0, 5, 10):
                yield probed.good([as_a_phone_sends(portrait, side, quality, sigma) for portrait in portraits()])


def _is_even(name: str) -> bool:
    return int(sha256(name.encode()).hexdigest(), 16) % 2 == 0


def _is_first_or_second(path: Path) -> bool:
    """Some people have hundreds of photos."""
    return path in sorted(path.parent.glob("*"))[:2]


def _fit(values: torch.Tensor, answers: torch.Tensor) -> tuple[list[float], float]:
    """-> weights of the means, and bias."""
    mean, deviation = values.mean(dim=0), values.std(dim=0)
    scaled = (values - mean) / deviation
    weights = torch.zeros(doubt.CHANNELS + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        odds = weights[0] + scaled @ weights[1:]
        total = functional.binary_cross_entropy_with_logits(odds, answers) + _PENALTY * (weights[1:] ** 2).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch's stubs lack it
        return total

    optimizer.step(cost)  # type: ignore[no-untyped-call]  # as above
    plain = weights.detach()[1:] / deviation
    return plain.tolist(), float(weights.detach()[0] - (plain * mean).sum())


if __name__ == "__main__":
    main()
