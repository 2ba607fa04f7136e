"""The `likeness audit` commands: who did what, and whether the log of it is whole."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.client.commands import output
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import Session, online
from gateway.client.options import AuditFilter

Since = Annotated[str | None, typer.Option(help="such as 2026-11-22T08:00:00Z, or a day alone (UTC)")]
Until = Annotated[str | None, typer.Option(help="before this time")]
InGallery = Annotated[str | None, typer.Option("--gallery", "-g", help="only of this gallery")]
OfPerson = Annotated[str | None, typer.Option("--person", help="only of this person: his pseudonym (uid)")]
AtDevice = Annotated[str | None, typer.Option("--device", help="only at this door or camera")]
Action = Annotated[str | None, typer.Option(help="only this, such as verification or person.erased")]

audit = typer.Typer(help="Who did what, and whether the log of it is whole.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(audit, name="audit")


@audit.command("list")
@online
def list_entries(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    since: Since = None,
    until: Until = None,
    gallery: InGallery = None,
    person: OfPerson = None,
    device: AtDevice = None,
    action: Action = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="most entries to list")] = 100,
) -> None:
    """List the entries of the audit log."""
    query = _query(since=since, until=until, gallery=gallery, person=person, device=device, action=action)
    found = zip(session.client.audit.list(**query), range(most), strict=False)
    columns: dict[str, output.Column] = {
        "#": "sequence",
        "at": lambda entry: entry["at"][:19].replace("T", " "),
        "action": "action",
        "actor": "actor",
        "gallery": "gallery",
        "person": "person",
        "device": "device",
        "outcome": lambda entry: ", ".join(filter(None, (entry["outcome"], entry["decision"], entry["reason"]))),
    }
    session.table([entry for entry, _ in found], columns)


@audit.command("export")
@online
def export_entries(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    target: Annotated[Path, typer.Argument(metavar="FILE.csv")],
    since: Since = None,
    until: Until = None,
    gallery: InGallery = None,
    person: OfPerson = None,
    device: AtDevice = None,
    action: Action = None,
) -> None:
    """Write the entries of the audit log to a CSV file."""
    query = _query(since=since, until=until, gallery=gallery, person=person, device=device, action=action)
    size = session.client.audit.export(target, **query)
    session.give({"file": str(target), "bytes": size}, f"{target}: {size:,} bytes")


@audit.command("verify")
@online
def verify_log(
    session: Session,
    head: Annotated[
        str | None, typer.Option(help="the hash that an earlier verification told; still in the log?")
    ] = None,
) -> None:
    """Find tampering: is every entry as it was written, in its place? Exits with 1 when one is not.

    Keep the head that it tells somewhere else: who could write the whole log anew could not change that.
    """
    found = session.client.audit.verify(head)
    state = "whole" if found["valid"] else "TAMPERED WITH"
    problems = "".join(f"\n  entry {one['sequence']}: {one['problem']}" for one in found["problems"])
    session.give(found, f"{state}: {found['entries']:,} entries, head {found['head']}{problems}")
    if not found["valid"]:
        raise typer.Exit(Exit.ERROR)


def _query(**given: str | None) -> AuditFilter:
    for name in ("since", "until"):
        if (day := given[name]) and len(day) == len("2026-11-22"):
            given[name] = f"{day}T00:00:00Z"
    query: AuditFilter = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment] # the names are those
    return query
