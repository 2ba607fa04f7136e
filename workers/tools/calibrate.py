"""`calibrate`: a folder of people and a promised error rate to a threshold."""

from dataclasses import asdict
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import InvalidField
from shared.ml.face import models
from shared.ml.face.calibration import Calibrated, calibrate_identification, calibrate_verification
from shared.ml.face.face_set import FaceSet
from shared.ml.face.reading import FaceRule
from workers.tools.console import out, progress
from workers.tools.faces import Device, Folder, Model, Rule, WeightsDir, photo_reader, read_faces


def calibrate(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    folder: Folder,
    target_fmr: Annotated[float | None, typer.Option(help="false match rate of 1:1, such as 1e-4")] = None,
    target_fpir: Annotated[float | None, typer.Option(help="false positive rate of 1:K search, such as 0.01")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="a JSON file for the result")] = None,
    model: Model = models.NAMES[0],
    faces: Rule = FaceRule.SERVICE,
    device: Device = "auto",
    weights_dir: WeightsDir = None,
) -> None:
    """Measure the threshold that keeps a promised error rate on people of your own."""
    target = target_fmr if target_fmr is not None else target_fpir
    if (target_fmr is None) == (target_fpir is None) or target is None:
        raise InvalidField("Name one of --target-fmr (1:1) and --target-fpir (1:K).")
    if not 0 < target < 1:
        raise InvalidField(f"A target rate lies between 0 and 1, not at {target:g}.")
    found = read_faces(folder, photo_reader(model, device, rule=faces, weights_dir=weights_dir))
    with progress("comparing") as report:
        result = (
            calibrate_verification(found.embeddings, found.labels, target_fmr=target, progress=report)
            if target_fmr is not None
            else calibrate_identification(found.embeddings, found.labels, target_fpir=target, progress=report)
        )
    kind = "FMR" if target_fmr is not None else "FPIR"
    _show(kind, result)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(_json(kind, result, found), encoding="utf-8")
        out.print(f"Written: {output}", markup=False, highlight=False)


def _show(kind: str, found: Calibrated) -> None:
    rate = found.measured
    lines = [
        f"threshold {found.threshold:.4f} for {kind} {found.target:g}",
        f"measured {rate.value:.3g} (95 % interval {rate.low:.3g} to {rate.high:.3g}): "
        f"{rate.errors:,} of {rate.trials:,} comparisons, {found.templates:,} faces of {found.people:,} people",
    ]
    if kind == "FPIR":
        among = (f"{point.threshold:.4f} among {found.target / point.false_match_rate:,.0f}" for point in found.points)
        lines.append(f"it follows the number of people searched: {', '.join(among)}")
    for line in lines:
        out.print(line, highlight=False, soft_wrap=True)


def _json(kind: str, found: Calibrated, faces: FaceSet) -> str:
    document = {
        "kind": kind,
        "target": found.target,
        "threshold": found.threshold,
        "points": [point._asdict() for point in found.points],
        "measured": found.measured.model_dump(),
        "people": found.people,
        "faces": found.templates,
        "model": {"name": faces.model_name, "digest": faces.model_digest},
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "left_out": [asdict(problem) for problem in faces.problems],
    }
    return dumps(document, indent=1, ensure_ascii=False) + "\n"
