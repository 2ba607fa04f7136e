"""How good a matrix of scores between photos is: 1:1 on all pairs, 1:K with strangers.

The number of people at hand limits what can be measured. A gallery of 1000 is made of fewer: one photo each of
the enrolled people, then further photos of anybody who is not a stranger, each as a person of its own, never
one of the probe's own person. Photos of one person are less of a danger to a stranger than as many people
would be, so this is somewhat easier than 1000 people.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.ml.face.evaluation.intervals import pooled, wilson
from shared.ml.face.evaluation.report import Rate

Scores = npt.NDArray[np.float32]  # (N, N), symmetric
Labels = npt.NDArray[np.int64]  # (N,): a person's number
Mask = npt.NDArray[np.bool_]

FPIR = 0.01
DRAWS = 40
STRANGERS = 0.25  # of the people
_NOBODY = -9.0  # below every score


@dataclass(frozen=True)
class Point:
    """1:1 at the score that `target` of all impostor pairs reach."""

    target: float
    threshold: float
    true_match: Rate


@dataclass(frozen=True)
class OpenSet:
    """1:K at FPIR 1 %, over all draws: the mean, its standard deviation between draws, and what was compared."""

    found: Rate
    deviation: float
    rank_1: float
    enrolled: int
    mated: int
    strangers: int


@dataclass(frozen=True)
class Normalisation:
    """s' = s - probe · mean of the probe's best scores - entry · mean of the entry's best scores in the gallery,
    both over so many neighbours, without the best of the probe's.
    """

    probe: float
    entry: float
    neighbours: int


def operating_points(scores: Scores, labels: Labels, targets: tuple[float, ...] = (1e-3, 1e-4, 1e-5)) -> list[Point]:
    """All pairs of photos."""
    i, j = np.triu_indices(len(labels), 1)
    same = labels[i] == labels[j]
    pairs = scores[i, j]
    genuine, impostor = pairs[same], np.sort(pairs[~same])[::-1]
    points = []
    for target in targets:
        threshold = float(impostor[max(1, int(target * len(impostor))) - 1])
        points.append(Point(target, threshold, wilson(int((genuine >= threshold).sum()), len(genuine))))
    return points


def open_set(
    scores: Scores, labels: Labels, *, probes: Mask, size: int, normalisation: Normalisation | None = None
) -> OpenSet:
    """`probes`: (N,) which photos are asked about; whole people. The others only fill the gallery."""
    drawn = [_draw(labels, probes, size, seed) for seed in range(DRAWS)]
    judged = [_judge(scores, labels, draw, normalisation) for draw in drawn]
    right, first, mated = (np.array(column) for column in zip(*judged, strict=True))
    photos = len(np.unique(np.concatenate([draw.mated for draw in drawn])))
    return OpenSet(
        found=pooled(float(right.sum()), float(mated.sum()), photos),
        deviation=float((right / mated).std()),
        rank_1=float(first.sum() / mated.sum()),
        enrolled=drawn[0].enrolled,
        mated=len(drawn[0].mated),
        strangers=len(drawn[0].strangers),
    )


@dataclass(frozen=True, eq=False)
class _Draw:
    gallery: Labels  # rows; the first `enrolled` are the people, the others fill up
    enrolled: int
    mated: Labels  # rows
    strangers: Labels  # rows


def _draw(labels: Labels, probes: Mask, size: int, seed: int) -> _Draw:
    rng = np.random.default_rng(seed)
    people = rng.permutation(np.unique(labels[probes]))
    strange = np.isin(labels, people[: int(len(people) * STRANGERS)])
    known = rng.permutation(np.flatnonzero(probes & ~strange))
    enrolled = known[np.unique(labels[known], return_index=True)[1]]
    others = rng.permutation(np.setdiff1d(np.flatnonzero(~strange), enrolled))
    gallery = np.concatenate([enrolled, others[: max(0, size - len(enrolled))]])
    return _Draw(gallery, len(enrolled), np.setdiff1d(known, enrolled), np.flatnonzero(probes & strange))


def _judge(scores: Scores, labels: Labels, draw: _Draw, normalisation: Normalisation | None) -> tuple[int, int, int]:
    """How many mated probes are found, how many have the right person first, how many there are."""
    mated = scores[np.ix_(draw.mated, draw.gallery)]
    strangers = scores[np.ix_(draw.strangers, draw.gallery)]
    owners = labels[draw.gallery]
    own = labels[draw.mated][:, None] == owners
    if normalisation is not None:
        between = scores[np.ix_(draw.gallery, draw.gallery)].copy()
        between[owners[:, None] == owners] = _NOBODY
        entries = _best(between, normalisation.neighbours).mean(axis=1)
        mated, strangers = (_normalised(part, entries, normalisation) for part in (mated, strangers))
    person = own.copy()
    person[:, draw.enrolled :] = False  # his further photos in the gallery count neither for nor against him
    right = np.where(person, mated, _NOBODY).max(axis=1)
    wrong = np.where(own, _NOBODY, mated).max(axis=1)
    threshold = np.quantile(strangers.max(axis=1), 1 - FPIR, method="higher")
    first = right > wrong
    return int((first & (right > threshold)).sum()), int(first.sum()), len(mated)


def _normalised(scores: Scores, entries: Scores, by: Normalisation) -> Scores:
    around = _best(scores, by.neighbours + 1)[:, :-1].mean(axis=1, keepdims=True)
    return np.asarray(scores - by.probe * around - by.entry * entries, dtype=np.float32)


def _best(scores: Scores, count: int) -> Scores:
    """The highest of each row, in ascending order."""
    return np.asarray(np.sort(scores, axis=1)[:, -count:], dtype=np.float32)


def several_photos(
    embeddings: npt.NDArray[np.float32], labels: Labels, photos: int, weights: npt.NDArray[np.float32] | None = None
) -> tuple[float, float, int]:
    """TPIR at FPIR 1 % with so many photos of each person enrolled (at most 3), fused as the gallery does and by
    the mean template alone (weighted by `weights`, (N,)), and the people enrolled.

    The probes are the same for any number: the fourth and further photos of those who have them.
    """
    weights = np.ones(len(labels), np.float32) if weights is None else weights
    results = [_fused_draw(embeddings, labels, photos, weights, seed) for seed in range(DRAWS)]
    both, mean, enrolled = zip(*results, strict=True)
    return float(np.mean(both)), float(np.mean(mean)), enrolled[0]


def _fused_draw(
    embeddings: npt.NDArray[np.float32], labels: Labels, photos: int, weights: npt.NDArray[np.float32], seed: int
) -> tuple[float, float, int]:
    rng = np.random.default_rng(seed)
    people = rng.permutation(np.unique(labels))
    strange = np.isin(labels, people[: int(len(people) * STRANGERS)])
    order = rng.permutation(np.flatnonzero(~strange))
    rows = order[np.argsort(labels[order], kind="stable")]
    _, start, counts = np.unique(labels[rows], return_index=True, return_counts=True)
    asked = counts >= 4
    templates = np.stack([rows[s : s + photos] for s in start[asked]])  # (P, photos)
    mated = np.concatenate([rows[s + 3 : s + n] for s, n in zip(start[asked], counts[asked], strict=True)])
    single = rows[start[~asked]]
    weighted = (embeddings[templates] * weights[templates][..., None]).sum(axis=1)
    means = weighted / np.linalg.norm(weighted, axis=1, keepdims=True)
    owners = np.concatenate([labels[templates[:, 0]], labels[single]])

    def score(probes: Labels) -> tuple[Scores, Scores]:
        cosines = (embeddings[probes] @ embeddings[templates.reshape(-1)].T).reshape(len(probes), -1, photos)
        to_mean, alone = embeddings[probes] @ means.T, embeddings[probes] @ embeddings[single].T
        return np.hstack([(cosines.max(axis=2) + to_mean) / 2, alone]), np.hstack([to_mean, alone])

    rates = []
    for of_mated, of_strangers in zip(score(mated), score(np.flatnonzero(strange)), strict=True):
        own = labels[mated][:, None] == owners
        right, wrong = np.where(own, of_mated, _NOBODY).max(axis=1), np.where(own, _NOBODY, of_mated).max(axis=1)
        threshold = np.quantile(of_strangers.max(axis=1), 1 - FPIR, method="higher")
        rates.append(float(((right > wrong) & (right > threshold)).mean()))
    return rates[0], rates[1], len(owners)
