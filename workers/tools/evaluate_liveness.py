"""`evaluate-liveness`: a folder of live faces and of attacks to error rates of passive liveness."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from shared.errors import InvalidDataset
from shared.ml import device as devices
from shared.ml import weights
from shared.ml.face.detector import FaceDetector
from shared.ml.face.liveness.evaluation import LivenessReport, conclusion, evaluate, file_scorer, table, to_markdown
from shared.ml.face.liveness.passive import DEFAULT_PASSIVE, PassiveLiveness
from shared.ml.face.people import FileProblem, read_folder
from workers.tools.console import list_problems, out, progress
from workers.tools.faces import LIMITS, Device, WeightsDir


def evaluate_liveness(
    folder: Annotated[Path, typer.Argument(help="a directory with bona_fide/ and a folder for each kind of attack")],
    output: Annotated[Path, typer.Option("--output", "-o", help="a directory for the report")] = Path(
        "liveness-evaluation"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="print liveness.json instead of a table")] = False,
    device: Device = "auto",
    weights_dir: WeightsDir = None,
) -> None:
    """Measure passive liveness: APCER of each kind of attack, BPCER, with exact intervals (ISO/IEC 30107-3)."""
    if not folder.is_dir():
        raise InvalidDataset(f"There is no directory {folder}.")
    collection = read_folder(folder, max_bytes=LIMITS.max_bytes)
    supply = weights.Supply(local_dir=weights_dir)
    network = PassiveLiveness.from_weights(devices.resolve(device), supply=supply)
    detector = FaceDetector(weights.fetch(weights.YUNET, supply=supply))
    with progress("looking at faces") as done:
        report = evaluate(collection, file_scorer(detector, network, LIMITS), DEFAULT_PASSIVE, progress=done)
    list_problems([FileProblem(one.file, one.reason) for one in report.left_out])
    output.mkdir(parents=True, exist_ok=True)
    (output / "liveness.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")
    (output / "liveness.md").write_text(to_markdown(report), encoding="utf-8")
    if as_json:
        typer.echo(report.model_dump_json(indent=1))
    else:
        _show(report)
        out.print(f"Report: {output / 'liveness.json'}, {output / 'liveness.md'}", markup=False, highlight=False)


def _show(report: LivenessReport) -> None:
    heading, *rows = table(report)
    shown = Table(*heading)
    for row in rows:
        shown.add_row(*row)
    out.print(shown)
    out.print(conclusion(report), markup=False, highlight=False, soft_wrap=True)
