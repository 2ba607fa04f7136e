"""The `likeness jobs` commands: what became of what was asked for."""

from typing import Annotated, Any, get_args

import typer

from gateway.client import Job
from gateway.client.commands import output
from gateway.client.commands.exits import Exit
from gateway.client.commands.session import Session, online
from gateway.client.documents import JobStatus
from shared.errors import InvalidField

JobId = Annotated[str, typer.Argument(metavar="JOB")]

jobs = typer.Typer(help="What became of what was asked for, for a day.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(jobs, name="jobs")


@jobs.command("list")
@online
def list_jobs(
    session: Session,
    most: Annotated[int, typer.Option("--limit", min=1, help="most jobs to list")] = 50,
    status: Annotated[str | None, typer.Option(help="only jobs with this status, such as failed")] = None,
) -> None:
    """List the jobs, newest first."""
    if status not in {None, *get_args(JobStatus)}:
        raise InvalidField(f"--status is one of {', '.join(get_args(JobStatus))}.")
    found = (job for job in session.client.jobs.list() if status in {None, job["status"]})
    columns: dict[str, output.Column] = {
        "job": "id",
        "type": "type",
        "status": "status",
        "created": output.moment("created_at"),
        "note": lambda job: (job.get("error") or {}).get("code") or (job.get("result") or {}).get("verdict"),
    }
    session.table([job for job, _ in zip(found, range(most), strict=False)], columns)


@jobs.command("show")
@online
def show_job(session: Session, job: JobId) -> None:
    """Show a job: how far it is, its result or its error."""
    session.fields(session.client.jobs.get(job).document)


@jobs.command("follow")
@online
def follow_job(session: Session, job: JobId) -> None:
    """Show what happens to a job, as it happens, to its end. Exits with 1 unless it succeeds.

    With --json a line for each event.
    """
    found = session.client.jobs.get(job)
    for event in found.follow():
        if session.as_json:
            output.write_line({"id": event.id, "event": event.event, "data": event.data})
        elif event.event == "progress":
            output.say(f"{event.data['done']:,} of {event.data['total']:,}: {output.told(event.data)}")
        else:
            output.say(event.event)
    _end(found)


@jobs.command("wait")
@online
def wait_for_job(
    session: Session,
    job: JobId,
    timeout: Annotated[float | None, typer.Option(min=0, help="seconds; default: as long as it takes")] = None,
) -> None:
    """Wait until a job is finished, and show it. Exits with 1 unless it succeeds."""
    found = session.client.jobs.wait(job, timeout)
    session.fields(found.document)
    _end(found)


@jobs.command("cancel")
@online
def cancel_job(session: Session, job: JobId) -> None:
    """Cancel a job: at once when it is queued, at its next step when it runs."""
    cancelled = session.client.jobs.cancel(job)
    session.give(cancelled.document, f"{cancelled.id}: {cancelled.status}")


def _end(job: Job[Any]) -> None:
    if job.status != "succeeded":
        raise typer.Exit(Exit.ERROR)
