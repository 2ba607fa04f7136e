"""The `likeness` commands for photos of people: detect, verify, recognise, compare, and liveness sessions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.client.commands import marking, output
from gateway.client.commands.each_photo import EachPhoto
from gateway.client.commands.session import GalleryOption, Session, online
from gateway.client.options import ComparisonOptions, RecognitionOptions, VerificationOptions

Photos = Annotated[list[Path], typer.Argument(metavar="PHOTO...")]
Frames = Annotated[list[Path], typer.Argument(metavar="PHOTO...", exists=True, dir_okay=False)]
Claim = Annotated[list[str], typer.Argument(metavar="[PERSON] PHOTO...")]
Policy = Annotated[str | None, typer.Option(help="threshold policy, such as verify-fmr-1e-5; default: the gallery's")]
Liveness = Annotated[str | None, typer.Option(help="none | report | passive | active")]
LivenessId = Annotated[str | None, typer.Option("--session", help="a liveness session that the same face has passed")]
Device = Annotated[str | None, typer.Option(help="which door or camera asks")]
Thorough = Annotated[bool, typer.Option("--thorough", help="also small faces beside large ones")]
FaceNumber = Annotated[int | None, typer.Option(help="which face is meant, from 0, the largest first")]
Place = Annotated[str | None, typer.Option(metavar="X,Y,WIDTH,HEIGHT", help="the same by its place, in pixels")]
MaxFaces = Annotated[int | None, typer.Option("--max-faces", help="most faces that are looked at; default: 32")]

Draw = Annotated[
    Path | None, typer.Option("--draw", metavar="FOLDER", help="write copies with the faces framed and numbered here")
]

NOBODY = "Send a photo that shows the whole face from the front."
liveness = typer.Typer(help="Answer a challenge before the camera.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    for command in (detect, verify, recognise, compare):
        app.command()(command)
    app.add_typer(liveness, name="liveness")


@online
def detect(
    session: Session, photos: Photos, thorough: Thorough = False, max_faces: MaxFaces = None, folder: Draw = None
) -> None:
    """Show the faces of photos, how good they are and what would make them better.

    A file that is none is named, the others go on, and the exit status is 1.
    """
    each = EachPhoto(session)
    detected = each.ask(
        photos, lambda photo: session.client.faces.detect(photo, thorough=thorough, max_faces=max_faces)
    )
    found: list[tuple[Path, Mapping[str, Any]]] = [(photo, job.result) for photo, job in detected]
    for photo, one in found if folder else ():
        marking.draw(photo, [face["box"] for face in one["faces"]], folder or Path())
    if session.as_json:
        output.write_json([_detected(document) for document in each.documents])
        each.end(no=False)
        return
    rows = [
        {"photo": photo.name, "number": number, **face}
        for photo, one in found
        for number, face in enumerate(one["faces"] or [{"advice": NOBODY}])
    ]
    columns: dict[str, output.Column] = {
        "photo": "photo",
        "number": lambda face: face["number"] if "box" in face else "",
        "face": lambda face: marking.where(face["box"]) if "box" in face else "none",
        "quality": lambda face: f"{face['quality']['score']:.2f}" if "quality" in face else "",
        "yaw": lambda face: f"{face['yaw']:.0f}°" if "yaw" in face else "",
        "advice": "advice",
    }
    output.write_table(rows, columns)
    for photo, one in found:
        _note_more(photo.name, one)
    each.end(no=False)


@online
def verify(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: GalleryOption,
    claim: Claim,
    external_id: Annotated[
        str | None, typer.Option(help="in the place of PERSON: the person's number in another system")
    ] = None,
    face: FaceNumber = None,
    box: Place = None,
    policy: Policy = None,
    liveness: Liveness = None,
    liveness_session: LivenessId = None,
    device: Device = None,
) -> None:
    """Is this the person? Exits with 3 unless it is a match, or when the decision is `denied`.

    Several photos, up to five, are frames of one person and have one answer.

    Example: likeness verify --gallery staff ada door.jpg --device front-door
    """
    options: VerificationOptions = _given(
        external_id=external_id,
        face=face,
        box=box,
        policy=policy,
        liveness=liveness,
        liveness_session=liveness_session,
        device=device,
    )  # type: ignore[assignment] # the names are those
    person, photos = (None, claim) if external_id else (claim[0], claim[1:])
    files = _files(photos)
    job = session.client.faces.verify(gallery, person, files if len(files) > 1 else files[0], **options)
    result = job.result
    lines = [f"{_names(files)}: {_verdict(result)}", *_details(result)]
    lines += [f"  {file.name}: {_verdict(one)}" for file, one in zip(files, result.get("frames") or (), strict=False)]
    session.give(job.document, "\n".join(lines))
    session.no(result["verdict"] != "match" or result.get("decision") == "denied")


@online
def recognise(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    gallery: GalleryOption,
    photos: Photos,
    policy: Policy = None,
    thorough: Thorough = False,
    max_faces: MaxFaces = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="the photos, up to five, are frames of one person: one answer")
    ] = False,
    liveness: Liveness = None,
    device: Device = None,
    folder: Draw = None,
) -> None:
    """Who is this? Every face of each photo gets its own answer; of several it is said which one it is of.

    Exits with 3 when a photo shows nobody of the gallery, or nobody who may pass. A file that is no photo is named, the
    others go on, and the exit status is 1.

    Example: likeness recognise --gallery staff door.jpg --json
    """
    options: RecognitionOptions = _given(
        policy=policy, liveness=liveness, device=device, thorough=thorough or None, max_faces=max_faces, top_k=1
    )  # type: ignore[assignment] # the names are those
    each, strangers = EachPhoto(session), False
    asked: list[Path] = [Path(_names(photos))] if frames else photos
    recognised = each.ask(
        asked, lambda photo: session.client.faces.recognise(gallery, photos if frames else photo, **options)
    )
    for photo, job in recognised:
        result = job.result
        faces = result["faces"]
        strangers |= not any(one["verdict"] == "recognised" and one.get("decision") != "denied" for one in faces)
        if folder and not frames:
            marking.draw(photo, [face["box"] for face in faces], folder)
        if not session.as_json:
            for line in _lines(faces) or [_verdict(result)]:
                output.say(f"{photo if frames else photo.name}: {line}")
            for file, one in zip(photos, result.get("frames") or (), strict=False):
                output.say(f"  {file.name}: {_verdict(one)}")
            _note_more(photo.name, result)
    if session.as_json:
        output.write_json(each.documents)
    each.end(no=strangers)


@online
def compare(  # noqa: PLR0913, PLR0917 - its arguments are the command's options
    session: Session,
    photo_a: Annotated[Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False)],
    photo_b: Annotated[Path, typer.Argument(metavar="PHOTO", exists=True, dir_okay=False)],
    face_a: FaceNumber = None,
    face_b: FaceNumber = None,
    box_a: Place = None,
    box_b: Place = None,
    policy: Policy = None,
    model: Annotated[str | None, typer.Option(help="name or digest of a face model; default: sface")] = None,
) -> None:
    """Do two photos show one person? Nothing is stored. Exits with 3 unless it is a match."""
    options: ComparisonOptions = _given(
        face_a=face_a, face_b=face_b, box_a=box_a, box_b=box_b, policy=policy, model=model
    )  # type: ignore[assignment] # the names are those
    job = session.client.faces.compare(photo_a, photo_b, **options)
    result = job.result
    lines = [_verdict(result), *_details(result, "faces_a"), *_details({**result, "warnings": []}, "faces_b")]
    session.give(job.document, "\n".join(lines))
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
    session: Session, liveness_session: Annotated[str, typer.Argument(metavar="SESSION")], frames: Frames
) -> None:
    """Send the frames of a camera, in order. Exits with 3 unless they pass."""
    job = session.client.faces.answer_liveness(liveness_session, frames)
    result = job.result
    session.give(job.document, f"{result['verdict']}{': ' + result['reason'] if result['reason'] else ''}")
    session.no(result["verdict"] != "live")


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _lines(faces: Sequence[Mapping[str, Any]]) -> list[str]:
    """The verdict of each face; of several with which one it is."""
    if len(faces) == 1:
        return [_verdict(faces[0])]
    told = zip(marking.labels([face["box"] for face in faces]), map(_verdict, faces), strict=True)
    return [f"{label}: {verdict}" for label, verdict in told]


def _detected(document: Mapping[str, Any]) -> dict[str, Any]:
    """The faces beside the photo, not those of a job."""
    return {"photo": document["photo"], **(document.get("result") or {"error": document["error"]})}


def _verdict(result: Mapping[str, Any]) -> str:
    """The verdict in a line: whom, how alike, whether he may pass, why not."""
    decision = result.get("decision")
    denial = f" ({result['denial']})" if result.get("denial") and result["denial"] != result["verdict"] else ""
    parts = (
        result["verdict"],
        _whom(result),
        f"score {result['score']:.3f}" if result.get("score") is not None else None,
        f"liveness {result['liveness']}" if result.get("liveness") else None,
        f"{decision}{denial}" if decision else None,
        result.get("reason"),
    )
    return ", ".join(str(part) for part in parts if part)


def _whom(result: Mapping[str, Any]) -> str | None:
    name = f" ({result['name']})" if result.get("name") else ""
    return f"{result['person']}{name}" if result.get("person") else None


def _details(result: Mapping[str, Any], faces: str = "faces") -> list[str]:
    """Lines below a verdict: the faces to choose from, and warnings."""
    option = f"--face{faces.removeprefix('faces').replace('_', '-')}"
    choices = [
        f"  {option} {number}: {marking.where(face['box'])}, quality {face['quality']['score']:.2f}"
        for number, face in enumerate(result.get(faces) or ())
    ]
    return [*choices, *(f"  {warning['code']}: {warning['detail']}" for warning in result.get("warnings") or ())]


def _note_more(name: str, result: Mapping[str, Any]) -> None:
    """Say when a photo has more faces than are answered."""
    found, answered = result.get("faces_found") or 0, len(result["faces"])
    if found > answered:
        output.note(f"{name}: {answered} of {found} faces; --max-faces takes up to 100.")


def _names(files: Sequence[Path]) -> str:
    return ", ".join(file.name for file in files)


def _files(named: Sequence[str]) -> list[Path]:
    """Raises BadParameter."""
    if not named:
        raise typer.BadParameter("Name a person, or --external-id, and one photo or up to five.")
    files = [Path(name) for name in named]
    if absent := next((file for file in files if not file.is_file()), None):
        raise typer.BadParameter(f"There is no file {absent}.")
    return files
