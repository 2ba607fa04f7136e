"""The `likeness` commands that measure and calibrate the galleries of a running system."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.client.commands import folders
from gateway.client.commands import output as printed
from gateway.client.commands.offline import offline
from gateway.client.commands.session import AsJson, GalleryName, Key, Session, Url, connected, galleries_like, online
from gateway.client.model_documents import FileProblem
from shared.errors import InvalidField

Photos = Annotated[Path | None, typer.Argument(help="a directory with a folder of photos per person")]
OptionalGallery = Annotated[
    str | None,
    typer.Option("--gallery", "-g", help="a gallery of the running system", autocompletion=galleries_like),
]


def register(app: typer.Typer) -> None:
    app.command()(calibrate)
    app.command(name="evaluate-gallery")(evaluate_gallery)


def calibrate(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    context: typer.Context,
    photos: Photos = None,
    target_fmr: Annotated[float | None, typer.Option(help="false match rate of 1:1, such as 1e-4")] = None,
    target_fpir: Annotated[float | None, typer.Option(help="false positive rate of 1:K search, such as 0.01")] = None,
    gallery: OptionalGallery = None,
    as_json: AsJson = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure the threshold that keeps a promised error rate, on photos or on a gallery's own people.

    With --gallery the gallery uses it from then on; without, it is printed, and no system is needed (`-o` of
    `python -m workers.tools calibrate` writes it to a file).
    """
    if (target_fmr is None) == (target_fpir is None):
        raise InvalidField("Name one of --target-fmr (1:1) and --target-fpir (1:K).")
    if gallery is None:
        if photos is None:
            raise InvalidField("Name a directory of photos, a --gallery, or both.")
        name, target = ("fmr", target_fmr) if target_fmr is not None else ("fpir", target_fpir)
        offline("calibrate", [str(photos), f"--target-{name}", str(target), *(["--json"] if as_json else [])])
    with connected(context, url, key) as client, _archive(photos) as archive:
        session = Session(client, as_json)
        job = client.measuring.calibrate(gallery, archive, target_fmr=target_fmr, target_fpir=target_fpir)
        result = session.follow(job).result
    _list_unusable(result["unusable"])
    found = result["calibration"]
    low, high = found["interval"]
    session.give(
        result,
        f"{found['policy']}: threshold {found['threshold']:.4f}, measured on {found['persons']:,} people: "
        f"{found['errors']:,} of {found['comparisons']:,} (95 % interval {low:.3g} to {high:.3g}). "
        f"The gallery {gallery} uses it from now on ({found['id']}).",
    )


@online
def evaluate_gallery(
    session: Session,
    gallery: GalleryName,
    photos: Photos = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="a directory for the report")] = Path("evaluation"),
    pairs: Annotated[Path | None, typer.Option(help="a file in the format of LFW's pairs.txt")] = None,
) -> None:
    """Measure a gallery's model on its own templates, or on photos, through the HTTP API."""
    with _archive(photos) as archive:
        job = session.follow(session.client.measuring.evaluate(gallery, archive, pairs=pairs))
    result = job.result
    output.mkdir(parents=True, exist_ok=True)
    for name, data in job.report().items():
        (output / name).write_bytes(data)
    _list_unusable(result["unusable"])
    session.give(result, f"{result['summary']}\nReport: {output}/report.png, {output}/report.md, {output}/report.json")


@contextmanager
def _archive(folder: Path | None) -> Iterator[Path | None]:
    if folder is None:
        yield None
        return
    with folders.packed(folder) as made:
        folders.tell(made.left_out)
        yield made.archive


def _list_unusable(problems: Sequence[FileProblem]) -> None:
    for problem in problems:
        printed.note(f"left out: {problem['file']}: {problem['reason']}")
