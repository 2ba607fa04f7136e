"""The `likeness` commands for people: enrol, persons, erasures."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from gateway.client.commands import batches, folders, output
from gateway.client.commands.each_photo import EachPhoto
from gateway.client.commands.faces import FaceNumber, Place
from gateway.client.commands.marking import where
from gateway.client.commands.session import GalleryOption, Session, online
from gateway.client.documents import Face
from gateway.client.options import EnrolmentOptions, PersonFields
from gateway.client.style_documents import Batch, SkippedFile
from shared.errors import InvalidField
from shared.images.formats import SUFFIXES

TAKEN = {"enrolled", "already_enrolled"}

Person = Annotated[str, typer.Argument(metavar="PERSON")]
Words = Annotated[list[str], typer.Argument(metavar="[PERSON] PHOTO... | FOLDER | ZIP | JSONL")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Moment = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="UTC")]

persons = typer.Typer(help="Who is in a gallery.", no_args_is_help=True)
erasures = typer.Typer(help="The log of who was erased, to be replayed after a restore.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(enrol)
    app.add_typer(persons, name="persons")
    app.add_typer(erasures, name="erasures")


@online
def enrol(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: GalleryOption,
    words: Words,
    device: Annotated[str | None, typer.Option(help="which camera the photos are from")] = None,
    label: Annotated[
        str | None, typer.Option(help="of one person: tells these faces from others, such as passport")
    ] = None,
    conflicts: Annotated[
        str | None, typer.Option(help="refuse: also where the gallery only flags a photo unlike the person's others")
    ] = None,
    override: Annotated[
        str | None, typer.Option(help="identity_conflict: store it all the same, of one person, by a key with `admin`")
    ] = None,
    face: FaceNumber = None,
    box: Place = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="of many people: do not wait until they are enrolled")
    ] = False,
) -> None:
    """Enrol a person from one photo or more, or many people at once.

    Many come as a folder with a folder of photos per person, named by their id; as a ZIP of such a folder; or as JSON
    lines. Exits with 3 when a photo is not taken, with 1 when something else is wrong: a file that cannot be read, or
    whose person its folders do not tell.

    For one person: likeness enrol --gallery staff ada ada.jpg

    For many: likeness enrol --gallery staff people/
    """
    if len(words) == 1:
        if label or override or face is not None or box:
            raise InvalidField(
                "--label, --override, --face and --box are for one person: name the person before the photos."
            )
        batch, left_out = _send_many(session, gallery, Path(words[0]), device=device, conflicts=conflicts)
        batches.report(session, batch if detach else batches.watch(session, batch), left_out)
        return
    person, *photos = words
    if Path(person).suffix.lower() in SUFFIXES and Path(person).is_file():
        raise InvalidField(f"{person} is a photo: name the person before it.")
    given = {"device": device, "label": label, "conflicts": conflicts, "override": override, "face": face, "box": box}
    options = cast("EnrolmentOptions", {name: value for name, value in given.items() if value not in {None, ""}})
    each, refused = EachPhoto(session), False
    for photo, job in each.ask(
        map(Path, photos), lambda photo: session.client.faces.enrol(gallery, person, photo, **options)
    ):
        result = job.result
        refused |= result["verdict"] not in TAKEN
        if not session.as_json:
            output.say(f"{photo.name}: {', '.join(filter(None, (result['verdict'], person, result['reason'])))}")
            for number, seen in enumerate(result.get("faces") or ()):
                output.say(f"  --face {number}: {where(seen['box'])}, quality {seen['quality']['score']:.2f}")
            for warning in result["warnings"]:
                whom = f" ({warning['person']})" if warning.get("person") else ""
                output.say(f"  {warning['code']}{whom}: {warning['detail']}")
    if session.as_json:
        output.write_json(each.documents)
    each.end(no=refused)


def _send_many(
    session: Session, gallery: str, source: Path, *, device: str | None, conflicts: str | None
) -> tuple[Batch, Sequence[SkippedFile]]:
    """The batch, and the files of a folder that were not sent."""
    enrol_many = partial(session.client.batches.enrol, device=device, conflicts=conflicts)
    if source.is_dir():
        with folders.packed(source) as made:
            return enrol_many(gallery, archive=made.archive), made.left_out
    match source.suffix.lower():
        case ".zip":
            return enrol_many(gallery, archive=source), []
        case ".jsonl" | ".ndjson":
            return enrol_many(gallery, manifest=source), []
        case _:
            absent = "" if source.exists() else f"There is no {source}. "
            raise InvalidField(
                f"{absent}Name a person and his photos, or a folder, a ZIP or a JSON lines file of many people."
            )


@persons.command("list")
@online
def list_persons(
    session: Session,
    gallery: GalleryOption,
    words: Annotated[str | None, typer.Option("--query", "-q", help="only those with this in their id or name")] = None,
    tag: Annotated[str | None, typer.Option(help="only those with this tag")] = None,
    group: Annotated[str | None, typer.Option(help="only those of this group")] = None,
    external_id: Annotated[str | None, typer.Option(help="only the one with this id of yours")] = None,
    faces: Annotated[str | None, typer.Option(help="none | some: only those without a face, or with one")] = None,
) -> None:
    """List the people of a gallery, in the order of their ids."""
    given = {"q": words, "tag": tag, "group": group, "external_id": external_id, "faces": faces}
    found = session.client.persons.list(gallery, **{name: value for name, value in given.items() if value})
    columns: dict[str, output.Column] = {
        "person": "id",
        "name": "name",
        "faces": "face_count",
        "external id": "external_id",
        "groups": "groups",
        "tags": "tags",
        "expires": output.moment("expires_at"),
    }
    session.table(found, columns)


@persons.command("show")
@online
def show_person(session: Session, gallery: GalleryOption, person: Person) -> None:
    """Show what is known about a person; never his templates."""
    found: dict[str, Any] = {**session.client.persons.get(gallery, person)}
    if not session.as_json:
        found["faces"] = [_face(face) for face in found["faces"]]
    session.fields(found)


@persons.command("forget")
@online
def forget_face(
    session: Session,
    gallery: GalleryOption,
    person: Person,
    face: Annotated[str, typer.Argument(metavar="FACE", help="its id, as `likeness persons show` has it")],
    undo: Annotated[
        bool, typer.Option("--undo", help="take the enrolment back: a person whom it made goes as well")
    ] = False,
) -> None:
    """Forget one face of a person."""
    session.client.faces.delete(gallery, person, face, undo=undo)
    session.give({"deleted": face}, f"The face {face} of {person} is gone.")


@persons.command("set")
@online
def set_person(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: GalleryOption,
    person: Person,
    name: Annotated[str | None, typer.Option(help="how people call him")] = None,
    external_id: Annotated[str | None, typer.Option(help="his id in your own system")] = None,
    tags: Annotated[str | None, typer.Option(help="such as visitor,press")] = None,
    groups: Annotated[str | None, typer.Option(help="whose rules hold for him, such as staff,night-shift")] = None,
    attributes: Annotated[list[str] | None, typer.Option("--attribute", help="NAME=VALUE; repeat it")] = None,
    valid_from: Moment = None,
    valid_until: Moment = None,
    expires_at: Moment = None,
    consent: Annotated[str | None, typer.Option(help="where his consent is on record")] = None,
    clear: Annotated[list[str] | None, typer.Option(help="remove this field; repeat it")] = None,
) -> None:
    """Make a person, or change what is known about him; what is not named stays.

    Example: likeness persons set --gallery staff ada --name "Ada Lovelace" --groups staff --expires-at 2027-12-31
    """
    given: dict[str, Any] = {
        "name": name,
        "external_id": external_id,
        "tags": _words(tags),
        "groups": _words(groups),
        "attributes": dict(_pair(one) for one in attributes) if attributes else None,
        "valid_from": _time(valid_from),
        "valid_until": _time(valid_until),
        "expires_at": _time(expires_at),
        "consent": {"reference": consent} if consent else None,
    }
    unknown = set(clear or ()) - set(given)
    if unknown:
        raise InvalidField(f"--clear takes {', '.join(given)}.")
    said = {field: value for field, value in given.items() if value is not None} | dict.fromkeys(clear or ())
    fields: PersonFields = said  # type: ignore[assignment] # the names are those
    session.fields(session.client.persons.put(gallery, person, **fields))


@persons.command("erase")
@online
def erase_person(session: Session, gallery: GalleryOption, person: Person, yes: Yes = False) -> None:
    """Erase a person with all that is kept of him, for good; says what it was."""
    confirm(f"Erase {person} from {gallery} for good?", yes=yes)
    erased = session.client.persons.erase(gallery, person)
    session.fields(erased)


@persons.command("unlock")
@online
def unlock_person(session: Session, gallery: GalleryOption, person: Person) -> None:
    """Lift the lock of a person whose verifications failed too often; what failed stays in the audit."""
    session.client.persons.unlock(gallery, person)
    session.give({"person": person, "locked": False}, f"{person} can be verified again.")


@persons.command("merge")
@online
def merge_persons(
    session: Session,
    gallery: GalleryOption,
    person: Person,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="who is the same; gone afterwards")],
    yes: Yes = False,
) -> None:
    """Give the faces of OTHER to PERSON, because they are one."""
    confirm(f"Give the faces of {other} to {person}, and erase {other}?", yes=yes)
    merged = session.client.persons.merge(gallery, person, other)
    warnings = "".join(f"\n  {warning['code']}: {warning['detail']}" for warning in merged["warnings"])
    session.give(merged, f"{person} has {len(merged['faces'])} faces; {other} is gone.{warnings}")


@erasures.command("export")
@online
def export_erasures(session: Session, output_file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Write the log of erasures to a file, to be kept beside the backups."""
    size = session.client.persons.export_erasures(output_file)
    session.give({"file": str(output_file), "bytes": size}, f"{output_file}: {size:,} bytes")


@erasures.command("replay")
@online
def replay_erasures(
    session: Session, log: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False)]
) -> None:
    """After a restore: erase again whom the log names."""
    session.fields(session.client.persons.replay_erasures(log))


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person; a script says --yes."""
    if yes:
        return
    if not output.notes.is_terminal:
        raise InvalidField(f"{question} Say --yes where nobody can be asked.")
    typer.confirm(question, abort=True, err=True)


def _face(face: Face) -> str:
    """One of a person's faces, in a line."""
    said = (face["label"], face["source"], face["created_at"][:10], f"quality {face['quality']:.2f}")
    return f"{face['id']} ({', '.join(filter(None, said))})"


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _pair(text: str) -> tuple[str, str | int | float | bool]:
    """A number, true and false are what they look like; everything else is text."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise InvalidField(f"--attribute takes NAME=VALUE, not {text!r}.")
    try:
        read = json.loads(value)
    except ValueError:
        read = value
    is_number = isinstance(read, int) or (isinstance(read, float) and math.isfinite(read))
    return name, read if is_number else value


def _time(value: datetime | None) -> str | None:
    return None if value is None else f"{value.isoformat()}Z"
