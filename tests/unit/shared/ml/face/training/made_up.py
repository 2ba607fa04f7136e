"""Pair scores of made-up people, for what compares models by them."""

import numpy as np

from shared.ml.face.training.measures import PairScores, pair_scores

PERSONS, PHOTOS = 30, 4
PEOPLE = np.arange(PERSONS).repeat(PHOTOS)


def scores(noise: float, *, seed: int = 0) -> PairScores:
    """Of people whose photos lie this far around them."""
    centres = np.random.default_rng(99).normal(size=(PERSONS, 16))
    vectors = centres[PEOPLE] + noise * np.random.default_rng(seed).normal(size=(len(PEOPLE), 16))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return pair_scores(unit.astype(np.float32), PEOPLE)
