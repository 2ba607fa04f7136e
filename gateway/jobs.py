"""`/v1/jobs`: what became of an accepted request."""

import re
from collections.abc import Mapping
from pathlib import PurePath

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.web.bodies import read_query
from gateway.web.downloads import stored
from gateway.web.event_streams import EVENT_STREAM, Story, stream
from gateway.web.operations import Operation, operation
from gateway.web.paging import TimePage, read_page
from gateway.web.responses import (
    REPORT_FILES,
    Document,
    JobDocument,
    document,
    hidden_of_job,
    job_answer,
    job_document,
)
from shared.errors import Conflict, ObjectNotFound
from shared.schemas import Id, Job, JobStatus, JobType, StylizationResult
from shared.storage.store import image_key, preview_key, report_key

blueprint = APIBlueprint("jobs", __name__, url_prefix="/v1/jobs")

STEP = r"[0-9]{1,6}"
REPORT_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".csv": "text/csv; charset=utf-8",
}
SCOPES: Mapping[JobType, tuple[Scope, ...]] = {  # of which any one starts such a job
    JobType.ENROLMENT: (Scope.ENROL,),
    JobType.VERIFICATION: (Scope.VERIFY,),
    JobType.COMPARISON: (Scope.VERIFY,),
    JobType.RECOGNITION: (Scope.RECOGNISE,),
    JobType.DETECTION: (Scope.VERIFY,),
    JobType.REEMBEDDING: (Scope.ENROL,),
    JobType.EVALUATION: (Scope.ADMIN,),
    JobType.CALIBRATION: (Scope.ADMIN,),
    JobType.REGISTRATION: (Scope.ADMIN,),
    JobType.TRAINING: (Scope.ADMIN,),
    JobType.IMPORT: (Scope.ADMIN,),
    JobType.LIVENESS_CHECK: (Scope.VERIFY, Scope.RECOGNISE),
    JobType.STYLIZATION: (Scope.STYLISE,),
    JobType.VISUALISATION: (Scope.STYLISE,),
}


class JobPage(TimePage):
    batch: Id | None = Field(None, description="id of a batch, whose jobs are listed nowhere else")


class JobList(Document):
    jobs: list[JobDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.get("")
@operation(Operation({200: JobList}, query=JobPage, problems=(404,)))
def list_jobs() -> Response:
    """List the jobs of the last day that the key may read, newest first: those of one batch, or of none.

    A page may hold fewer than there is room for, even none, and not be the last: follow `next_cursor`.
    """
    tenant, kept, page = caller().tenant, services().jobs, read_query(JobPage)
    if page.batch is not None:
        services().batches.get(tenant, page.batch)
    shown, more = read_page(
        lambda before, limit: kept.recent(tenant, batch=page.batch, before=before, limit=limit), page
    )
    hidden = hidden_of_job()
    return document(
        JobList(jobs=[job_document(job) for job in shown if _may_read(job)], next_cursor=more),
        exclude={"jobs": {"__all__": hidden}} if hidden else None,
    )


@blueprint.get("/<id:job>")
@operation(Operation({200: JobDocument}, problems=(403,)))
def get_job(job: str) -> Response:
    """Read a job: how far it is, its result or its error.

    This and all that concerns a job needs the scope that would start it, or `admin`.
    """
    return job_answer(_find(job))


@blueprint.post("/<id:job>/cancel")
@operation(Operation({200: JobDocument}, problems=(403, 409)))
def cancel_job(job: str) -> Response:
    """Cancel a job: a queued one at once, a running one at its next step."""
    _find(job)
    cancelled = services().jobs.cancel(caller().tenant, job)
    if cancelled.status.finished:
        context().uploads.discard(cancelled.tenant, job)
    return job_answer(cancelled)


@blueprint.get("/<id:job>/image")
@operation(Operation({200: "image/*", 302: None}, problems=(403, 409)))
def get_job_image(job: str) -> Response:
    """The picture that a stylization made."""
    found = _find(job)
    if found.type is not JobType.STYLIZATION:
        raise ObjectNotFound(f"{found.type.value} jobs make no image")
    if found.status is not JobStatus.SUCCEEDED or found.result is None:
        raise Conflict(f"The job is {found.status.value}; only one that succeeded has an image.")
    made = StylizationResult.model_validate(found.result, extra="ignore").image
    key = image_key(found.tenant, found.id, made.media_type)
    return stored(key, made.media_type, name=PurePath(key).name, sha256=made.sha256)


@blueprint.get("/<id:job>/previews/<id:step>")
@operation(Operation({200: "image/jpeg", 302: None}, problems=(403,)))
def get_job_preview(job: str, step: str) -> Response:
    """A small picture of a stylization at one of its steps; the job's progress events name those there are.

    Kept for a day.
    """
    found = _find(job)
    if not re.fullmatch(STEP, step):
        raise ObjectNotFound(f"{step} is no number of a step")
    key = preview_key(found.tenant, found.id, int(step))
    return stored(key, "image/jpeg", name=PurePath(key).name)


@blueprint.get("/<id:job>/report/<id:file>")
@operation(Operation({200: "*/*", 302: None}, problems=(403, 409)))
def get_job_report(job: str, file: str) -> Response:
    """A file of the report that an evaluation, a training or a visualisation made; the job's links name them."""
    found = _find(job)
    made = REPORT_FILES.get(found.type, ())
    if file not in made:
        raise ObjectNotFound(f"{found.type.value} jobs make {', '.join(made) or 'no report'}.")
    if found.status is not JobStatus.SUCCEEDED:
        raise Conflict(f"The job is {found.status.value}; only one that succeeded has a report.")
    return stored(report_key(found.tenant, found.id, file), REPORT_TYPES[PurePath(file).suffix], name=file)


@blueprint.get("/<id:job>/events")
@operation(Operation({200: EVENT_STREAM, 204: None}, problems=(403,)))
def stream_events(job: str) -> Response:
    """Follow a job as server-sent events: `queued`, `running`, `progress` and the last one, its outcome.

    A connection that broke is resumed with `Last-Event-ID`: nothing is left out or repeated.
    """
    found, kept = _find(job), services().jobs
    return stream(
        Story(
            over=lambda: kept.get(found.tenant, found.id).status.finished,
            after=lambda last, wait: kept.events(found.id, last, block=wait),
        )
    )


def _find(job: str) -> Job:
    """Raises JobNotFound; Forbidden when the key could not have started it and does not administer."""
    found = services().jobs.get(caller().tenant, job)
    caller().require(*_readers(found))
    return found


def _may_read(job: Job) -> bool:
    return caller().may(*_readers(job))


def _readers(job: Job) -> tuple[Scope, ...]:
    return *SCOPES[job.type], Scope.ADMIN
