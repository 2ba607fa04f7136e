"""The face models that come with Likeness, and how their scores were measured. Pure Python: the gateway reads it.

A model is named by what makes its embeddings, and its digest changes with anything that makes them another
model's: the weights' file, what is joined and averaged. (Landmarks found more precisely do not: scores of old
templates with new probes were measured to be as good.) Thresholds come from a model's operating curve.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import NamedTuple

from shared.ml.face.recipe import ACCURATE, ACCURATE_DIGEST, ACCURATE_DIMENSIONS
from shared.ml.weight_registry import SFACE


class OperatingPoint(NamedTuple):
    """How often two different people reach a score: FMR in (0, 1) and the score."""

    false_match_rate: float
    threshold: float


@dataclass(frozen=True)
class OperatingCurve:
    """Measured operating points of one model on one set of faces, the loosest first; at least one.

    `margin` is how much more similar the best person of a search must be than the second-best.
    """

    points: tuple[OperatingPoint, ...]
    margin: float
    data: str
    source: str

    def threshold(self, false_match_rate: float) -> float:
        """The score that different people reach with this probability.

        Linear in log10 FMR between the measured points; beyond them it goes on in the same line, which
        overestimates a tail that falls like a Gaussian's. A single point is the same everywhere.
        """
        x = log10(false_match_rate)
        knots = [(log10(rate), threshold) for rate, threshold in self.points]
        if len(knots) == 1:
            return knots[0][1]
        below = [pair for pair in pairwise(knots) if x <= pair[0][0]]
        (x0, y0), (x1, y1) = below[-1] if below else (knots[0], knots[1])
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


@dataclass(frozen=True)
class ModelCard:
    """A face model: its identity and what its scores mean."""

    name: str
    digest: str
    dimensions: int
    description: str
    curve: OperatingCurve


# Measured on the development part of LFW (651 people, 2,043 photos; docs/accuracy.md), 1e-5 rests on about 20
# pairs. On all of LFW's 13,233 photos (87 million impostor pairs) plain SFace needs 0.363, 0.425 and 0.492 where that
# part says 0.359, 0.413 and 0.457. The whole is not at hand for what came later, so its thresholds are raised by as
# much: a wrong "yes" is worse than a wrong "no".
_SOURCE = "measured with this pipeline, November 2026 (docs/accuracy.md)"

DEFAULT_MODEL = ModelCard(
    name=SFACE.name,
    digest=SFACE.digest,
    dimensions=128,
    description="SFace: fast, one network",
    curve=OperatingCurve(
        points=(OperatingPoint(1e-3, 0.369), OperatingPoint(1e-4, 0.431), OperatingPoint(1e-5, 0.497)),
        margin=0.05,  # 0.8 % of LFW's right answers lie within it; siblings were not measured
        data="all pairs of LFW's 13,233 photos, raised by what refined landmarks change on 2,043 of them",
        source=_SOURCE,
    ),
)
ACCURATE_MODEL = ModelCard(
    name=ACCURATE,
    digest=ACCURATE_DIGEST,
    dimensions=ACCURATE_DIMENSIONS,
    description="SFace, also on the mirrored face, beside dlib's network: fewer errors, more time",
    curve=OperatingCurve(
        points=(OperatingPoint(1e-3, 0.633), OperatingPoint(1e-4, 0.671), OperatingPoint(1e-5, 0.711)),
        margin=0.025,  # strangers' scores are half as wide as SFace's
        data="all pairs of 2,043 of LFW's photos, raised by what SFace's thresholds are higher on all of them, in "
        "standard deviations of the strangers' scores",
        source=_SOURCE,
    ),
)
CATALOGUE: Mapping[str, ModelCard] = {card.name: card for card in (DEFAULT_MODEL, ACCURATE_MODEL)}
