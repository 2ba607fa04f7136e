"""A threshold for a promised error rate, from the scores of people who are known to be different.

Every template is a probe against every other person, fused over his templates as a search does it. The
threshold is the least at which the upper end of the 95 % interval of the rate keeps the promise: a wrong "yes"
is worse than a wrong "no". Wilson's interval is the score test turned round, so its upper end is the target t
where the measured rate is t - z √(t (1 - t) / n): that is how many errors are allowed, and where it is negative
the data cannot support the target.

n is half of the comparisons: A against B and B against A are nearly the same one.

For a search among K people, FPIR(K) is the chance that the best of K different people reaches the threshold.
It is measured for random galleries of K of the others, K from 1 to all of them, not by drawing some but by
their expectation: if m of M others reach a threshold, K random ones contain none of these with probability
C(M - m, K) / C(M, K); so the r-th best score is the best of K with probability C(M - r, K - 1) / C(M, K). Each
K becomes a point (FPIR / K, threshold) of an operating curve, whose line in log FMR leads beyond the data.

Reported errors. Of the impostors who tried, only those whose score s reached the threshold t in use were let in, and
of those only some, a share r that nobody knows, were reported. So n reports out of N attempts, which nobody counts
either, say about the false match rate no more than FMR(t) = n / (r N): with r and N unknown that is no estimate and
no bound, and a lack of reports is no evidence of a low rate. What they do show is n scores at which this gallery was
wrong. FMR(t) = P(s >= t) falls with t, so a threshold raised above them keeps the promise measured without them,
whatever their selection; a lowered one might not. Therefore reports give a `least` threshold and never a greatest.
Reported false non-matches are as selected a sample of the other error, and change nothing: they are counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import ceil, floor, log10, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from shared.errors import InsufficientData, TargetNotSupported
from shared.ml.face.catalogue import OperatingCurve, OperatingPoint
from shared.ml.face.evaluation.intervals import CONFIDENCE, pooled
from shared.ml.face.evaluation.report import Rate
from shared.ml.face.evaluation.scores import BINS_PER_ONE, ScoreHistogram, Scores
from shared.ml.face.face_set import Embeddings, Labels
from shared.ml.face.verification import IdentificationProfile

_SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
LEAST_SEARCHED = 20  # people, to calibrate a search
_AT_ONCE = 1 << 22  # scores of one product: 16 MB of float32
_SHORTEST_SUM = 1e-6  # as in shared.ml.face.gallery
_BOTH_WAYS = 2  # comparisons of one pair of photos
_NEGLIGIBLE = 1e-9
_RAREST = 1e-12  # false match rate that no search needs

_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Thresholds:
    """For a promised rate. `points` are those of a shared.ml.face.catalogue.OperatingCurve.

    `threshold` of a search is that among `people` people. `unraised` is what it would be without a least one.
    """

    target: float
    threshold: float
    unraised: float
    points: tuple[OperatingPoint, ...]
    people: int


@dataclass(frozen=True)
class Calibrated(Thresholds):
    """Thresholds that were measured, and what they rest on.

    `measured`: how many impostor comparisons (1:1), or strangers searched among all others (1:K), reach `threshold`.
    """

    measured: Rate
    templates: int


def just_above(score: float) -> float:
    """The least threshold that a cosine does not reach: the next edge of a bin."""
    return (floor(score * BINS_PER_ONE) + 1) / BINS_PER_ONE


def calibrate_verification(
    embeddings: Embeddings,
    labels: Labels,
    *,
    target_fmr: float,
    least: float = -1,
    progress: Progress | None = None,
) -> Calibrated:
    """The 1:1 threshold for this FMR, `least` at least. (N, D) unit rows; labels as FaceSet.labels.

    Raises:
        InsufficientData: fewer than two people.
        TargetNotSupported: too few comparisons; the message says how many people would do.
    """
    people = _check(labels, target_fmr)
    comparisons = len(labels) * (people - 1)
    allowed = _allowed(target_fmr, comparisons, _Have(people, len(labels), per_photo=people - 1))
    scores = ScoreHistogram.empty()
    for part in _impostors(embeddings, labels, progress):
        scores += ScoreHistogram.of(part)
    unraised = scores.least_threshold(allowed * comparisons)
    threshold = max(unraised, least)
    return Calibrated(
        target=target_fmr,
        threshold=threshold,
        unraised=unraised,
        points=(OperatingPoint(target_fmr, threshold),),
        measured=pooled(scores.reaching(threshold), comparisons, comparisons / _BOTH_WAYS),
        people=people,
        templates=len(labels),
    )


def calibrate_identification(
    embeddings: Embeddings,
    labels: Labels,
    *,
    target_fpir: float,
    least: float = -1,
    progress: Progress | None = None,
) -> Calibrated:
    """1:K thresholds for this FPIR, `least` at least: each person in turn is a stranger to all the others.

    Raises:
        InsufficientData, TargetNotSupported: as `calibrate_verification`.
    """
    people = _check(labels, target_fpir)
    others, probes = people - 1, len(labels)
    _allowed(target_fpir, probes, _Have(people, probes, per_photo=1))  # refuses before the work
    if people < LEAST_SEARCHED:
        raise TargetNotSupported(
            f"A search cannot be calibrated on {people:,} people: how its threshold grows with their number shows from "
            f"{LEAST_SEARCHED} on. Supply more people."
        )
    sizes = [size for size in _SIZES if size < others] + [others]
    weights = [_best_of(size, others) for size in sizes]
    best = [ScoreHistogram.weighted(np.empty(0, np.float32), np.empty(0)) for _ in sizes]
    for part in _impostors(embeddings, labels, progress):
        ranked = -np.sort(-part, axis=1)  # (B, others), the best first
        for index, weight in enumerate(weights):
            head = ranked[:, : len(weight)]
            best[index] += ScoreHistogram.weighted(head, np.broadcast_to(weight, head.shape))
    points: list[OperatingPoint] = []
    for size, scores in zip(sizes, best, strict=True):
        # a small gallery makes more independent searches of the same comparisons, never fewer than the probes
        allowed = _allowed(target_fpir, probes * max(1, others // size), _Have(people, probes, per_photo=1))
        threshold = scores.least_threshold(allowed * probes)
        points.append(OperatingPoint(target_fpir / size, max([threshold, *(point.threshold for point in points)])))
    unraised = points[-1].threshold
    threshold = max(unraised, least)
    return Calibrated(
        target=target_fpir,
        threshold=threshold,
        unraised=unraised,
        points=tuple(point._replace(threshold=max(point.threshold, least)) for point in points),
        measured=pooled(round(best[-1].reaching(threshold)), probes, probes / _BOTH_WAYS),
        people=people,
        templates=probes,
    )


def raise_model(curve: OperatingCurve, *, target: float, people: int, search: bool, least: float = -1) -> Thresholds:
    """The model's own thresholds for this rate, `least` at least: for who has too few people to measure any.

    Args:
        curve: the model's.
        target: FPIR of a search, or FMR of a verification.
        people: how many the gallery has.
        search: what the target is of.
        least: that every threshold is raised to.
    """
    if search:
        beyond = OperatingPoint(_RAREST, curve.threshold(_RAREST))  # where the model's line leads, not a raised one's
        knots = (*curve.points, beyond)
        points = tuple(knot._replace(threshold=max(knot.threshold, least)) for knot in knots)
        unraised = IdentificationProfile("", target, curve).threshold(people)
        threshold = IdentificationProfile("", target, replace(curve, points=points)).threshold(people)
    else:
        unraised = curve.threshold(target)
        threshold = max(unraised, least)
        points = (OperatingPoint(target, threshold),)
    return Thresholds(target, threshold, unraised, points, people)


@dataclass(frozen=True)
class _Have:
    """What there is, to say what more is needed; `per_photo` is how many trials a photo makes."""

    people: int
    photos: int
    per_photo: int


def _check(labels: Labels, target: float) -> int:
    """How many people there are."""
    people = len(np.unique(labels))
    if people < 2:
        raise InsufficientData(f"There are faces of {people} people; at least 2 are needed to compare strangers.")
    if not 0 < target < 1:
        raise ValueError(f"a target rate lies between 0 and 1, not at {target}")
    return people


def _allowed(target: float, trials: int, have: _Have) -> float:
    """The measured rate whose interval ends at the target."""
    independent = trials / _BOTH_WAYS
    allowed = target - _Z * sqrt(target * (1 - target) / independent)
    if allowed >= 0:
        return allowed
    needed = ceil(_BOTH_WAYS * _Z * _Z * (1 - target) / target)
    photos_each = have.photos / have.people
    # 1:K has one trial a photo; 1:1 has P p (P - 1) of P people with p photos each
    people = needed / photos_each if have.per_photo == 1 else (1 + sqrt(1 + 4 * needed / photos_each)) / 2
    raise TargetNotSupported(
        f"A rate of {target:g} cannot be promised with {trials:,} comparisons ({have.photos:,} photos of "
        f"{have.people:,} people): at least {needed:,} are needed, about {ceil(people):,} people with "
        f"{photos_each:.3g} photos each. Supply more people, or choose a target of "
        f"{_least_target(independent):.2g} or more."
    )


def _least_target(independent: float) -> float:
    """The t with t = z² (1 - t) / n, rounded up to two digits."""
    exact = _Z * _Z / (independent + _Z * _Z)
    digit = 10.0 ** (floor(log10(exact)) - 1)
    return ceil(exact / digit) * digit


def _best_of(size: int, others: int) -> npt.NDArray[np.float64]:
    """For r = 1, 2, ...: how likely the r-th best of all `others` is the best of `size` random ones of them."""
    rank = np.arange(1, others - size + 2)
    log_weights = _log_choose(others - rank, size - 1) - _log_choose(np.array(others), size)
    weights = np.exp(log_weights)
    kept = int(np.searchsorted(np.cumsum(weights), 1 - _NEGLIGIBLE)) + 1
    return np.asarray(weights[:kept], dtype=np.float64)


def _log_choose(n: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.float64]:
    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0), dtype=np.float64)


def _impostors(embeddings: Embeddings, labels: Labels, progress: Progress | None) -> Iterator[Scores]:
    """Fused scores of every template with every other person: (B, people - 1) at a time."""
    order = np.argsort(labels, kind="stable")
    rows = embeddings[order]
    _, starts, own = np.unique(labels[order], return_index=True, return_inverse=True)
    norms = np.maximum(np.linalg.norm(np.add.reduceat(rows, starts, axis=0), axis=1), _SHORTEST_SUM)
    people = np.arange(len(starts))
    step = max(1, _AT_ONCE // len(rows))
    for begin in range(0, len(rows), step):
        cosines = rows[begin : begin + step] @ rows.T
        best = np.maximum.reduceat(cosines, starts, axis=1)
        fused = (best + np.add.reduceat(cosines, starts, axis=1) / norms) / 2  # (B, people)
        different = own[begin : begin + step, None] != people[None, :]
        yield fused[different].reshape(len(fused), -1)
        if progress:
            progress(min(begin + step, len(rows)), len(rows))
