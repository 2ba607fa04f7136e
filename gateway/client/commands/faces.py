"""The `likeness` commands for photos of people: detect, verify, recognise, compare, and liveness sessions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.client.commands import output
from gateway.client.commands.session import GalleryOption, Session, online
from gateway.client.options import RecognitionOptions, VerificationOptions

Photo = Annotated[Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False)]
Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO...", exists=True, dir_okay=False)]
Person = Annotated[str, typer.Argument(metavar="PERSON")]
Policy = Annotated[str | None, typer.Option(help="threshold policy, such as verify-fmr-1e-5; default: the gallery's")]
Liveness = Annotated[str | None, typer.Option(help="none | report | passive | active")]
LivenessId = Annotated[str | None, typer.Option("--session", help="a liveness session that the same face has passed")]
Device = Annotated[str | None, typer.Option(help="which door or camera asks")]
Thorough = Annotated[bool, typer.Option("--thorough", help="also small faces beside large ones")]

NOBODY = "Send a photo that shows the whole face from the front."
liveness = typer.Typer(help="Answer a challenge before the camera.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    for command in (detect, verify, recognise, compare):
        app.command()(command)
    app.add_typer(liveness, name="liveness")


@online
def detect(session: Session, photos: Photos, thorough: Thorough = False) -> None:
    """Show the faces of photos, how good they are and what would make them better."""
    found: list[dict[str, Any]] = [
        {"photo": str(photo), **session.client.faces.detect(photo, thorough=thorough).result} for photo in photos
    ]
    if session.as_json:
        output.write_json(found)
        return
    rows = [
        {"photo": Path(one["photo"]).name, **face} for one in found for face in one["faces"] or [{"advice": NOBODY}]
    ]
    columns: dict[str, output.Column] = {
        "photo": "photo",
        "face": lambda face: _where(face["box"]) if "box" in face else "none",
        "quality": lambda face: f"{face['quality']['score']:.2f}" if "quality" in face else "",
        "yaw": lambda face: f"{face['yaw']:.0f}°" if "yaw" in face else "",
        "advice": "advice",
    }
    output.write_table(rows, columns)


@online
def verify(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: GalleryOption,
    person: Person,
    photo: Photo,
    policy: Policy = None,
    liveness: Liveness = None,
    liveness_session: LivenessId = None,
    device: Device = None,
) -> None:
    """Is this the person? Exits with 3 unless it is a match, or when the decision is `denied`.

    Example: likeness verify --gallery staff ada door.jpg --device front-door
    """
    options: VerificationOptions = _given(
        policy=policy, liveness=liveness, liveness_session=liveness_session, device=device
    )  # type: ignore[assignment] # the names are those
    job = session.client.faces.verify(gallery, person, photo, **options)
    result = job.result
    session.give(job.document, f"{photo.name}: {_verdict(result)}")
    session.no(result["verdict"] != "match" or result.get("decision") == "denied")


@online
def recognise(
    session: Session,
    gallery: GalleryOption,
    photos: Photos,
    policy: Policy = None,
    thorough: Thorough = False,
    liveness: Liveness = None,
    device: Device = None,
) -> None:
    """Who is this? Every face of each photo gets its own answer.

    Exits with 3 when a photo shows nobody of the gallery, or nobody who may pass.

    Example: likeness recognise --gallery staff door.jpg --json
    """
    options: RecognitionOptions = _given(
        policy=policy, liveness=liveness, device=device, thorough=thorough or None, top_k=1
    )  # type: ignore[assignment] # the names are those
    documents, strangers = [], False
    for photo in photos:
        job = session.client.faces.recognise(gallery, photo, **options)
        documents.append({"photo": str(photo), **job.document})
        faces = job.result["faces"]
        strangers |= not any(one["verdict"] == "recognised" and one.get("decision") != "denied" for one in faces)
        if not session.as_json:
            for line in [_verdict(face) for face in faces] or ["no_face"]:
                output.say(f"{photo.name}: {line}")
    if session.as_json:
        output.write_json(documents)
    session.no(strangers)


@online
def compare(
    session: Session,
    photo_a: Annotated[Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False)],
    photo_b: Annotated[Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False)],
    policy: Policy = None,
    model: Annotated[str | None, typer.Option(help="name or digest of a face model; default: sface")] = None,
) -> None:
    """Do two photos show one person? Nothing is stored. Exits with 3 unless it is a match."""
    job = session.client.faces.compare(photo_a, photo_b, policy=policy, model=model)
    session.give(job.document, _verdict(job.result))
    session.no(job.result["verdict"] != "match")


@liveness.command("start")
@online
def start_liveness(session: Session, gallery: GalleryOption) -> None:
    """Make a session: what to do before the camera, within three minutes."""
    made = session.client.faces.start_liveness(gallery)
    steps = "".join(f"\n  {step['action']}: {step['instruction']}" for step in made["challenge"])
    session.give(made, f"session {made['id']}, until {made['expires_at']}{steps}")


@liveness.command("answer")
@online
def answer_liveness(
    session: Session, liveness_session: Annotated[str, typer.Argument(metavar="SESSION")], frames: Photos
) -> None:
    """Send the frames of a camera, in order. Exits with 3 unless they pass."""
    job = session.client.faces.answer_liveness(liveness_session, frames)
    result = job.result
    session.give(job.document, f"{result['verdict']}{': ' + result['reason'] if result['reason'] else ''}")
    session.no(result["verdict"] != "live")


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _verdict(result: Mapping[str, Any]) -> str:
    """The verdict in a line: whom, how alike, whether he may pass, why not."""
    decision = result.get("decision")
    denial = f" ({result['denial']})" if result.get("denial") and result["denial"] != result["verdict"] else ""
    parts = (
        result["verdict"],
        result.get("person"),
        f"score {result['score']:.3f}" if result.get("score") is not None else None,
        f"liveness {result['liveness']}" if result.get("liveness") else None,
        f"{decision}{denial}" if decision else None,
        result.get("reason"),
    )
    return ", ".join(str(part) for part in parts if part)


def _where(box: Mapping[str, float]) -> str:
    return f"{box['width']:.0f} x {box['height']:.0f} at {box['x']:.0f}, {box['y']:.0f}"
