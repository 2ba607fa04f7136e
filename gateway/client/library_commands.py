"""The `likeness styles` commands: what pictures can be stylised after."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.client.connection import Key, Url, connected

console = Console(markup=False, emoji=False, highlight=False)  # titles are words of others

StyleId = Annotated[str, typer.Argument(metavar="STYLE", help="id of a style")]

styles = typer.Typer(help="The library of styles: what comes with Likeness, and your own.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(styles, name="styles")


@styles.command("list")
def list_styles(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD]...", help="in id, title or artist")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """List the styles; those with an asterisk are your own."""
    with connected(url, key) as client:
        for style in client.styles(" ".join(words or ())):
            own = " " if style["shared"] else "*"
            _print(f"{own} {style['id']}  {_credits(style)}")


@styles.command("add")
def add_style(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    style: StyleId,
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="JPEG, PNG or WebP, at least 64 px a side")],
    title: Annotated[str | None, typer.Option(help="default: its id")] = None,
    artist: Annotated[str | None, typer.Option(help="whose work it is")] = None,
    year: Annotated[str | None, typer.Option(help="such as 1890, or c. 1830")] = None,
    licence: Annotated[str | None, typer.Option(help="on which terms you may use it")] = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Add a picture as a style of your own, or replace one."""
    given = {"title": title, "artist": artist, "year": year, "licence": licence}
    with connected(url, key) as client:
        made = client.put_style(style, picture, **{name: text for name, text in given.items() if text is not None})
    _print(f"{made['id']}: {made['width']} x {made['height']} px. {_credits(made)}")


@styles.command("show")
def show_style(
    style: StyleId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="write its picture to this file")] = None,
    thumbnail: Annotated[bool, typer.Option(help="write the small one; a look has no other")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show what is known about a style; with --output, fetch its picture."""
    with connected(url, key) as client:
        found = client.style(style)
        if output:
            output.write_bytes(client.style_image(style, thumbnail=thumbnail))
    table = Table(show_header=False, box=None)
    for name in ("id", "title", "artist", "year", "licence", "kind", "width", "height", "created_at"):
        if found.get(name) is not None:
            table.add_row(name, str(found[name]))
    table.add_row("modes", ", ".join(found["modes"]))
    table.add_row("shared", "yes, it comes with Likeness" if found["shared"] else "no, your own")
    console.print(table)


@styles.command("delete")
def delete_style(style: StyleId, url: Url = None, key: Key = None) -> None:
    """Delete a style of your own with its picture."""
    with connected(url, key) as client:
        client.delete_style(style)
    _print(f"{style} is deleted.")


def _credits(style: dict[str, Any]) -> str:
    """Title, artist, year and terms in a line."""
    parts = (style["title"], style["artist"], style["year"], f"licence: {style['licence']}")
    return ", ".join(part for part in parts if part)


def _print(text: str) -> None:
    console.print(text, soft_wrap=True)
