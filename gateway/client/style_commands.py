"""The `likeness` commands that paint photos: one with its progress, many as batches."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table

from gateway.client.api import ApiError, Client
from gateway.client.connection import Key, Url, connected, succeeded
from gateway.client.painting import Failure, Painter, Standing
from gateway.client.photos import SUFFIXES, Photo, find_photos
from shared.errors import InvalidField

console = Console(markup=False, emoji=False, highlight=False)  # it prints names of files and words of others
INTERRUPTED = 130  # as shells say it

BatchId = Annotated[str, typer.Argument(metavar="BATCH")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document instead of words and bars")]

batches = typer.Typer(help="Look after the batches of the running system.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(stylize)
    app.add_typer(batches, name="batches")


def stylize(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    photos: Annotated[list[str], typer.Argument(metavar="PHOTO...", help="files, folders, patterns")],
    style: Annotated[str, typer.Option("--style", "-s", help="a picture, or the id of a style of the library")],
    output: Annotated[Path, typer.Option("--output", "-o", help="a folder for the pictures")],
    mode: Annotated[str | None, typer.Option(help="fast | fine; default: fast")] = None,
    preset: Annotated[str | None, typer.Option(help="of fine mode: sketch | balanced | rich")] = None,
    steps: Annotated[int | None, typer.Option(help="of fine mode")] = None,
    size: Annotated[int | None, typer.Option(help="long side of the pictures, px")] = None,
    strength: Annotated[float | None, typer.Option(help="of the style, from 0 to 1")] = None,
    colours: Annotated[str | None, typer.Option(help="style | luminance | histogram | cholesky")] = None,
    seed: Annotated[int | None, typer.Option(help="of fine mode's noise")] = None,
    image_format: Annotated[str, typer.Option("--format", help="jpeg | png | webp")] = "jpeg",
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Paint photos in the style of a painting. Run it again to go on where it stopped.

    Many photos are painted as batches, which go on by themselves; pictures are written as they are done. Photos that
    have a picture in the folder already are passed over. Exits with 1 when a photo could not be painted.
    """
    given = {"mode": mode, "preset": preset, "steps": steps, "size": size, "strength": strength, "colours": colours,
             "seed": seed, "format": image_format}  # fmt: skip
    options = {name: str(value) for name, value in given.items() if value is not None}
    chosen = _chosen(style)
    found = find_photos(photos, image_format, output)
    with connected(url, key) as client:
        painter = Painter(client, output, chosen, options)
        if len(found) == 1:
            failures = _paint_one(client, found[0], painter, quiet=as_json)
        else:
            failures = _paint_many(found, painter, quiet=as_json)
    _report(found, failures, output, as_json=as_json)


def _chosen(style: str) -> str | Path:
    """The file of that name, else what is taken for the id of a style.

    Raises:
        InvalidField: it looks like a file, but none is there.
    """
    path = Path(style)
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise InvalidField(f"The style {style[:40]!r} cannot be read: {error.strerror}.") from None
    if "/" in style or path.name != style or path.suffix.lower() in SUFFIXES:
        raise InvalidField(f"There is no such file: {style!r}. Name a picture, or a style (likeness styles list).")
    return style


def _paint_one(client: Client, photo: Photo, painter: Painter, *, quiet: bool) -> list[Failure]:
    if painter.has(photo):
        return []
    try:
        job = painter.start(photo)
        painter.write(photo, client.image(succeeded(_followed(client, job["id"], quiet=quiet))))
    except ApiError as error:
        return [Failure(str(photo.file), error.code, error.detail)]
    return []


def _followed(client: Client, job_id: str, *, quiet: bool) -> dict[str, Any]:
    """The finished job; its progress is shown meanwhile."""
    job: dict[str, Any] = {}
    try:
        with Progress(console=console, transient=True, disable=quiet) as bars:
            task = bars.add_task("queued", total=None)
            for job in client.progress(job_id):
                if now := job["progress"]:
                    bars.update(task, description=_told(now), completed=now["done"], total=now["total"])
    except KeyboardInterrupt:
        client.cancel(job_id)
        _say("Cancelled.")
        raise typer.Exit(INTERRUPTED) from None
    return job


def _told(progress: dict[str, Any]) -> str:
    """A stage with its cost and the time that is left, where they are known."""
    parts = [progress["stage"]]
    if progress.get("cost") is not None:
        parts.append(f"cost {progress['cost']:.3g}")
    if progress.get("eta_seconds") is not None:
        parts.append(f"{_duration(progress['eta_seconds'])} left")
    return ", ".join(parts)


