"""Before and after, on people that training has not seen: the same pairs, judged by both models."""

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from shared.ml.face.evaluation.report import TarAtFar
from shared.ml.face.evaluation.scores import AllPairs, ScoreHistogram
from shared.ml.face.evaluation.verification import evaluate_verification
from shared.ml.face.training.gain import Gain, gain
from shared.ml.face.training.manifest import Figures
from shared.ml.face.training.measures import (
    PairScores,
    balanced_accuracy,
    best_threshold,
    mean_true_match_rate,
)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Comparison(_Value):
    people: int
    photos: int
    genuine: int
    impostor: int
    before: Figures
    after: Figures
    gain: Gain


def figures(validation: PairScores, test: PairScores) -> Figures:
    return Figures(
        accuracy=balanced_accuracy(test, best_threshold(validation)),
        mean_true_match_rate=mean_true_match_rate(test),
        tar_at_far=operating_points(test),
    )


def operating_points(scores: PairScores) -> tuple[TarAtFar, ...]:
    """TAR at FAR 1e-2 to 1e-5 with counts and intervals; a note where the pairs are too few to say."""
    genuine, impostor = (ScoreHistogram.of(part.astype(np.float32)) for part in (scores.genuine, scores.impostor))
    return evaluate_verification(AllPairs(genuine, impostor, (), ()), "drawn pairs are not used").tar_at_far


def compare(
    before: tuple[PairScores, PairScores], after: tuple[PairScores, PairScores], people: npt.NDArray[np.int64]
) -> Comparison:
    """Each model's scores of (validation, test); `people` are the test photos' labels, in the scores' order."""
    return Comparison(
        people=len(np.unique(people)),
        photos=len(people),
        genuine=len(after[1].genuine),
        impostor=len(after[1].impostor),
        before=figures(*before),
        after=figures(*after),
        gain=gain(before[1], after[1], people),
    )


def markdown(comparison: Comparison, title: str, *, adopted: bool) -> str:
    """The report to read; report.json has the same figures. `adopted`: a model was made of what is compared."""
    before, after, found = comparison.before, comparison.after, comparison.gain
    verdict = found.shown.capitalize() if adopted else "The original stays, nothing did better on the validation people"
    lines = [
        f"# {title}",
        "",
        f"Measured on {comparison.people:,} people ({comparison.photos:,} photos) that training has not seen: "
        f"{comparison.genuine:,} genuine and {comparison.impostor:,} impostor pairs.",
        "",
        f"**{verdict}**: mean TAR over FAR 1e-3 to 1e-1 changes by {found.value:+.3%} "
        f"(95 % interval over people {found.low:+.3%} to {found.high:+.3%}).",
        "",
        "| | before | after |",
        "|---|---|---|",
        f"| balanced accuracy, threshold from the validation people | {before.accuracy:.2%} | {after.accuracy:.2%} |",
        f"| mean TAR over FAR 1e-3 to 1e-1 | {before.mean_true_match_rate:.2%} | {after.mean_true_match_rate:.2%} |",
    ]
    for old, new in zip(before.tar_at_far, after.tar_at_far, strict=True):
        lines.append(f"| TAR at FAR {new.target:g} | {_cell(old)} | {_cell(new)} |")
    return "\n".join([*lines, ""])


def _cell(point: TarAtFar) -> str:
    if point.tar is None:
        return point.note or "not measured"
    rate = point.tar
    return f"{rate.value:.2%} ({rate.errors:,} of {rate.trials:,}; {rate.low:.2%} to {rate.high:.2%})"
