"""`evaluate-style`: a folder of stylised pictures to what each kept of its content and took of its style."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from shared.archives import FileProblem
from shared.errors import InsufficientData, InvalidImage
from shared.ml.style.features import Vgg16Features
from shared.ml.style.pixels import to_image
from shared.ml.style.quality import measure
from shared.ml.style.quality_report import (
    MOST_DRAWN,
    Measured,
    QualityReport,
    files,
    table,
    thumbnail,
    to_json,
)
from workers.tools.console import list_problems, out, progress
from workers.tools.style_networks import Device, WeightsDir, load_features, read_picture
from workers.tools.style_results import Sources, Trial, find_trials

Content = Annotated[Path | None, typer.Option(help="the content of all results, or a folder matched by file names")]
Style = Annotated[Path | None, typer.Option(help="the style of all results, or a folder matched by file names")]


def evaluate_style(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    results: Annotated[Path, typer.Argument(help="a directory of stylised pictures")],
    content: Content = None,
    style: Style = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="JSON Lines of result, content and style; manifest.jsonl beside the results is found"),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="a directory for the report")] = None,
    size: Annotated[
        int, typer.Option(min=16, max=4096, help="long side, px, that all is measured at: costs depend on it")
    ] = 512,
    as_json: Annotated[bool, typer.Option("--json", help="print report.json instead of a table")] = False,
    device: Device = "auto",
    weights_dir: WeightsDir = None,
) -> None:
    """Measure stylised pictures: content cost, Gram cost per layer, SSIM to the content, colour distance."""
    trials, problems = find_trials(results, Sources(content, style), manifest)
    features = load_features(device, weights_dir)
    measured, unreadable = _measure_all(trials, features, size)
    problems += unreadable
    list_problems(problems)
    if not measured:
        raise InsufficientData(f"None of the {len(problems):,} results in {results} could be measured.")
    report = QualityReport(f"{results.resolve().name} at {size} px", tuple(measured), tuple(problems))
    written = _write(report, output) if output else ()
    if as_json:
        typer.echo(to_json(report))
    else:
        _show(report)
        if written:
            out.print(f"Report: {', '.join(map(str, written))}", markup=False, highlight=False)


def _measure_all(trials: list[Trial], features: Vgg16Features, size: int) -> tuple[list[Measured], list[FileProblem]]:
    measured: list[Measured] = []
    problems = []
    read = lru_cache(maxsize=16)(lambda path: _read(path, size))  # contents and styles come again and again
    with progress("measuring") as done:
        for number, trial in enumerate(trials, start=1):
            try:
                pixels = (read(trial.content), read(trial.style), _read(trial.result, size))
                quality = measure(features, *pixels)
            except InvalidImage as error:
                problems.append(FileProblem(trial.result.name, str(error).removeprefix(f"{trial.result.name}: ")))
            else:
                drawn = len(measured) < MOST_DRAWN
                pictures = tuple(thumbnail(to_image(image)) for image in pixels) if drawn else ()
                names = (trial.result.name, trial.content.name, trial.style.name)
                measured.append(Measured(*names, quality, pictures))
            done(number, len(trials))
    return measured, problems


def _read(path: Path, size: int) -> Tensor:
    """Raises InvalidImage, naming the file."""
    try:
        return read_picture(path, size)
    except InvalidImage as error:
        raise type(error)(f"{path.name}: {error}") from None
    except OSError as error:
        raise InvalidImage(f"{path.name} cannot be read ({error.strerror}).") from None


def _write(report: QualityReport, output: Path) -> Iterable[Path]:
    output.mkdir(parents=True, exist_ok=True)
    found = files(report)
    for name, data in found.items():
        (output / name).write_bytes(data)
    return [output / name for name in found]


def _show(report: QualityReport) -> None:
    """Two tables, as both together are wider than a terminal."""
    headings, *rows = table(report)
    grams = [index for index, heading in enumerate(headings) if heading.startswith("Gram")]
    others = [index for index in range(len(headings)) if index not in grams]
    for title, columns in ((None, others), ("Gram cost per layer", [0, *grams])):
        shown = Table(title=title, title_justify="left")
        for column in columns:
            heading = headings[column].removeprefix("Gram ")
            shown.add_column(heading, justify="right" if column else "left", no_wrap=column > 0)
        for row in rows:
            shown.add_row(*(escape(row[column]) for column in columns))
        out.print(shown)
