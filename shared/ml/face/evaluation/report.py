"""What an evaluation found: plain frozen values that become JSON as they are.

Pure Python: the gateway imports this module, and must not load numpy with it. The vocabulary is ISO/IEC
19795-1's: a *genuine* (mated) pair is one person twice, an *impostor* (non-mated) pair two people; FAR and TAR,
as face recognition papers say, are the false match rate and 1 - the false non-match rate of the photos used.
"""

from pydantic import BaseModel, ConfigDict, Field, computed_field


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Rate(_Value):
    """`errors` (or hits, where the rate is one of success) in `trials`, with the ends of the 95 % interval."""

    errors: int = Field(ge=0)
    trials: int = Field(ge=1)
    low: float
    high: float

    @computed_field  # type: ignore[prop-decorator]  # mypy/issues/14461
    @property
    def value(self) -> float:
        """The measured rate, in [0, 1]."""
        return self.errors / self.trials


class Fold(_Value):
    """One part of the people: `threshold` was chosen on the others."""

    accuracy: float
    threshold: float
    pairs: int


class Folds(_Value):
    """Balanced pairs in ten parts, each judged by a threshold chosen on the other nine."""

    accuracy: float  # mean over the folds
    deviation: float  # standard deviation over the folds
    standard_error: float  # of the mean: what LFW's result tables print behind ±
    threshold: float  # mean over the folds
    pairs: int
    source: str
    folds: tuple[Fold, ...]


class TarAtFar(_Value):
    """1:1 at the least threshold whose measured FAR is not above the target; values are None where the data are
    too few, and `note` says so.
    """

    target: float
    threshold: float | None = None
    far: Rate | None = None
    tar: Rate | None = None
    note: str | None = None


class CurvePoint(_Value):
    """An error trade-off: FAR against 1 - TAR in verification, FPIR against FNIR in identification."""

    threshold: float
    false_positive_rate: float
    false_negative_rate: float


class Histogram(_Value):
    """Counts of scores between edges: len(edges) = len(genuine) + 1 = len(impostor) + 1."""

    edges: tuple[float, ...]
    genuine: tuple[int, ...]
    impostor: tuple[int, ...]


class VerificationReport(_Value):
    """1:1, over all pairs; the folds, over balanced ones."""

    genuine_pairs: int
    impostor_pairs: int
    equal_error_rate: float | None
    folds: Folds | None
    folds_note: str | None
    tar_at_far: tuple[TarAtFar, ...]
    curve: tuple[CurvePoint, ...]
    histogram: Histogram


class FnirAtFpir(_Value):
    """1:K at the least threshold whose measured FPIR is not above the target; None as in TarAtFar."""

    target: float
    threshold: float | None = None
    fpir: Rate | None = None
    fnir: Rate | None = None
    note: str | None = None


class IdentificationAtK(_Value):
    """Open set: K people enrolled with one photo each. Rates pool all repetitions; `mated_probes` and
    `non_mated_probes` are the different photos behind them, which the intervals rest on.
    """

    persons: int
    repetitions: int
    mated_probes: int
    non_mated_probes: int
    rank_1: Rate
    fnir_at_fpir: tuple[FnirAtFpir, ...]
    curve: tuple[CurvePoint, ...]


class PairError(_Value):
    """Two photos (`person/file`) whose score is the most wrong."""

    a: str
    b: str
    score: float


class Left(_Value):
    """A file or pair that was left out, and why."""

    file: str
    reason: str


class ModelUsed(_Value):
    name: str
    digest: str


class DataUsed(_Value):
    """`faces` of `files` could be used; each is a face of one of `people`."""

    name: str
    files: int
    faces: int
    people: int
    people_with_one_face: int


class EvaluationReport(_Value):
    model: ModelUsed
    data: DataUsed
    seed: int
    verification: VerificationReport
    identification: tuple[IdentificationAtK, ...]
    identification_note: str | None
    closest_impostors: tuple[PairError, ...]
    farthest_genuine: tuple[PairError, ...]
    left_out: tuple[Left, ...]
    left_out_pairs: tuple[Left, ...] = ()
