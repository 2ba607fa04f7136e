"""The `likeness` commands that measure, calibrate, train and exchange face models.

What works on a folder of this machine runs in `python -m workers.tools`, which has the models; what concerns a
gallery goes through the HTTP API.
"""

import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from gateway.client.api import ApiError, Client
from gateway.client.connection import Key, Url, connected, succeeded
from shared.errors import InvalidField

console = Console()
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

OptionalGallery = Annotated[str | None, typer.Option("--gallery", "-g", help="a gallery of the running system")]
GalleryName = Annotated[str, typer.Argument(metavar="GALLERY")]
MigrationId = Annotated[str, typer.Argument(metavar="MIGRATION")]
Photos = Annotated[Path | None, typer.Argument(help="a directory with a folder of photos per person")]

migration = typer.Typer(help="Move a gallery to another face model while it is in use.", no_args_is_help=True)
models = typer.Typer(help="The face models galleries can use.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command(context_settings=PASS_ON)(evaluate)
    app.command()(calibrate)
    app.command(context_settings=PASS_ON)(train)
    app.command(name="evaluate-liveness", context_settings=PASS_ON)(evaluate_liveness)
    app.command(name="evaluate-gallery")(evaluate_gallery)
    app.add_typer(models, name="models")
    app.add_typer(migration, name="migration")


# --- on folders of this machine ---


def evaluate(context: typer.Context) -> None:
    """Measure a face model on a folder of people: 1:1 and 1:K, with intervals, curves and the worst errors."""
    offline("evaluate", context.args)


def train(context: typer.Context) -> None:
    """Fine-tune a face model on a folder of people."""
    offline("train", context.args)


def evaluate_liveness(context: typer.Context) -> None:
    """Measure passive liveness on folders of real faces and of attacks: APCER per species, BPCER."""
    offline("evaluate-liveness", context.args)


def offline(command: str, arguments: Iterable[str]) -> NoReturn:
    """Become the command that has the models."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "workers.tools", command, *arguments])  # noqa: S606 - no shell is meant


# --- on galleries of a running system ---


def calibrate(
    photos: Photos = None,
    target_fmr: Annotated[float | None, typer.Option(help="false match rate of 1:1, such as 1e-4")] = None,
    target_fpir: Annotated[float | None, typer.Option(help="false positive rate of 1:K search, such as 0.01")] = None,
    gallery: OptionalGallery = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure the threshold that keeps a promised error rate, on photos or on a gallery's own people.

    With --gallery the gallery uses it from then on; without, it is printed (`-o` of `python -m workers.tools
    calibrate` writes it to a file).
    """
    if (target_fmr is None) == (target_fpir is None):
        raise InvalidField("Name one of --target-fmr (1:1) and --target-fpir (1:K).")
    name, target = ("fmr", target_fmr) if target_fmr is not None else ("fpir", target_fpir or 0.0)
    if gallery is None:
        if photos is None:
            raise InvalidField("Name a directory of photos, a --gallery, or both.")
        offline("calibrate", [str(photos), f"--target-{name}", str(target)])
    with connected(url, key) as client, _archive(photos) as archive:
        done = _follow(client, client.calibrate(gallery, archive, **{f"target_{name}": target}))
    _list_unusable(done["result"]["unusable"])
    found = done["result"]["calibration"]
    low, high = found["interval"]
    console.print(
        f"{found['policy']}: threshold {found['threshold']:.4f}, measured on {found['persons']:,} people: "
        f"{found['errors']:,} of {found['comparisons']:,} (95 % interval {low:.3g} to {high:.3g}). "
        f"The gallery {gallery} uses it from now on ({found['id']}).",
        highlight=False,
    )


def evaluate_gallery(
    gallery: GalleryName,
    photos: Photos = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="a directory for the report")] = Path("evaluation"),
    pairs: Annotated[Path | None, typer.Option(help="a file in the format of LFW's pairs.txt")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Measure a gallery's model on its own templates, or on photos, through the HTTP API."""
    with connected(url, key) as client, _archive(photos) as archive:
        done = _follow(client, client.evaluate(gallery, archive, pairs=pairs))
        output.mkdir(parents=True, exist_ok=True)
        for name, data in client.report(done).items():
            (output / name).write_bytes(data)
    _list_unusable(done["result"]["unusable"])
    console.print(done["result"]["summary"], highlight=False)
    console.print(f"Report: {output}/report.png, report.md, report.json", highlight=False)


@models.command("list")
def list_models(url: Url = None, key: Key = None) -> None:
    """List the face models."""
    table = Table("name", "digest", "numbers", "description")
    with connected(url, key) as client:
        for model in client.models():
            table.add_row(model["name"], model["digest"], str(model["dimensions"]), model["description"])
    console.print(table)


@models.command("register")
def register_model(
    folder: Annotated[Path, typer.Argument(help="what `likeness train -o` wrote")], url: Url = None, key: Key = None
) -> None:
    """Register a trained model with the running system."""
    with connected(url, key) as client:
        made = succeeded(client.register_model(folder))["result"]["model"]
    console.print(f"Registered {made['name']} ({made['digest']}). Galleries can use it, or migrate to it.")


@migration.command("start")
def start_migration(
    gallery: GalleryName,
    model: Annotated[str, typer.Option(help="name or digest of the model to move to")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Begin: from now on faces are enrolled for both models."""
    with connected(url, key) as client:
        _show_migration(client.start_migration(gallery, model))


@migration.command("photos")
def supply_photos(
    gallery: GalleryName,
    migration_id: MigrationId,
    photos: Annotated[Path, typer.Argument(help="a directory with a folder of photos per person, named by his id")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Supply the people's photos again, to be embedded with the new model."""
    found = _photos_of(photos)
    with connected(url, key) as client:
        bar = track(found, description="embedding", console=console)
        refused = [(path, reason) for path in bar if (reason := _reembedded(client, gallery, migration_id, path))]
        _show_migration(client.migration(gallery, migration_id))
    for path, reason in refused:
        console.print(f"left out: {path.parent.name}/{path.name}: {reason}", markup=False, highlight=False)


@migration.command("status")
def migration_status(gallery: GalleryName, migration_id: MigrationId, url: Url = None, key: Key = None) -> None:
    """Show how far it is, and who still needs a photo."""
    with connected(url, key) as client:
        _show_migration(client.migration(gallery, migration_id))


@migration.command("cut-over")
def cut_over(
    gallery: GalleryName,
    migration_id: MigrationId,
    leave_behind: Annotated[bool, typer.Option(help="although some people will not be found any more")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Search with the new model from now on."""
    with connected(url, key) as client:
        _show_migration(client.cut_over(gallery, migration_id, leave_behind=leave_behind))


@migration.command("roll-back")
def roll_back(gallery: GalleryName, migration_id: MigrationId, url: Url = None, key: Key = None) -> None:
    """Search with the former model again."""
    with connected(url, key) as client:
        _show_migration(client.roll_back(gallery, migration_id))


@migration.command("complete")
def complete(gallery: GalleryName, migration_id: MigrationId, url: Url = None, key: Key = None) -> None:
    """End it after the cut-over: the former model's templates are deleted."""
    with connected(url, key) as client:
        client.complete_migration(gallery, migration_id)
    console.print("Completed.")


@migration.command("abandon")
def abandon(gallery: GalleryName, migration_id: MigrationId, url: Url = None, key: Key = None) -> None:
    """Give it up before the cut-over: the new model's templates are deleted."""
    with connected(url, key) as client:
        client.abandon_migration(gallery, migration_id)
    console.print("Abandoned.")


@contextmanager
def _archive(folder: Path | None) -> Iterator[Path | None]:
    """The folder of people as a ZIP file, gone afterwards."""
    if folder is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="likeness-") as scratch:
        path = Path(scratch) / "photos.zip"
        # photos are compressed already; a camera's clock may stand at 1970, which a ZIP cannot say
        with zipfile.ZipFile(path, "w", strict_timestamps=False) as archive:
            for file in _photos_of(folder):
                name = str(file.relative_to(folder)).encode(errors="backslashreplace").decode()
                archive.write(file, name)
        yield path


def _photos_of(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not found:
        raise InvalidField(f"{folder} holds no photos: it needs a folder of JPEG, PNG or WebP files per person.")
    return found


def _follow(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    """The finished job, with a progress bar until then."""
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task("queued", total=None)
        for state in client.progress(job["id"]):
            job = state
            if found := job["progress"]:
                bars.update(task, description=found["stage"], completed=found["done"], total=found["total"])
    return succeeded(job)


def _reembedded(client: Client, gallery: str, migration_id: str, photo: Path) -> str | None:
    """Why the photo was not taken, None when it was."""
    try:
        result = succeeded(client.reembed(gallery, migration_id, photo.parent.name, photo))["result"]
    except ApiError as error:
        return str(error)
    return None if result["verdict"] == "enrolled" else f"{result['verdict']}: {result['reason']}"


def _show_migration(found: dict[str, Any]) -> None:
    console.print(
        f"{found['id']}: {found['source']['name']} to {found['target']['name']}, {found['state']}; "
        f"{found['migrated']:,} of {found['persons']:,} people have a template of the new model.",
        highlight=False,
    )
    if found["missing"]:
        console.print(f"Still to come: {', '.join(found['missing'])}", markup=False, highlight=False)


def _list_unusable(problems: list[dict[str, str]]) -> None:
    for problem in problems:
        console.print(f"left out: {problem['file']}: {problem['reason']}", markup=False, highlight=False)
