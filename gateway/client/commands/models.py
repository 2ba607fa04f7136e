"""The `likeness` commands for face models: list, register, and move a gallery to another."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from gateway.client import Conflict, InvalidRequest, JobFailed, JobNotFinished, NotFound
from gateway.client.commands import folders, output
from gateway.client.commands.exits import Exit
from gateway.client.commands.folders import PersonPhoto
from gateway.client.commands.people import TAKEN
from gateway.client.commands.session import GalleryName, Session, online
from gateway.client.model_documents import Migration

MigrationId = Annotated[str, typer.Argument(metavar="MIGRATION")]

migration = typer.Typer(help="Move a gallery to another face model while it is in use.", no_args_is_help=True)
models = typer.Typer(help="The face models galleries can use.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(models, name="models")
    app.add_typer(migration, name="migration")


@models.command("list")
@online
def list_models(session: Session) -> None:
    """List the face models; say which checks of liveness the system can make."""
    columns: dict[str, output.Column] = {
        "name": "name",
        "digest": "digest",
        "numbers": "dimensions",
        "description": "description",
    }
    session.table(session.client.models.list(), columns)
    if session.as_json:
        return
    told = session.client.models.liveness()
    for name, check in (("passive", told["passive"]), ("active", told["active"])):
        output.note(f"liveness {name}: {check.get('reason', 'available')}")


@models.command("register")
@online
def register_model(
    session: Session, folder: Annotated[Path, typer.Argument(help="what `likeness train -o` wrote")]
) -> None:
    """Register a trained model with the running system."""
    job = session.client.models.register(folder / "manifest.json", folder / "model.safetensors")
    made = job.result["model"]
    session.give(job.result, f"Registered {made['name']} ({made['digest']}). Galleries can use it, or migrate to it.")


@migration.command("start")
@online
def start_migration(
    session: Session,
    gallery: GalleryName,
    model: Annotated[str, typer.Option(help="name or digest of the model to move to")],
) -> None:
    """Begin: from now on faces are enrolled for both models."""
    _show(session, session.client.migrations.start(gallery, model))


@migration.command("photos")
@online
def supply_photos(
    session: Session,
    gallery: GalleryName,
    migration_id: MigrationId,
    photos: Annotated[Path, typer.Argument(help="a directory with a folder of photos per person, named by their id")],
) -> None:
    """Supply the people's photos again, to be embedded with the new model. Exits with 1 when one is not taken."""
    found, left_out = folders.people_in(photos)
    hidden = session.as_json or not output.notes.is_terminal
    bar = track(found, description="embedding", console=output.notes, disable=hidden)
    refused = [(photo, reason) for photo in bar if (reason := _refusal(session, gallery, migration_id, photo))]
    _show(session, session.client.migrations.get(gallery, migration_id))
    for photo, reason in refused:
        output.note(f"left out: {photo.name}: {reason}")
    folders.tell(left_out)
    if refused or folders.lost_pictures(left_out):
        raise typer.Exit(Exit.ERROR)


@migration.command("status")
@online
def migration_status(session: Session, gallery: GalleryName, migration_id: MigrationId) -> None:
    """Show how far it is, and who still needs a photo."""
    _show(session, session.client.migrations.get(gallery, migration_id))


@migration.command("cut-over")
@online
def cut_over(
    session: Session,
    gallery: GalleryName,
    migration_id: MigrationId,
    leave_behind: Annotated[
        bool, typer.Option("--leave-behind", help="although some people will not be found any more")
    ] = False,
) -> None:
    """Search with the new model from now on."""
    _show(session, session.client.migrations.cut_over(gallery, migration_id, leave_behind=leave_behind))


@migration.command("roll-back")
@online
def roll_back(session: Session, gallery: GalleryName, migration_id: MigrationId) -> None:
    """Search with the former model again."""
    _show(session, session.client.migrations.roll_back(gallery, migration_id))


@migration.command("complete")
@online
def complete(session: Session, gallery: GalleryName, migration_id: MigrationId) -> None:
    """End it after the cut-over: the former model's templates are deleted."""
    session.client.migrations.complete(gallery, migration_id)
    session.give({"completed": migration_id}, "Completed.")


@migration.command("abandon")
@online
def abandon(session: Session, gallery: GalleryName, migration_id: MigrationId) -> None:
    """Give it up before the cut-over: the new model's templates are deleted."""
    session.client.migrations.abandon(gallery, migration_id)
    session.give({"abandoned": migration_id}, "Abandoned.")


def _refusal(session: Session, gallery: str, migration_id: str, photo: PersonPhoto) -> str | None:
    """Why the photo was not taken, None when it was."""
    try:
        result = session.client.migrations.reembed(gallery, migration_id, photo.person, photo.path).result
    except (
        Conflict,
        InvalidRequest,
        JobFailed,
        JobNotFinished,
        NotFound,
        OSError,
    ) as error:  # others are of all photos
        return str(error)
    return None if result["verdict"] in TAKEN else f"{result['verdict']}: {result['reason']}"


def _show(session: Session, found: Migration) -> None:
    missing = f"\nStill to come: {', '.join(found['missing'])}" if found["missing"] else ""
    session.give(
        found,
        f"{found['id']}: {found['source']['name']} to {found['target']['name']}, {found['state']}; "
        f"{found['migrated']:,} of {found['persons']:,} people have a template of the new model.{missing}",
    )
