"""The `likeness` commands for photos of people: detect, enrol, verify, recognise, and liveness sessions."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gateway.client.connection import GalleryOption, Key, Url, connected, succeeded

console = Console()

Photo = Annotated[Path, typer.Argument(metavar="PHOTO")]
Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO...")]
Person = Annotated[str, typer.Argument(metavar="PERSON")]
Policy = Annotated[str | None, typer.Option(help="threshold policy, such as verify-fmr-1e-5; default: the API's")]
Liveness = Annotated[str | None, typer.Option(help="none | report | passive | active")]
Session = Annotated[str | None, typer.Option(help="a liveness session that the same face has passed")]

sessions = typer.Typer(help="Answer a challenge before the camera.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    for command in (detect, enrol, verify, recognise):
        app.command()(command)
    app.add_typer(sessions, name="liveness")


def detect(
    photos: Photos,
    thorough: Annotated[bool, typer.Option(help="also small faces beside large ones")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show the faces of photos, how good they are and what would make them better."""
    table = Table("photo", "face", "quality", "yaw", "advice")
    with connected(url, key) as client:
        for photo in photos:
            faces = succeeded(client.detect(photo, thorough=thorough))["result"]["faces"]
            if not faces:
                table.add_row(photo.name, "none", "", "", "Send a photo that shows the whole face from the front.")
            for face in faces:
                box, quality = face["box"], face["quality"]
                size = f"{box['width']:.0f} x {box['height']:.0f} at {box['x']:.0f}, {box['y']:.0f}"
                table.add_row(photo.name, size, f"{quality['score']:.2f}", f"{face['yaw']:.0f}°", face["advice"] or "")
    console.print(table)


def enrol(gallery: GalleryOption, person: Person, photos: Photos, url: Url = None, key: Key = None) -> None:
    """Enrol a person from one photo or more. Exits with 1 when a photo is not taken."""
    refused = False
    with connected(url, key) as client:
        for photo in photos:
            result = succeeded(client.enrol(gallery, person, photo))["result"]
            refused |= result["verdict"] != "enrolled"
            _say(photo, result)
            for warning in result["warnings"]:
                whom = f" ({warning['person']})" if warning.get("person") else ""
                _print(f"  {warning['code']}{whom}: {warning['detail']}")
    if refused:
        raise typer.Exit(1)


def verify(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    gallery: GalleryOption,
    person: Person,
    photo: Photo,
    policy: Policy = None,
    liveness: Liveness = None,
    session: Session = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Is this the person? Exits with 1 unless it is a match."""
    options = _given(policy=policy, liveness=liveness, liveness_session=session)
    with connected(url, key) as client:
        result = succeeded(client.verify(gallery, person, photo, **options))["result"]
    _say(photo, result)
    if result["verdict"] != "match":
        raise typer.Exit(1)


def recognise(
    gallery: GalleryOption,
    photos: Photos,
    policy: Policy = None,
    thorough: Annotated[bool, typer.Option(help="also small faces beside large ones")] = False,
    liveness: Liveness = None,
    url: Url = None,
    key: Key = None,
) -> None:
    """Who is this? Every face of each photo gets its own answer."""
    options = _given(policy=policy, liveness=liveness, thorough="true" if thorough else None)
    with connected(url, key) as client:
        for photo in photos:
            faces = succeeded(client.recognise(gallery, photo, top_k=1, **options))["result"]["faces"]
            if not faces:
                _print(f"{photo.name}: no_face")
            for face in faces:
                _say(photo, face)


@sessions.command("start")
def start_liveness(gallery: GalleryOption, url: Url = None, key: Key = None) -> None:
    """Make a session: what to do before the camera, within three minutes."""
    with connected(url, key) as client:
        session = client.start_liveness(gallery)
    _print(f"session {session['id']}, until {session['expires_at']}")
    for step in session["challenge"]:
        _print(f"  {step['action']}: {step['instruction']}")


@sessions.command("answer")
def answer_liveness(
    session: Annotated[str, typer.Argument(metavar="SESSION")], frames: Photos, url: Url = None, key: Key = None
) -> None:
    """Send the frames of a camera, in order. Exits with 1 unless they pass."""
    with connected(url, key) as client:
        result = succeeded(client.answer_liveness(session, frames))["result"]
    _print(f"{result['verdict']}{': ' + result['reason'] if result['reason'] else ''}")
    if result["verdict"] != "live":
        raise typer.Exit(1)


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _say(photo: Path, result: dict[str, Any]) -> None:
    """The verdict in a line: whom, how alike, why not."""
    parts = (
        result["verdict"],
        result.get("person"),
        f"score {result['score']:.3f}" if result.get("score") is not None else None,
        f"liveness {result['liveness']}" if result.get("liveness") else None,
        result.get("reason"),
    )
    _print(f"{photo.name}: {', '.join(part for part in parts if part)}")


def _print(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
