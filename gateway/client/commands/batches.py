"""The `likeness batches` commands: many pictures, or many people, that were asked for at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gateway.client.commands import folders, output
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import Session, online
from gateway.client.documents import Problem
from gateway.client.style_documents import Batch, BatchItem, SkippedFile

BatchId = Annotated[str, typer.Argument(metavar="BATCH")]

batches = typer.Typer(help="Look after the batches of the running system.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(batches, name="batches")


@batches.command("list")
@online
def list_batches(session: Session) -> None:
    """List the batches, newest first."""
    columns: dict[str, output.Column] = {
        "batch": "id",
        "kind": "kind",
        "status": "status",
        "total": lambda batch: f"{batch['counts']['total']:,}",
        "done": lambda batch: f"{batch['counts']['done']:,}",
        "failed": lambda batch: f"{batch['counts']['failed']:,}",
        "created": output.moment("created_at"),
    }
    session.table(session.client.batches.list(), columns)


@batches.command("show")
@online
def show_batch(session: Session, batch: BatchId) -> None:
    """Show how far a batch is, and what went wrong in it."""
    _show(session, session.client.batches.get(batch))


@batches.command("follow")
@online
def follow_batch(session: Session, batch: BatchId) -> None:
    """Show a batch's progress until it is finished, then what went wrong in it. Exits with 1 if something did."""
    report(session, watch(session, session.client.batches.get(batch)))


@batches.command("pause")
@online
def pause_batch(session: Session, batch: BatchId) -> None:
    """Begin no further item of a batch."""
    _tell(session, session.client.batches.pause(batch))


@batches.command("resume")
@online
def resume_batch(session: Session, batch: BatchId) -> None:
    """Go on with a batch that was paused."""
    _tell(session, session.client.batches.resume(batch))


@batches.command("cancel")
@online
def cancel_batch(session: Session, batch: BatchId) -> None:
    """Do nothing further of a batch; what is done stays."""
    _tell(session, session.client.batches.cancel(batch))


@batches.command("results")
@online
def batch_results(
    session: Session,
    batch: BatchId,
    target: Annotated[Path, typer.Option("--output", "-o", help="a ZIP file")],
) -> None:
    """Fetch the pictures of a batch and its manifest as a ZIP."""
    size = session.client.batches.save_results(batch, target)
    session.give({"file": str(target), "bytes": size}, f"{target}: {size:,} bytes")


def watch(session: Session, batch: Batch) -> Batch:
    """The finished batch; its progress is shown meanwhile. Ctrl-C leaves it running."""
    try:
        with output.bar(batch["status"], batch["counts"]["total"], quiet=session.as_json) as update:
            for event in session.client.batches.follow(batch["id"]):
                counts = event.data.get("counts", event.data)
                if "done" in counts:
                    failed = f"{counts['failed']:,} failed" if counts.get("failed") else ""
                    update(completed=counts["done"] + counts.get("failed", 0), description="working", note=failed)
    except KeyboardInterrupt:
        output.note(f"It goes on without this command: likeness batches follow {batch['id']}, or … cancel")
        raise typer.Exit(Exit.INTERRUPTED) from None
    return session.client.batches.get(batch["id"])


def report(session: Session, batch: Batch, left_out: Sequence[SkippedFile] = ()) -> None:
    """Say how a batch ended; exits with 1 if something failed, with 3 if all that did are photos not taken.

    `left_out` are files that were not even sent. Pictures among those that are no items count as failed.
    """
    batch["skipped"] = [*left_out, *batch["skipped"]]
    batch["skipped_count"] += len(left_out)
    failed = _show(session, batch)
    if folders.lost_pictures(batch["skipped"]):
        raise typer.Exit(Exit.ERROR)
    session.no(bool(failed) and all("enrolment" in item for item in failed))
    if failed:
        raise typer.Exit(Exit.ERROR)


def _show(session: Session, batch: Batch) -> list[BatchItem]:
    """The items that failed."""
    failed = list(session.client.batches.items(batch["id"], status="failed"))
    if session.as_json:
        output.write_json({**batch, "failed_items": failed})
        return failed
    output.say(_line(batch))
    for item in failed:
        error = item["error"] or Problem(code="failed", detail="")
        output.say(f"  {_name(item)}: {error['code']}: {error['detail']}")
    for item in session.client.batches.items(batch["id"]) if batch["warnings"] else ():
        for warning in item.get("warnings", []):
            output.say(f"  {_name(item)}: warning: {warning['code']}: {warning['detail']}")
    folders.tell(batch["skipped"], batch["skipped_count"])
    return failed


def _name(item: BatchItem) -> str:
    return item["name"] or item["custom_id"]


def _tell(session: Session, batch: Batch) -> None:
    session.give(batch, _line(batch))


def _line(batch: Batch) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in batch["counts"].items() if count)
    others = {"with warnings": batch["warnings"], "skipped": batch["skipped_count"]}
    counts += "".join(f", {count:,} {name}" for name, count in others.items() if count)
    left = f", {output.duration(batch['eta_seconds'])} left" if batch["eta_seconds"] else ""
    return f"{batch['id']}: {batch['status']}; {counts}{left}"
