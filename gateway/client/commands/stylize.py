"""`likeness stylize`: photos painted into a folder, one with its progress, many as batches."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway.client import ApiError, Job, JobFailed
from gateway.client.commands import folders
from gateway.client.commands import output as printed
from gateway.client.commands.exits import Exit
from gateway.client.commands.painting import Failure, Painter, Standing
from gateway.client.commands.photos import FoundPhotos, Photo, find_photos
from gateway.client.commands.session import Session, online
from gateway.client.style_documents import Stylization
from shared.errors import InvalidField
from shared.images.formats import SUFFIXES


def register(app: typer.Typer) -> None:
    app.command()(stylize)


@online
def stylize(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
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
) -> None:
    """Paint photos in the style of a painting. Run it again to go on where it stopped.

    Many photos are painted as batches, which go on by themselves; pictures are written as they are done. Photos that
    have a picture in the folder already are passed over. Exits with 1 when a photo could not be painted; files of a
    folder that are no pictures are named.

    Example: likeness stylize holiday/ --style great-wave -o painted
    """
    given = {"mode": mode, "preset": preset, "steps": steps, "size": size, "strength": strength, "colours": colours,
             "seed": seed, "format": image_format}  # fmt: skip
    options = {name: str(value) for name, value in given.items() if value is not None}
    chosen = _chosen(style)
    named = find_photos(photos, image_format, output)
    painter = Painter(session.client, output, chosen, options)
    found = painter.settled(named.photos)
    failures = _paint_one(session, found[0], painter) if len(found) == 1 else _paint_many(session, found, painter)
    _report(session, replace(named, photos=found), failures, output)


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


def _paint_one(session: Session, photo: Photo, painter: Painter) -> list[Failure]:
    if painter.has(photo):
        return []
    try:
        job = _followed(session, painter.start(photo))
        if job.result:  # which says why when there is none
            painter.write(photo, job.image())
    except (ApiError, JobFailed) as error:
        return [Failure(str(photo.file), error.code, error.detail)]
    return []


def _followed(session: Session, job: Job[Stylization]) -> Job[Stylization]:
    """The finished job; Ctrl-C ends it."""
    try:
        return session.follow(job)
    except KeyboardInterrupt:
        job.cancel()
        printed.note("Cancelled.")
        raise typer.Exit(Exit.INTERRUPTED) from None


def _paint_many(session: Session, photos: list[Photo], painter: Painter) -> list[Failure]:
    sent = 0
    try:
        with printed.bar("sending", len(photos), quiet=session.as_json) as update:

            def on_sent(count: int) -> None:
                nonlocal sent
                sent += count
                update(completed=sent)

            painter.begin(photos, on_sent=on_sent)
            for standing in painter.follow():
                update(**_shown(standing))
    except KeyboardInterrupt:
        _leave(session, painter)
    return painter.failures(photos)


def _shown(standing: Standing) -> dict[str, object]:
    failed = f"{standing.failed:,} failed" if standing.failed else ""
    left = f"{printed.duration(standing.eta_seconds)} left" if standing.eta_seconds else ""
    return {
        "description": "painting",
        "completed": standing.done + standing.failed,
        "total": standing.total,
        "note": ", ".join(filter(None, (failed, left))),
    }


def _leave(session: Session, painter: Painter) -> NoReturn:
    """Batches go on without us: say how to come back to them, and how to end them."""
    tell = printed.note if session.as_json else printed.say
    if painter.running:
        tell("The work goes on without this command. Run it again to collect the pictures, or end it:")
    for batch in painter.running:
        tell(f"  likeness batches cancel {batch}")
    raise typer.Exit(Exit.INTERRUPTED)


def _report(session: Session, found: FoundPhotos, failures: list[Failure], output: Path) -> None:
    """Say what was painted, and what was not; exits with 1 where something that looks like a picture was not."""
    made = [photo.output for photo in found.photos if (output / photo.output).is_file()]
    skipped = folders.skipped(found.left_out)
    if session.as_json:
        failed = [asdict(failure) for failure in failures]
        printed.write_json({"output": str(output), "pictures": made, "failures": failed, "skipped": skipped})
    else:
        for failure in failures:
            printed.say(f"{failure.photo}: {failure.code}: {failure.detail}")
        folders.tell(skipped)
        printed.say(f"{len(made):,} of {len(found.photos):,} photos are painted: {output}")
    if len(made) < len(found.photos) or folders.lost_pictures(skipped):
        raise typer.Exit(Exit.ERROR)
