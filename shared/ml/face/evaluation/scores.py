"""All pairs of N faces, in bounded memory: scores as a fine histogram, and the few that are most wrong.

20,000 faces make 200 million pairs. Their scores are counted in bins of 2^-16 (1.5e-5), whose edges are the
only thresholds: every rate at a threshold is exact, and a threshold at most one bin too high.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.ml.face.face_set import Embeddings, Labels

BINS_PER_ONE = 1 << 16
_BINS = 2 * BINS_PER_ONE  # of cosines in [-1, 1]
_AT_ONCE = 1 << 22  # scores of one product: 16 MB of float32, which stay in the cache's reach
_KEPT = 256  # most wrong pairs of either kind

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ScoreHistogram:
    """How many scores lie in each bin; `counts` is (131072,), whole or (for weighted scores) real numbers."""

    counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]

    @classmethod
    def empty(cls) -> "ScoreHistogram":
        """Of no scores."""
        return cls(np.zeros(_BINS, np.int64))

    @classmethod
    def of(cls, scores: Scores) -> "ScoreHistogram":
        """Of cosines, whatever their shape."""
        return cls(np.bincount(_bins(scores), minlength=_BINS).astype(np.int64))

    @classmethod
    def weighted(cls, scores: Scores, weights: npt.NDArray[np.float64]) -> "ScoreHistogram":
        """Of cosines that count as often as their weights say; both of one shape."""
        return cls(np.bincount(_bins(scores), weights=weights.ravel(), minlength=_BINS))

    def __add__(self, other: "ScoreHistogram") -> "ScoreHistogram":
        return ScoreHistogram(self.counts + other.counts)

    @property
    def total(self) -> float:
        """How many scores there are."""
        return float(self.counts.sum())

    def at_or_above(self) -> npt.NDArray[np.float64]:
        """For every edge but the last, how many scores reach it: (131072,), falling."""
        return np.asarray(self.counts[::-1].cumsum()[::-1], dtype=np.float64)

    def reaching(self, threshold: float) -> float:
        """How many scores reach a threshold, which is an edge of a bin (others are taken up to the next)."""
        first = int(np.ceil((threshold + 1) * BINS_PER_ONE - 1e-6))
        return float(self.counts[max(0, first) :].sum())

    def least_threshold(self, at_most: float) -> float:
        """The least edge that at most so many scores reach."""
        few = self.at_or_above() <= at_most
        first = int(few.argmax()) if few.any() else _BINS
        return first / BINS_PER_ONE - 1

    def coarse(self, bins: int) -> npt.NDArray[np.int64]:
        """Counts in so many equal bins over [-1, 1]; a power of two."""
        return np.asarray(self.counts.reshape(bins, -1).sum(axis=1), dtype=np.int64)


def edges(bins: int = _BINS) -> npt.NDArray[np.float64]:
    """The `bins` + 1 edges of so many equal bins."""
    return np.linspace(-1, 1, bins + 1)


class ScoredPair(NamedTuple):
    """Two rows and their cosine."""

    a: int
    b: int
    score: float


@dataclass(frozen=True, eq=False)
class AllPairs:
    """`closest` are the most similar pairs of two people, `farthest` the least similar of one, worst first."""

    genuine: ScoreHistogram
    impostor: ScoreHistogram
    closest: tuple[ScoredPair, ...]
    farthest: tuple[ScoredPair, ...]


def compare_all(
    embeddings: Embeddings, labels: Labels, *, progress: Callable[[int, int], None] | None = None
) -> AllPairs:
    """Every unordered pair of rows once; `progress` gets (rows done, rows)."""
    genuine, impostor = ScoreHistogram.empty(), ScoreHistogram.empty()
    closest, farthest = _Extremes(1), _Extremes(-1)
    rows = len(embeddings)
    start = 0
    while start < rows:
        stop = min(rows, start + max(1, _AT_ONCE // (rows - start)))
        scores = embeddings[start:stop] @ embeddings[start:].T
        # above the diagonal only: row i of the block is face start + i, column j face start + j
        upper = np.arange(stop - start)[:, None] < np.arange(rows - start)[None, :]
        same = labels[start:stop, None] == labels[None, start:]
        for kind, histogram_of in (("genuine", upper & same), ("impostor", upper & ~same)):
            where = np.flatnonzero(histogram_of)
            found = scores.ravel()[where]
            if kind == "genuine":
                genuine += ScoreHistogram.of(found)
                farthest.see(found, where, start=start, columns=rows - start)
            else:
                impostor += ScoreHistogram.of(found)
                closest.see(found, where, start=start, columns=rows - start)
        if progress:
            progress(stop, rows)
        start = stop
    return AllPairs(genuine, impostor, closest.pairs(), farthest.pairs())


class _Extremes:
    """The largest (sign 1) or smallest (sign -1) scores seen."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._kept: list[ScoredPair] = []

    def see(self, scores: Scores, where: npt.NDArray[np.intp], *, start: int, columns: int) -> None:
        signed = scores * self._sign
        if len(self._kept) == _KEPT:
            better = signed > self._kept[-1].score * self._sign
            signed, where, scores = signed[better], where[better], scores[better]
        if len(signed) > _KEPT:
            best = np.argpartition(signed, -_KEPT)[-_KEPT:]
            where, scores = where[best], scores[best]
        seen = (
            ScoredPair(start + int(at) // columns, start + int(at) % columns, float(score))
            for at, score in zip(where, scores, strict=True)
        )
        self._kept = sorted((*self._kept, *seen), key=lambda pair: -self._sign * pair.score)[:_KEPT]

    def pairs(self) -> tuple[ScoredPair, ...]:
        return tuple(self._kept)


def _bins(scores: Scores) -> npt.NDArray[np.int32]:
    scaled = (scores.ravel() + np.float32(1)) * np.float32(BINS_PER_ONE)
    # a unit vector's cosine with itself may be 1 + 1e-7
    return np.asarray(np.clip(scaled, 0, _BINS - 1), dtype=np.int32)