def _paint_many(photos: list[Photo], painter: Painter, *, quiet: bool) -> list[Failure]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    try:
        with Progress(*columns, console=console, transient=True, disable=quiet) as bars:
            task = bars.add_task("sending", total=len(photos), note="")
            painter.begin(photos, on_sent=lambda count: bars.advance(task, count))
            for standing in painter.follow():
                _show(bars, task, standing)
    except KeyboardInterrupt:
        _leave(painter)
    return painter.failures(photos)


def _show(bars: Progress, task: TaskID, standing: Standing) -> None:
    failed = f"{standing.failed:,} failed" if standing.failed else ""
    left = f"{_duration(standing.eta_seconds)} left" if standing.eta_seconds else ""
    bars.update(
        task,
        description="painting",
        completed=standing.done + standing.failed,
        total=standing.total,
        note=", ".join(filter(None, (failed, left))),
    )


def _leave(painter: Painter) -> NoReturn:
    """Batches go on without us: say how to come back to them, and how to end them."""
    if painter.running:
        _say("The work goes on without this command. Run it again to collect the pictures, or end it:")
    for batch in painter.running:
        _say(f"  likeness batches cancel {batch}")
    raise typer.Exit(INTERRUPTED)


def _report(photos: list[Photo], failures: list[Failure], output: Path, *, as_json: bool) -> None:
    made = [photo.output for photo in photos if (output / photo.output).is_file()]
    if as_json:
        told = {"output": str(output), "pictures": made, "failures": [asdict(failure) for failure in failures]}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        for failure in failures:
            _say(f"{failure.photo}: {failure.code}: {failure.detail}")
        _say(f"{len(made):,} of {len(photos):,} photos are painted: {output}")
    if len(made) < len(photos):
        raise typer.Exit(1)


@batches.command("list")
def list_batches(url: Url = None, key: Key = None) -> None:
    """List the batches, newest first."""
    # an id that is cut off could not be copied
    table = Table(Column("batch", no_wrap=True, min_width=32), "status", "total", "done", "failed", "created")
    with connected(url, key) as client:
        for batch in client.batches():
            counts = batch["counts"]
            numbers = (f"{counts[name]:,}" for name in ("total", "done", "failed"))
            table.add_row(batch["id"], batch["status"], *numbers, f"{batch['created_at']:.16}")
    console.print(table)


@batches.command("show")
def show_batch(batch: BatchId, as_json: AsJson = False, url: Url = None, key: Key = None) -> None:
    """Show how far a batch is, and what went wrong in it."""
    with connected(url, key) as client:
        found = client.batch(batch)
        failed = list(client.batch_items(batch, status="failed"))
    if as_json:
        sys.stdout.write(json.dumps({**found, "failed_items": failed}, indent=2) + "\n")
        return
    _tell(found)
    for item in failed:
        _say(f"  {item['name'] or item['custom_id']}: {item['error']['code']}: {item['error']['detail']}")


@batches.command("pause")
def pause_batch(batch: BatchId, url: Url = None, key: Key = None) -> None:
    """Begin no further item of a batch."""
    _turn(batch, "pause", url, key)


@batches.command("resume")
def resume_batch(batch: BatchId, url: Url = None, key: Key = None) -> None:
    """Go on with a batch that was paused."""
    _turn(batch, "resume", url, key)


@batches.command("cancel")
def cancel_batch(batch: BatchId, url: Url = None, key: Key = None) -> None:
    """Do nothing further of a batch; what is done stays."""
    _turn(batch, "cancel", url, key)


@batches.command("results")
def batch_results(
    batch: BatchId,
    output: Annotated[Path, typer.Option("--output", "-o", help="a ZIP file")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Fetch the pictures of a batch and its manifest as a ZIP."""
    with connected(url, key) as client:
        size = _write_pieces(output, client.batch_results(batch))
    _say(f"{output}: {size:,} bytes")


def _turn(batch: str, turn: str, url: str | None, key: str | None) -> None:
    with connected(url, key) as client:
        _tell(client.turn_batch(batch, turn))


def _write_pieces(output: Path, pieces: Iterator[bytes]) -> int:
    unfinished = output.with_name(f".{output.name}.part")
    with unfinished.open("wb") as file:
        size = sum(file.write(piece) for piece in pieces)
    unfinished.replace(output)
    return size


def _tell(batch: dict[str, Any]) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in batch["counts"].items() if count)
    left = f", {_duration(batch['eta_seconds'])} left" if batch["eta_seconds"] else ""
    _say(f"{batch['id']}: {batch['status']}; {counts}{left}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)
