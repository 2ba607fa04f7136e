"""Open-set 1:K: some people are enrolled, the others are strangers; how often each is taken for somebody.

ISO/IEC 19795-1: FPIR is the part of strangers' (non-mated) probes that get any candidate at the threshold;
FNIR, here with one candidate, the part of the enrolled people's (mated) probes whose best candidate is wrong
or below it. One photo of each person is enrolled, all his others are probes. The draw of people and photos is
repeated, and scores are pooled over the draws; intervals count each photo once, however often it was drawn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.ml.face.evaluation.intervals import pooled, support
from shared.ml.face.evaluation.report import FnirAtFpir, IdentificationAtK
from shared.ml.face.evaluation.scores import ScoreHistogram, Scores
from shared.ml.face.evaluation.verification import trade_off
from shared.ml.face.face_set import Embeddings, Labels

FPIR_TARGETS = (1e-2, 3e-3, 1e-3)
GALLERY_SIZES = (10, 30, 100, 300, 1_000, 3_000, 10_000)
REPETITIONS = 10
_AT_ONCE = 1 << 24  # scores of one product: 64 MB of float32


def evaluate_identification(
    embeddings: Embeddings, labels: Labels, *, seed: int
) -> tuple[tuple[IdentificationAtK, ...], str | None]:
    """For each gallery size up to half of the people; or why there is none."""
    people, photos = np.unique(labels, return_counts=True)
    if len(people) < 4 or photos.max(initial=0) < 2:
        return (), (
            f"cannot be measured with {len(people):,} people, {int((photos >= 2).sum()):,} of them with two photos "
            "and more: at least 4 and 1 are needed"
        )
    half = len(people) // 2
    sizes = [size for size in GALLERY_SIZES if size <= half] or [half]
    rng = np.random.default_rng(seed)
    return tuple(_at_size(embeddings, labels, size, rng) for size in sizes), None


@dataclass(frozen=True, eq=False)
class _Draw:
    """The best score of each probe, and for mated ones whether it is the right person's."""

    mated: Scores
    right: npt.NDArray[np.bool_]
    non_mated: Scores


def _at_size(embeddings: Embeddings, labels: Labels, size: int, rng: np.random.Generator) -> IdentificationAtK:
    draws = [_draw(embeddings, labels, size, rng) for _ in range(REPETITIONS)]
    mated = np.concatenate([draw.mated for draw in draws])
    right = np.concatenate([draw.right for draw in draws])
    strangers = ScoreHistogram.of(np.concatenate([draw.non_mated for draw in draws]))
    found = ScoreHistogram.of(mated[right])
    # how many different photos there are behind the pooled probes: those of all people, at most
    photos = np.unique(labels, return_counts=True)[1]
    mated_photos = min(len(mated), int((photos[photos >= 2]).sum()))
    stranger_photos = min(int(strangers.total), len(labels))
    missed = ScoreHistogram(found.counts.copy())
    missed.counts[0] += int((~right).sum())  # a wrong best candidate is a miss at every threshold
    return IdentificationAtK(
        persons=size,
        repetitions=REPETITIONS,
        mated_probes=mated_photos,
        non_mated_probes=stranger_photos,
        rank_1=pooled(float(right.sum()), len(mated), mated_photos),
        fnir_at_fpir=tuple(
            _fnir_at_fpir(strangers, missed, target, (stranger_photos, mated_photos)) for target in FPIR_TARGETS
        ),
        curve=trade_off(strangers, missed),
    )


def _draw(embeddings: Embeddings, labels: Labels, size: int, rng: np.random.Generator) -> _Draw:
    # A random order of the photos gives both: the first `size` people to appear, and the first photo of each.
    order = rng.permutation(len(labels))
    people, first = np.unique(labels[order], return_index=True)
    photos = np.bincount(labels)
    several = rng.permutation(np.flatnonzero(photos[people] >= 2))[:1]  # at least one mated probe
    others = rng.permutation(np.setdiff1d(np.arange(len(people)), several))[: size - len(several)]
    chosen = np.concatenate([several, others])
    enrolled = order[first[chosen]]
    probes = np.setdiff1d(np.arange(len(labels)), enrolled)
    best, who = _search(embeddings[probes], embeddings[enrolled])
    is_mated = np.isin(labels[probes], people[chosen])
    right = labels[probes] == labels[enrolled][who]
    return _Draw(best[is_mated], right[is_mated], best[~is_mated])


def _search(probes: Embeddings, gallery: Embeddings) -> tuple[Scores, npt.NDArray[np.intp]]:
    step = max(1, _AT_ONCE // len(gallery))
    parts = []
    for start in range(0, len(probes), step):
        scores = probes[start : start + step] @ gallery.T
        who = scores.argmax(axis=1)
        parts.append((scores[np.arange(len(scores)), who], who))
    best, who = zip(*parts, strict=True)
    return np.concatenate(best), np.concatenate(who)


def _fnir_at_fpir(
    strangers: ScoreHistogram, found: ScoreHistogram, target: float, photos: tuple[int, int]
) -> FnirAtFpir:
    stranger_photos, mated_photos = photos
    supported, note = support(target, stranger_photos, "strangers' photos")
    if not supported:
        return FnirAtFpir(target=target, note=note)
    threshold = strangers.least_threshold(target * strangers.total)
    return FnirAtFpir(
        target=target,
        threshold=threshold,
        fpir=pooled(strangers.reaching(threshold), strangers.total, stranger_photos),
        fnir=pooled(found.total - found.reaching(threshold), found.total, mated_photos),
        note=note,
    )
