"""How well embeddings tell people apart: the figures that training is steered and judged by.

All pairs of the photos given, genuine (one person's) and impostor (two people's); scores are cosines.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]

# FMR 1e-3 to 1e-1 in equal steps of its logarithm
FALSE_MATCH_RATES = tuple(10.0 ** (-3 + step / 4) for step in range(9))


@dataclass(frozen=True, eq=False)
class PairScores:
    """(G,) and (I,) scores: the larger, the more alike."""

    genuine: Scores
    impostor: Scores


def pair_scores(embeddings: npt.NDArray[np.float32], people: npt.NDArray[np.int64]) -> PairScores:
    """(N, D) unit rows and (N,) labels -> the cosines of all N (N − 1) / 2 pairs."""
    first, second = np.triu_indices(len(people), k=1)
    cosines = (embeddings @ embeddings.T)[first, second].astype(np.float64)
    same = people[first] == people[second]
    return PairScores(genuine=cosines[same], impostor=cosines[~same])


def threshold_at(impostor: Scores, false_match_rate: float) -> float:
    """The least score that at most this part of the impostor pairs reaches."""
    allowed = int(false_match_rate * len(impostor) + 1e-9)  # 1e-9: 0.1 × 30 falls short of 3 in floats
    if allowed >= len(impostor):
        return float(impostor.min())
    refused = np.partition(impostor, len(impostor) - 1 - allowed)[len(impostor) - 1 - allowed]
    return float(np.nextafter(refused, np.inf))


def mean_true_match_rate(scores: PairScores) -> float:
    """TAR averaged over FMR 1e-3 to 1e-1 on a logarithmic scale.

    One operating point moves by whole pairs and saturates on a good model; their mean still tells two epochs apart.
    """
    thresholds = [threshold_at(scores.impostor, rate) for rate in FALSE_MATCH_RATES]
    return float(np.mean([np.mean(scores.genuine >= threshold) for threshold in thresholds]))


def best_threshold(scores: PairScores) -> float:
    """Where the balanced accuracy is highest: the mean of the parts of each kind that are decided rightly."""
    candidates = np.unique(np.concatenate([scores.genuine, scores.impostor]))
    matched = 1 - np.searchsorted(np.sort(scores.genuine), candidates) / len(scores.genuine)
    refused = np.searchsorted(np.sort(scores.impostor), candidates) / len(scores.impostor)
    return float(candidates[np.argmax(matched + refused)])


def balanced_accuracy(scores: PairScores, threshold: float) -> float:
    """0.5 is chance, however many more impostor pairs there are."""
    return float(np.mean(scores.genuine >= threshold) + np.mean(scores.impostor < threshold)) / 2
