"""The `likeness styles` commands: what pictures can be stylised after."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.client.commands import output as printed
from gateway.client.commands.session import Session, online
from gateway.client.style_documents import Style
from shared.images.formats import ACCEPTED

StyleId = Annotated[str, typer.Argument(metavar="STYLE", help="id of a style")]

styles = typer.Typer(help="The library of styles: what comes with Likeness, and your own.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(styles, name="styles")


@styles.command("list")
@online
def list_styles(
    session: Session,
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="in id, title or artist")] = None,
) -> None:
    """List the styles; those with an asterisk are your own."""
    found = session.client.styles.list(" ".join(words or ()))
    if session.as_json:
        printed.write_json(list(found))
        return
    for style in found:
        printed.say(f"{' ' if style['shared'] else '*'} {style['id']}  {_credits(style)}")


@styles.command("add")
@online
def add_style(
    session: Session,
    style: StyleId,
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help=f"{ACCEPTED}, at least 64 px a side")],
    title: Annotated[str | None, typer.Option(help="default: its id")] = None,
    artist: Annotated[str | None, typer.Option(help="whose work it is")] = None,
    year: Annotated[str | None, typer.Option(help="such as 1890, or c. 1830")] = None,
    licence: Annotated[str | None, typer.Option(help="on which terms you may use it")] = None,
) -> None:
    """Add a picture as a style of your own, or replace one."""
    given = {"title": title, "artist": artist, "year": year, "licence": licence}
    about = {name: text for name, text in given.items() if text is not None}
    made = session.client.styles.put(style, picture, **about)
    session.give(made, f"{made['id']}: {made['width']} x {made['height']} px. {_credits(made)}")


@styles.command("show")
@online
def show_style(
    session: Session,
    style: StyleId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write its picture to this file")] = None,
    thumbnail: Annotated[bool, typer.Option("--thumbnail", help="write the small one; a look has no other")] = False,
) -> None:
    """Show what is known about a style; with --output, fetch its picture."""
    found = session.client.styles.get(style)
    if output:
        output.write_bytes(session.client.styles.image(style, thumbnail=thumbnail))
    session.fields(found)


@styles.command("delete")
@online
def delete_style(session: Session, style: StyleId) -> None:
    """Delete a style of your own with its picture."""
    session.client.styles.delete(style)
    session.give({"deleted": style}, f"{style} is deleted.")


def _credits(style: Style) -> str:
    """Title, artist, year and terms in a line."""
    parts = (style["title"], style["artist"], style["year"], f"licence: {style['licence']}")
    return ", ".join(part for part in parts if part)
