"""Whether a model is really better than the one before, or whether its test people were only kind to it.

Both models judge the same pairs. The interval comes from a bootstrap over people, not pairs (a person's pairs
depend on each other): people are drawn with replacement, a person drawn twice counts twice in her genuine pairs and
twice in every impostor pair, and each model's thresholds are found anew. So a few new impostors at a low FMR do not
pass for a gain.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from shared.ml.face.training.measures import FALSE_MATCH_RATES, PairScores, Scores, mean_true_match_rate

_RESAMPLES = 400


class Gain(BaseModel):
    """After minus before in mean TAR, with its 95 % interval over people; a loss is negative."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float

    @property
    def shown(self) -> str:
        """In words, without more certainty than the people give."""
        if self.low > 0:
            return "better than before"
        return "worse than before" if self.high < 0 else "no difference that so few people can show"


def gain(before: PairScores, after: PairScores, people: npt.NDArray[np.int64]) -> Gain:
    """`people` are the photos' labels, in the order in which `pair_scores` had them."""
    first, second = np.triu_indices(len(people), k=1)
    _, person = np.unique(people, return_inverse=True)
    same = person[first] == person[second]
    persons = int(person.max()) + 1
    draws = np.random.default_rng(0).multinomial(persons, np.full(persons, 1 / persons), _RESAMPLES)
    old, new = (_ranked(scores, person[first], person[second], same) for scores in (before, after))
    low, high = np.quantile([new.weighted(times) - old.weighted(times) for times in draws], [0.025, 0.975])
    return Gain(value=mean_true_match_rate(after) - mean_true_match_rate(before), low=float(low), high=float(high))


class _Ranked(NamedTuple):
    """A model's scores with their people; the impostor pairs from the most alike to the least."""

    genuine: Scores
    owner: npt.NDArray[np.int64]
    impostor: Scores
    one: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]

    def weighted(self, times: npt.NDArray[np.int64]) -> float:
        """The mean TAR when person p counts times[p] times."""
        above = np.cumsum(times[self.one] * times[self.other])
        at = np.searchsorted(above, np.array(FALSE_MATCH_RATES) * above[-1], side="right")
        thresholds = self.impostor[at.clip(max=len(above) - 1)]
        weights = times[self.owner]
        return float((weights @ (self.genuine[:, None] > thresholds)).mean() / weights.sum())


def _ranked(
    scores: PairScores, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], same: npt.NDArray[np.bool_]
) -> _Ranked:
    order = np.argsort(-scores.impostor)
    return _Ranked(scores.genuine, first[same], scores.impostor[order], first[~same][order], second[~same][order])
