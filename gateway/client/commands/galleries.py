"""The `likeness galleries` commands: sets of people, their rules, their backup."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.client.commands import output
from gateway.client.commands.people import Yes, confirm
from gateway.client.commands.session import GalleryName, Session, online
from gateway.client.options import GalleryRules
from shared.errors import InvalidField

Lookalikes = Annotated[str | None, typer.Option(help="flag | refuse an enrolment that resembles somebody else")]
Conflicts = Annotated[
    str | None, typer.Option(help="refuse | flag an enrolment that does not look like the person's other faces")
]
Thumbnails = Annotated[
    bool | None, typer.Option("--thumbnails/--no-thumbnails", help="keep a small picture of each enrolled face")
]
Templates = Annotated[int | None, typer.Option("--templates-per-person", help="most faces kept of a person")]
Liveness = Annotated[str | None, typer.Option(help="none | report | passive | active, of every request")]
Access = Annotated[
    str | None, typer.Option(help="who may pass, where and when: JSON, or @FILE that holds it (docs/api.md)")
]

galleries = typer.Typer(help="Sets of people that photos are compared with.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(galleries, name="galleries")


@galleries.command("list")
@online
def list_galleries(session: Session) -> None:
    """List the galleries."""
    columns: dict[str, output.Column] = {
        "gallery": "id",
        "model": lambda gallery: gallery["model"]["name"],
        "lookalikes": "lookalikes",
        "conflicts": "conflicts",
        "liveness": "liveness",
        "calibrated": "calibrated",
        "created": output.moment("created_at"),
    }
    session.table(session.client.galleries.list(), columns)


@galleries.command("create")
@online
def create_gallery(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: Annotated[str, typer.Argument(metavar="GALLERY")],
    model: Annotated[str | None, typer.Option(help="name or digest of a face model (likeness models list)")] = None,
    lookalikes: Lookalikes = None,
    conflicts: Conflicts = None,
    templates: Templates = None,
    liveness: Liveness = None,
    thumbnails: Thumbnails = None,
    access: Access = None,
) -> None:
    """Make a gallery.

    Example: likeness galleries create staff --lookalikes refuse
    """
    rules = _rules(lookalikes, conflicts, templates, liveness, thumbnails=thumbnails, access=access)
    made = session.client.galleries.create(gallery, **rules, **({"model": model} if model else {}))
    session.give(made, f"{made['id']}: made with the model {made['model']['name']}.")


@galleries.command("show")
@online
def show_gallery(session: Session, gallery: GalleryName) -> None:
    """Show a gallery and its rules."""
    session.fields(session.client.galleries.get(gallery))


@galleries.command("set")
@online
def set_gallery(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: GalleryName,
    lookalikes: Lookalikes = None,
    conflicts: Conflicts = None,
    templates: Templates = None,
    liveness: Liveness = None,
    thumbnails: Thumbnails = None,
    access: Access = None,
) -> None:
    """Change the rules of a gallery; what is not named stays.

    Example: likeness galleries set staff --access '{"groups": ["staff"], "timezone": "Europe/Vienna"}'
    """
    rules = _rules(lookalikes, conflicts, templates, liveness, thumbnails=thumbnails, access=access)
    session.fields(session.client.galleries.change(gallery, **rules))


@galleries.command("delete")
@online
def delete_gallery(session: Session, gallery: GalleryName, yes: Yes = False) -> None:
    """Delete a gallery with everybody in it, for good."""
    confirm(f"Delete {gallery} with everybody in it for good?", yes=yes)
    session.client.galleries.delete(gallery)
    session.give({"deleted": gallery}, f"{gallery} is deleted.")


@galleries.command("export")
@online
def export_gallery(
    session: Session, gallery: GalleryName, target: Annotated[Path, typer.Argument(metavar="FILE")]
) -> None:
    """Write a gallery's people and templates to a file: biometric data, keep it as such."""
    size = session.client.galleries.export(gallery, target)
    session.give({"file": str(target), "bytes": size}, f"{target}: {size:,} bytes")


@galleries.command("import")
@online
def import_gallery(
    session: Session,
    gallery: GalleryName,
    archive: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)],
    on_conflict: Annotated[str, typer.Option(help="people who are there already: skip | replace")] = "skip",
) -> None:
    """Take in what `likeness galleries export` wrote, of a gallery with the same model."""
    job = session.follow(session.client.galleries.import_(gallery, archive, on_conflict=on_conflict))
    session.fields(job.result)


def _rules(
    lookalikes: str | None,
    conflicts: str | None,
    templates: int | None,
    liveness: str | None,
    *,
    thumbnails: bool | None,
    access: str | None,
) -> GalleryRules:
    given: dict[str, Any] = {
        "lookalikes": lookalikes,
        "conflicts": conflicts,
        "templates_per_person": templates,
        "liveness": liveness,
        "thumbnails": thumbnails,
        "access": _json(access) if access else None,
    }
    said = {name: value for name, value in given.items() if value is not None}
    rules: GalleryRules = said  # type: ignore[assignment] # the names are those
    return rules


def _json(text: str) -> Any:
    """What JSON text, or the file that it names, says."""
    try:
        read = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
        json.dumps(read, allow_nan=False)  # NaN is none, whatever Python takes
        return read
    except ValueError as error:
        raise InvalidField(f"--access is no JSON: {error}.") from None
