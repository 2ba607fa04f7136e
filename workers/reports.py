"""What a gallery's feedback says to a calibration: how high the threshold must be, and what became of the misses.

Why reports may only raise a threshold is derived in shared/ml/face/calibration.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.galleries.feedback import Feedback, FeedbackKind
from shared.ml.face.calibration import Thresholds, just_above
from shared.ml.face.catalogue import ModelCard
from shared.schemas import FeedbackUse, Gallery, PolicyKind

OUT_OF_REACH_FMR = 1e-7
OUT_OF_REACH_SHARE = 0.01
"""Different people reach the score of the first rate once in ten million comparisons. Beyond it, and beyond so small a
share of the rate that the target allows one comparison, a false match tells of a photo enrolled under the wrong name,
of twins, or of a wrong report: a threshold above it would keep out everybody else, too. (A search of many people is so
strict by itself that the first rate alone would leave out all of its false matches.)"""
NONE = -1.0  # every cosine reaches it


@dataclass(frozen=True)
class Reports:
    """Scores of the reported errors of one kind of comparison, made with one model.

    Attributes:
        false_matches: that a threshold may be put above.
        out_of_reach: how many false matches were left out.
        misses: scores of the false non-matches; None below every candidate.
    """

    false_matches: tuple[float, ...] = ()
    out_of_reach: int = 0
    misses: tuple[float | None, ...] = ()

    @classmethod
    def of(
        cls, found: Iterable[Feedback], gallery: Gallery, card: ModelCard, *, search: PolicyKind, allowed: float
    ) -> "Reports":
        """Those that this gallery's model made in comparisons of this kind.

        A search's false matches are the worst of K comparisons, a verification's of one: neither tells of the other.

        Args:
            allowed: the false match rate that the target allows a single comparison.
        """
        usable = [
            one
            for one in found
            if one.model.digest == card.digest and one.search is search and one.created_at >= gallery.created_at
        ]
        false = [one.score for one in usable if one.kind is FeedbackKind.WRONG_PERSON and one.score is not None]
        highest = card.curve.threshold(min(OUT_OF_REACH_FMR, OUT_OF_REACH_SHARE * allowed))
        within = tuple(score for score in false if just_above(score) <= highest)
        misses = tuple(one.score for one in usable if one.kind is FeedbackKind.NOT_RECOGNISED_BUT_IS)
        return cls(within, len(false) - len(within), misses)

    @property
    def least(self) -> float:
        """The least threshold that none of the false matches reaches."""
        return max(map(just_above, self.false_matches), default=NONE)

    def use(self, found: Thresholds) -> FeedbackUse:
        """What they changed about a calibration whose threshold is at least `least`."""
        below = [score for score in self.misses if score is None or score < found.threshold]
        return FeedbackUse(
            wrong_person=len(self.false_matches),
            out_of_reach=self.out_of_reach,
            raised_by=found.threshold - found.unraised,
            not_recognised=len(self.misses),
            still_not_recognised=len(below),
        )
