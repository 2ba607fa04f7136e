"""The report to read: Markdown. Pure Python, as the report itself."""

import re
from collections.abc import Sequence

from shared.ml.face.evaluation.report import (
    EvaluationReport,
    FnirAtFpir,
    IdentificationAtK,
    Left,
    PairError,
    Rate,
    TarAtFar,
)

_LISTED = 200  # files that were left out; the JSON has them all

READING = (
    "Intervals are Wilson's, 95 %. They take comparisons for independent; those that share a photo are not, so the "
    "true uncertainty is larger. A rate is said to be measurable from 3 expected errors on (rule of 3) and called "
    "rough (≈) below 30 (rule of 30; ISO/IEC 19795-1, annex B)."
)


def to_markdown(report: EvaluationReport) -> str:
    """The whole report but its curves; the names of people and files are escaped."""
    parts = [
        f"# Face evaluation{': ' + escape(report.data.name) if report.data.name else ''}",
        f"Model {escape(report.model.name)} (`{report.model.digest}`), seed {report.seed}. {data_line(report)}",
        READING,
        *_verification(report),
        *_identification(report),
        *_errors("Most similar photos of two people", report.closest_impostors),
        *_errors("Least similar photos of one person", report.farthest_genuine),
        *_left_out("Files that were left out", report.left_out),
        *_left_out("Pairs that were left out", report.left_out_pairs),
    ]
    return "\n\n".join(parts) + "\n"


def data_line(report: EvaluationReport) -> str:
    """What was measured on, in a sentence."""
    data = report.data
    return (
        f"{data.faces:,} usable faces in {data.files:,} files, of {data.people:,} people, "
        f"{data.people_with_one_face:,} of them with one face only."
    )


def accuracy_line(report: EvaluationReport) -> str:
    """The ten folds in a sentence, or why there are none."""
    folds = report.verification.folds
    if folds is None:
        return f"Ten folds: {report.verification.folds_note}."
    return (
        f"{folds.accuracy:.2%} ± {folds.deviation:.2%} (mean and deviation of {len(folds.folds)} folds, "
        f"{folds.pairs:,} pairs; standard error {folds.standard_error:.2%}): {folds.source}."
    )


def rate(value: Rate | None) -> str:
    """A rate and its interval."""
    return "–" if value is None else f"{value.value:.2%} ({value.low:.2%} to {value.high:.2%})"


def escape(text: str) -> str:
    """Names as they are, whatever characters Markdown would take for its own."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$-])", r"\\\1", text)


def _verification(report: EvaluationReport) -> list[str]:
    found = report.verification
    pairs = f"All pairs: {found.genuine_pairs:,} genuine, {found.impostor_pairs:,} impostor"
    error = f"; equal error rate {found.equal_error_rate:.2%}" if found.equal_error_rate is not None else ""
    rows = [(f"{x.target:g}", _threshold(x), rate(x.tar), x.note or "") for x in found.tar_at_far]
    return [
        "## Verification (1:1)",
        f"Accuracy: {accuracy_line(report)}",
        f"{pairs}{error}.",
        _table(("FAR", "threshold", "TAR", ""), rows),
    ]


def _identification(report: EvaluationReport) -> list[str]:
    title = "## Identification (open set, 1:K)"
    if not report.identification:
        return [title, f"Open set: {report.identification_note}."]
    rows = [(*_head(at), f"{x.target:g}", _threshold(x), rate(x.fnir), x.note or "") for at in report.identification
            for x in at.fnir_at_fpir]  # fmt: skip
    about = (
        f"One photo of each enrolled person; {report.identification[0].repetitions} random draws of people and photos."
    )
    return [title, about, _table(("K", "rank-1", "FPIR", "threshold", "FNIR", ""), rows)]


def _head(at: IdentificationAtK) -> tuple[str, str]:
    return f"{at.persons:,}", rate(at.rank_1)


def _threshold(point: TarAtFar | FnirAtFpir) -> str:
    return "–" if point.threshold is None else f"{point.threshold:.3f}"


def _errors(title: str, errors: tuple[PairError, ...]) -> list[str]:
    if not errors:
        return []
    return [f"## {title}", _table(("score", "", ""), [(f"{e.score:.3f}", escape(e.a), escape(e.b)) for e in errors])]


def _left_out(title: str, left: tuple[Left, ...]) -> list[str]:
    if not left:
        return []
    lines = [f"- {escape(one.file)}: {escape(one.reason)}" for one in left[:_LISTED]]
    if len(left) > _LISTED:
        lines.append(f"- and {len(left) - _LISTED:,} more, in report.json")
    return [f"## {title} ({len(left):,})", "\n".join(lines)]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))
