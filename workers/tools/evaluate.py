"""`evaluate`: a folder of people to a report of how well a model tells them apart."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shared.errors import InvalidField
from shared.ml.face import models
from shared.ml.face.evaluation.evaluate import evaluate as measure
from shared.ml.face.evaluation.files import files
from shared.ml.face.evaluation.markdown import accuracy_line, data_line, rate
from shared.ml.face.evaluation.pairs import Pairs, read_pairs
from shared.ml.face.evaluation.report import EvaluationReport
from shared.ml.face.face_set import FaceSet
from shared.ml.face.reading import FaceRule
from workers.tools.console import complain, out, progress
from workers.tools.faces import Device, Folder, Model, Rule, WeightsDir, photo_reader, read_faces


def evaluate(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    folder: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="a directory for the report")] = Path("evaluation"),
    pairs: Annotated[Path | None, typer.Option(help="a file in the format of LFW's pairs.txt")] = None,
    model: Model = models.NAMES[0],
    faces: Rule = FaceRule.SERVICE,
    seed: Annotated[int, typer.Option(min=0, help="of the random splits: the same seed, the same report")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print report.json instead of a table")] = False,
    device: Device = "auto",
    weights_dir: WeightsDir = None,
) -> None:
    """Measure a face model on people of your own: 1:1 and 1:K, with intervals, curves and the worst errors."""
    text = _text(pairs) if pairs else None
    output.mkdir(parents=True, exist_ok=True)
    reader = photo_reader(model, device, rule=faces, weights_dir=weights_dir)
    found = read_faces(folder, reader)
    report = _measure(found, folder.resolve().name, seed, read_pairs(text, found) if text is not None else None)
    written = files(report, found)
    for name, data in written.items():
        (output / name).write_bytes(data)
    if as_json:
        typer.echo(written["report.json"])
    else:
        _show(report)
        out.print(f"Report: {', '.join(str(output / name) for name in written)}", markup=False, highlight=False)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidField(f"The pairs file {path} is no UTF-8 text.") from None


def _measure(faces: FaceSet, name: str, seed: int, pairs: Pairs | None) -> EvaluationReport:
    for left in pairs.left_out if pairs else ():
        complain(f"left out: pair {left.file}: {left.reason}")
    with progress("comparing") as done:
        return measure(faces, name=name, seed=seed, pairs=pairs, progress=done)


def _show(report: EvaluationReport) -> None:
    out.print(data_line(report), highlight=False)
    out.print(f"1:1 accuracy: {accuracy_line(report)}", highlight=False)
    table = Table("", "target", "threshold", "measured")
    for point in report.verification.tar_at_far:
        shown = f"{_about(point.note)}{rate(point.tar)}" if point.tar else point.note
        table.add_row("TAR at FAR", f"{point.target:g}", _threshold(point.threshold), shown)
    for at in report.identification:
        table.add_section()
        table.add_row(f"rank-1, K = {at.persons:,}", "", "", rate(at.rank_1))
        for search in at.fnir_at_fpir:
            shown = f"{_about(search.note)}{rate(search.fnir)}" if search.fnir else search.note
            table.add_row("FNIR at FPIR", f"{search.target:g}", _threshold(search.threshold), shown)
    out.print(table)
    if report.identification_note:
        out.print(f"1:K {report.identification_note}", highlight=False)


def _about(note: str | None) -> str:
    return "≈ " if note else ""


def _threshold(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
