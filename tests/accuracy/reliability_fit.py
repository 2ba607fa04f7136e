"""Fit the weights of shared/ml/face/quality/reliability.py: python -m tests.accuracy.reliability_fit --data DIR.

Photos of people whose SHA-256 is even, spoilt in every way of CHOSEN_ON; good ones are LFW's as they are and the
repository's portraits as phones send them. A logistic regression with a little L2, by L-BFGS, tells photos that keep
less than 0.8 of their embedding from the others. It prints the weights in the form in which the module has them.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from math import exp, log
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from shared.ml.face.detector import Image
from tests.accuracy.__main__ import LFW
from tests.accuracy.faces import read_images
from tests.accuracy.spoilt import Looked, Reader, as_a_phone_sends, portraits
from tests.spoiling import CHOSEN_ON

KEPT = 0.8  # cosine to the embedding of the photo as it was
_PENALTY = 1e-3


@dataclass(frozen=True, eq=False)
class Example:
    """What the doubt is made of: log length, noise, flatness, log sparsity; and whether the photo is spoilt."""

    measures: tuple[float, float, float, float]
    is_spoilt: bool


def main() -> None:
    """Read, fit, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy.reliability_fit", description=__doc__)
    parser.add_argument("--data", type=Path, default=LFW, help="LFW's photos, a folder for each person")
    parser.add_argument("--people", type=int, default=30, help="whose photos are spoilt, two of each")
    options = parser.parse_args()
    examples = list(_examples(Reader(), options.data, options.people))
    bias, length, noise, flatness, sparsity = _fit(examples)
    sys.stdout.write(
        f"{len(examples)} photos, {sum(one.is_spoilt for one in examples)} of them spoilt\n"
        f"_EVEN_LENGTH = {exp(-bias / length):.2f}\n_PER_LENGTH = {-length:.2f}\n_PER_NOISE = {noise:.3f}\n"
        f"_PER_FLATNESS = {flatness:.2f}\n_PER_SPARSITY = {sparsity:.3f}\n"
    )


def _examples(reader: Reader, data: Path, people: int) -> Iterator[Example]:
    folders = (folder for folder in sorted(data.iterdir()) if _is_even(folder.name))
    paths = [path for folder in islice(folders, people) for path in sorted(folder.glob("*.jpg"))[:2]]
    photos = list(read_images(paths))
    clean, _ = reader.embed([reader.look(photo) for photo in photos])
    yield from _measured(photos, reader, clean)
    for kind, (spoil, strengths) in CHOSEN_ON.items():
        for strength in strengths:
            made = [spoil(photo, strength, np.random.default_rng(n)) for n, photo in enumerate(photos)]
            yield from _measured(made, reader, clean)
        sys.stderr.write(f"{kind}\n")
    for side in (640, 1280):
        for sigma in (0, 6, 10):
            sent = [as_a_phone_sends(portrait, side, 60, sigma) for portrait in portraits()]
            yield from _measured(sent, reader, None)


def _is_even(name: str) -> bool:
    return int(sha256(name.encode()).hexdigest(), 16) % 2 == 0


def _measured(photos: Sequence[Image], reader: Reader, clean: npt.NDArray[np.float32] | None) -> Iterator[Example]:
    """Of those that every other limit lets through; without clean embeddings all are good."""
    looked: list[Looked] = [reader.look(photo) for photo in photos]
    vectors, lengths = reader.embed(looked)
    for number, one in enumerate(looked):
        if one.quality is None or not one.before:
            continue
        texture = one.quality.texture
        measures = (log(lengths[number]), texture.noise, texture.flatness, log(texture.sparsity + 1e-3))
        spoilt = clean is not None and float(vectors[number] @ clean[number]) < KEPT
        yield Example(measures, spoilt)


def _fit(examples: Sequence[Example]) -> list[float]:
    """-> bias and the weights of the four measures."""
    values = torch.tensor([one.measures for one in examples], dtype=torch.float64)
    answers = torch.tensor([one.is_spoilt for one in examples], dtype=torch.float64)
    mean, deviation = values.mean(dim=0), values.std(dim=0)
    scaled = (values - mean) / deviation
    weights = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=500, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        odds = weights[0] + scaled @ weights[1:]
        total = functional.binary_cross_entropy_with_logits(odds, answers) + _PENALTY * (weights[1:] ** 2).sum()
        total.backward()  # type: ignore[no-untyped-call]  # torch's stubs lack it
        return total

    optimizer.step(cost)  # type: ignore[no-untyped-call]  # as above
    plain = weights.detach()[1:] / deviation
    return [float(weights.detach()[0] - (plain * mean).sum()), *plain.tolist()]


if __name__ == "__main__":
    main()
