"""1:1: how well pairs of photos are told apart, over all pairs and over ten folds of balanced ones."""

import numpy as np
import numpy.typing as npt

from shared.ml.face.evaluation.intervals import support, wilson
from shared.ml.face.evaluation.pairs import Pairs
from shared.ml.face.evaluation.report import (
    CurvePoint,
    Fold,
    Folds,
    Histogram,
    TarAtFar,
    VerificationReport,
)
from shared.ml.face.evaluation.scores import AllPairs, ScoreHistogram, edges
from shared.ml.face.face_set import Embeddings

FAR_TARGETS = (1e-2, 1e-3, 1e-4, 1e-5)
_HISTOGRAM_BINS = 128
_CURVE_POINTS = 160


def evaluate_verification(pairs: AllPairs, folds: Folds | str) -> VerificationReport:
    """`folds` may be the reason why there are none."""
    genuine, impostor = pairs.genuine, pairs.impostor
    curve = trade_off(impostor, genuine)
    return VerificationReport(
        genuine_pairs=int(genuine.total),
        impostor_pairs=int(impostor.total),
        equal_error_rate=_equal_error_rate(impostor, genuine) if genuine.total else None,
        folds=folds if isinstance(folds, Folds) else None,
        folds_note=folds if isinstance(folds, str) else None,
        tar_at_far=tuple(_tar_at_far(impostor, genuine, target) for target in FAR_TARGETS),
        curve=curve,
        histogram=Histogram(
            edges=tuple(edges(_HISTOGRAM_BINS).tolist()),
            genuine=tuple(genuine.coarse(_HISTOGRAM_BINS).tolist()),
            impostor=tuple(impostor.coarse(_HISTOGRAM_BINS).tolist()),
        ),
    )


def ten_folds(embeddings: Embeddings, pairs: Pairs) -> Folds:
    """Each fold's accuracy at the threshold that is best on the others (LFW's protocol)."""
    scores = np.einsum("ij,ij->i", embeddings[pairs.a], embeddings[pairs.b])
    judged = []
    for fold in np.unique(pairs.fold):
        test = pairs.fold == fold
        if test.all():  # one fold only: nothing else to choose a threshold on
            test = np.arange(len(test)) % 2 == 0
        threshold = best_threshold(scores[~test], pairs.same[~test])
        accuracy = float(((scores[test] >= threshold) == pairs.same[test]).mean())
        judged.append(Fold(accuracy=accuracy, threshold=threshold, pairs=int(test.sum())))
    accuracies = np.array([fold.accuracy for fold in judged])
    deviation = float(accuracies.std(ddof=1)) if len(judged) > 1 else 0.0
    return Folds(
        accuracy=float(accuracies.mean()),
        deviation=deviation,
        standard_error=deviation / float(np.sqrt(len(judged))),
        threshold=float(np.mean([fold.threshold for fold in judged])),
        pairs=len(scores),
        source=pairs.source,
        folds=tuple(judged),
    )


def best_threshold(scores: npt.NDArray[np.float32], same: npt.NDArray[np.bool_]) -> float:
    """The threshold with the fewest errors, in the middle between the two scores beside it."""
    order = np.argsort(scores)
    ranked, is_same = scores[order], same[order]
    # errors with the threshold just below the i-th score: genuine ones under it, impostors from it on
    rejected = np.concatenate([[0], np.cumsum(is_same)])
    accepted = np.concatenate([np.cumsum(~is_same[::-1])[::-1], [0]])
    gaps = np.concatenate([[np.inf], np.diff(ranked), [np.inf]])
    errors = np.where(gaps > 0, rejected + accepted, np.inf)  # no threshold fits between equal scores
    best = int(np.argmin(errors))
    below = ranked[best - 1] if best else -1.0
    above = ranked[best] if best < len(ranked) else 1.0
    return float((below + above) / 2)


def trade_off(impostor: ScoreHistogram, genuine: ScoreHistogram) -> tuple[CurvePoint, ...]:
    """Both error rates at thresholds spread evenly over the logarithm of the false positive rate."""
    if not impostor.total or not genuine.total:
        return ()
    wanted = np.geomspace(1, 1 / impostor.total, _CURVE_POINTS)
    above = impostor.at_or_above() / impostor.total  # falling
    at = np.unique(np.searchsorted(-above, -wanted).clip(0, len(above) - 1))
    rejected = 1 - genuine.at_or_above() / genuine.total
    return tuple(
        CurvePoint(threshold=float(t), false_positive_rate=float(fp), false_negative_rate=max(0.0, float(fn)))
        for t, fp, fn in zip(edges()[at], above[at], rejected[at], strict=True)
    )


def _tar_at_far(impostor: ScoreHistogram, genuine: ScoreHistogram, target: float) -> TarAtFar:
    supported, note = support(target, int(impostor.total), "impostor pairs")
    if not genuine.total:
        supported, note = False, "cannot be measured without a person of two photos"
    if not supported:
        return TarAtFar(target=target, note=note)
    threshold = impostor.least_threshold(target * impostor.total)
    return TarAtFar(
        target=target,
        threshold=threshold,
        far=wilson(int(impostor.reaching(threshold)), int(impostor.total)),
        tar=wilson(int(genuine.reaching(threshold)), int(genuine.total)),
        note=note,
    )


def _equal_error_rate(impostor: ScoreHistogram, genuine: ScoreHistogram) -> float | None:
    if not impostor.total:
        return None
    false_accepts = impostor.at_or_above() / impostor.total
    false_rejects = 1 - genuine.at_or_above() / genuine.total
    at = int(np.abs(false_accepts - false_rejects).argmin())
    return float(false_accepts[at] + false_rejects[at]) / 2
