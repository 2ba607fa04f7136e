"""Which ingredient gains how much, what it costs, and what the two profiles are made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.ml.face.evaluation.identification import evaluate_identification
from shared.ml.face.evaluation.pairs import draw_pairs
from shared.ml.face.evaluation.report import Rate
from shared.ml.face.evaluation.verification import ten_folds
from shared.ml.face.recipe import DLIB_WEIGHT
from tests.accuracy import costs
from tests.accuracy.costs import Costs
from tests.accuracy.faces import Embeddings, Faces, Models, read
from tests.accuracy.protocols import (
    DRAWS,
    Normalisation,
    OpenSet,
    open_set,
    operating_points,
    several_photos,
)
from tests.benchmarks.timing import table

K = 1000
FOLD_DRAWS = 10
SIDE = 640  # of the photo whose cost is measured, in pixels
_CENTRED_WEIGHT = 0.25  # the first trial's 0.5, as a part of the score

PLAIN = "plain SFace"
DEFAULT = "refined landmarks = **default**"
ACCURATE = "refined + mirrored + dlib = **accurate**"

TEXT = """## Ingredients

Nothing is trained here. What was chosen (the size of the looks, the weight of dlib's network, what to keep) was
chosen on half of the people; *held out* are the others (the SHA-256 of the name is odd). 10-fold: no person in two
folds, the threshold of each from the other nine; the mean of {fold_draws} draws of up to 300 genuine and 300 impostor
pairs a fold. Wrong labels in LFW were left in: they are errors here.

TPIR: the part of enrolled people's probes whose best candidate among K = {k} is right and above the threshold that 1
% of the strangers' probes reach, with one photo enrolled. {people} people with {photos} photos are at hand, so each
of the {draws} draws makes a quarter of the people strangers ({strangers} photos), enrols one photo of each of the
others ({enrolled}), and fills the gallery up to {k} with further photos of them, each as a person of its own, never
one of the probe's person: easier than {k} people, for photos of one person resemble the same strangers. ± is the
standard deviation between draws, in brackets the 95 % interval (Wilson) for as many different photos. Held out:
probes, strangers and enrolled are held-out people ({held_enrolled} enrolled, {held_strangers} strangers' photos), the
other half only fills the gallery.

{ingredients}

ms: added to one photo of {side} px with one face, one CPU thread (its own time). TAR: all pairs, FAR 1e-4, all people.

Kept: refined landmarks gain most and cost least, so they are in both profiles. The mirror image and dlib's network are
for *accurate*, where accuracy is worth their time. Left out: score normalisation, which changes less than the draws
deviate and needs every template compared with every other; centring dlib's vectors, which makes them worse and would
tie the model to one set of faces; weights by quality (below).

### A gallery of 300 people, as it is

{real}

### Time

{times}

### More photos of a person

TPIR at FPIR 1 % among {several_people} people, of whom those with four photos and more are asked about, with one to
three photos enrolled (the same probes each time). *Fused*: the mean of the best template's cosine and the mean
template's, as the gallery does. *Weighted*: the mean template, each photo weighted by the length of SFace's vector,
which says how much of a face it saw.

{several}

### Thresholds for 1:1

All pairs of all {photos} photos. A false match rate of 1e-5 rests on about 20 pairs.

{thresholds}
"""


@dataclass(frozen=True, eq=False)
class _Variant:
    """`milliseconds` is what it adds to plain SFace."""

    name: str
    embeddings: Embeddings
    milliseconds: float
    normalisation: Normalisation | None = None


def section(data: Path) -> str:
    """Markdown. Takes minutes: every photo is embedded by all networks, twice."""
    models = Models.load()
    small = costs.measure(sorted(data.glob("*/*.jpg"))[0].read_bytes(), models)
    large = costs.measure(costs.portrait(SIDE), models)
    faces = read(data, models)
    variants = _variants(faces, large)
    plain, default, accurate = (_named(variants, name) for name in (PLAIN, DEFAULT, ACCURATE))
    everybody = np.ones(len(faces.labels), dtype=np.bool_)
    at_hand = open_set(_scores(default), faces.labels, probes=everybody, size=K)
    held = open_set(_scores(default), faces.labels, probes=faces.held_out, size=K)
    profiles = {"plain SFace": plain, "default": default, "accurate": accurate}
    several, several_people = _several(faces, profiles)
    return TEXT.format(
        fold_draws=FOLD_DRAWS,
        k=K,
        draws=DRAWS,
        people=len(np.unique(faces.labels)),
        photos=len(faces.labels),
        strangers=at_hand.strangers,
        enrolled=at_hand.enrolled,
        held_enrolled=held.enrolled,
        held_strangers=held.strangers,
        side=SIDE,
        ingredients=_ingredients(faces, variants),
        real=_real(faces, profiles),
        times=_times({"LFW, 250 px": small, f"portrait, {SIDE} px": large}),
        several_people=several_people,
        several=several,
        thresholds=_thresholds(faces, profiles),
    )


def _variants(faces: Faces, cost: Costs) -> list[_Variant]:
    plain, refined = faces.plain, faces.refined
    centre = refined.dlib[~faces.held_out].mean(axis=0)
    centred = refined.dlib - centre
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    look, mirror, dlib = cost.refine, cost.mirrored, cost.dlib
    return [
        _Variant(PLAIN, plain.sface, 0.0),
        _Variant(DEFAULT, refined.sface, look),
        _Variant("mirrored", plain.mirrored, mirror),
        _Variant("dlib", _beside(plain.sface, plain.dlib), dlib),
        _Variant("refined + mirrored", refined.mirrored, look + mirror),
        _Variant("refined + dlib", _beside(refined.sface, refined.dlib), look + dlib),
        _Variant(ACCURATE, _beside(refined.mirrored, refined.dlib), look + mirror + dlib),
        _Variant(
            "accurate, dlib with half the weight",
            _beside(refined.mirrored, refined.dlib, DLIB_WEIGHT / 2**0.5),
            look + mirror + dlib,
        ),
        _Variant(
            "accurate, dlib mean-centred, a quarter of the weight",
            _beside(refined.mirrored, centred, _CENTRED_WEIGHT**0.5),
            look + mirror + dlib,
        ),
        _Variant(
            "default, scores normalised by the gallery (entries)", refined.sface, look, Normalisation(0, 0.25, 10)
        ),
        _Variant("default, normalised on both sides", refined.sface, look, Normalisation(0.5, 0.5, 50)),
        _Variant("dlib alone, refined", refined.dlib, look + dlib - cost.sface),
    ]


def _beside(one: Embeddings, other: Embeddings, weight: float = DLIB_WEIGHT) -> Embeddings:
    """As FusedEmbedder does."""
    return np.asarray(np.hstack([one, weight * other]) / np.sqrt(1 + weight**2), dtype=np.float32)


def _named(variants: list[_Variant], name: str) -> Embeddings:
    return next(variant.embeddings for variant in variants if variant.name == name)


def _scores(embeddings: Embeddings) -> Embeddings:
    return np.asarray(embeddings @ embeddings.T, dtype=np.float32)


def _ingredients(faces: Faces, variants: list[_Variant]) -> str:
    rows = []
    everybody = np.ones(len(faces.labels), dtype=np.bool_)
    for variant in variants:
        scores, by = _scores(variant.embeddings), variant.normalisation
        points = operating_points(scores, faces.labels, (1e-4,)) if by is None else []
        held = _ten_fold(variant.embeddings[faces.held_out], faces.labels[faces.held_out]) if by is None else None
        fold = _ten_fold(variant.embeddings, faces.labels) if by is None else None
        found = open_set(scores, faces.labels, probes=faces.held_out, size=K, normalisation=by)
        of_all = open_set(scores, faces.labels, probes=everybody, size=K, normalisation=by)
        rows.append(
            [
                variant.name,
                "–" if held is None else f"{held:.2%}",
                _found(found),
                "–" if fold is None else f"{fold:.2%}",
                _found(of_all),
                *([f"{point.true_match.value:.2%}" for point in points] or ["–"]),
                f"{variant.milliseconds:+.1f}" if variant.milliseconds else "0",
            ]
        )
    heads = ["", "10-fold, held out", "TPIR, held out", "10-fold, all", "TPIR, all", "TAR", "ms"]
    return table(heads, rows)


def _ten_fold(embeddings: Embeddings, labels: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> float:
    numbers = np.unique(labels, return_inverse=True)[1]
    accuracies = []
    for seed in range(FOLD_DRAWS):
        pairs = draw_pairs(numbers, seed=seed)
        if isinstance(pairs, str):
            raise ValueError(pairs)
        accuracies.append(ten_folds(embeddings, pairs).accuracy)
    return float(np.mean(accuracies))


def _found(result: OpenSet) -> str:
    return f"{result.found.value:.1%} ± {100 * result.deviation:.1f} {_interval(result.found)}"


def _interval(rate: Rate) -> str:
    return f"[{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def _real(faces: Faces, profiles: dict[str, Embeddings]) -> str:
    rows = []
    for name, embeddings in profiles.items():
        sizes, reason = evaluate_identification(embeddings, faces.labels, seed=0)
        at = next((size for size in sizes if size.persons == 300), None)
        if at is None:
            return f"Not measured: {reason or 'fewer than 600 people'}."
        point = at.fnir_at_fpir[0]
        missed = point.fnir
        found = (
            "–"
            if missed is None
            else f"{1 - missed.value:.1%} [{100 - 100 * missed.high:.1f}, {100 - 100 * missed.low:.1f}]"
        )
        rows.append([name, f"{at.rank_1.value:.1%}", found])
    return table(["", "rank 1", "TPIR at FPIR 1 %"], rows)


def _times(measured: dict[str, Costs]) -> str:
    heads = ["ms", "decode", "detect", "align, SFace", "refine", "mirror image", "dlib", "plain", "default", "accurate"]
    rows = []
    for name, cost in measured.items():
        steps = (cost.decode, cost.detect, cost.sface, cost.refine, cost.mirrored, cost.dlib)
        totals = [
            f"{cost.plain:.1f}",
            f"{cost.default:.1f} ({cost.default / cost.plain:.2f}×)",
            f"{cost.all:.1f} ({cost.all / cost.plain:.2f}×)",
        ]
        rows.append([name, *(f"{step:.1f}" for step in steps), *totals])
    return table(heads, rows)


def _several(faces: Faces, profiles: dict[str, Embeddings]) -> tuple[str, int]:
    rows = []
    people = 0
    for name, embeddings in profiles.items():
        row = [name]
        for photos in (1, 2, 3):
            fused, mean, people = several_photos(embeddings, faces.labels, photos)
            _, weighted, _ = several_photos(embeddings, faces.labels, photos, faces.plain.norms)
            row += [f"{fused:.2%}"] + ([f"{mean:.2%}", f"{weighted:.2%}"] if photos > 1 else [])
        rows.append(row)
    heads = ["", "1", "2, fused", "2, mean", "2, weighted", "3, fused", "3, mean", "3, weighted"]
    return table(heads, rows), people


def _thresholds(faces: Faces, profiles: dict[str, Embeddings]) -> str:
    rows = []
    for name, embeddings in profiles.items():
        for point in operating_points(_scores(embeddings), faces.labels):
            rate = point.true_match
            rows.append([name, f"{point.target:.0e}", f"{point.threshold:.3f}", f"{rate.value:.2%}", _interval(rate)])
    return table(["", "FMR", "threshold", "true match rate", "95 %"], rows)
