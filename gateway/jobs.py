"""`/v1/jobs`: what became of an accepted request."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import PurePath

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from gateway.auth import Scope
from gateway.context import Services, caller, context, services
from gateway.operations import Operation, operation
from gateway.paging import TimePage, read_page
from gateway.responses import (
    REPORT_FILES,
    Document,
    JobDocument,
    document,
    hidden_of_job,
    job_answer,
    job_document,
    picture,
)
from shared.errors import Conflict, InvalidField, JobNotFound, ObjectNotFound, Unavailable
from shared.schemas import Job, JobEvent, JobStatus, JobType, StylizationResult
from shared.storage import image_key, preview_key, report_key

blueprint = APIBlueprint("jobs", __name__, url_prefix="/v1/jobs")

EVENT_ID = r"[0-9]{1,19}-[0-9]{1,19}"  # two numbers that fit Redis's 64 bits
STEP = r"[0-9]{1,6}"
EVENT_STREAM = "text/event-stream"
RECONNECT_MS = 2000
REPORT_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".csv": "text/csv; charset=utf-8",
}
SCOPES = {
    JobType.ENROLMENT: Scope.ENROL,
    JobType.VERIFICATION: Scope.VERIFY,
    JobType.COMPARISON: Scope.VERIFY,
    JobType.RECOGNITION: Scope.RECOGNISE,
    JobType.DETECTION: Scope.VERIFY,
    JobType.REEMBEDDING: Scope.ENROL,
    JobType.EVALUATION: Scope.ADMIN,
    JobType.CALIBRATION: Scope.ADMIN,
    JobType.REGISTRATION: Scope.ADMIN,
    JobType.TRAINING: Scope.ADMIN,
    JobType.LIVENESS_CHECK: Scope.VERIFY,
    JobType.STYLIZATION: Scope.STYLISE,
    JobType.VISUALISATION: Scope.STYLISE,
}


class JobList(Document):
    jobs: list[JobDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.get("")
@operation(Operation({200: JobList}, query=TimePage))
def list_jobs() -> Response:
    """List the jobs of the last day, newest first."""
    tenant, kept = caller().tenant, services().jobs
    shown, more = read_page(lambda before, limit: kept.recent(tenant, before=before, limit=limit))
    hidden = hidden_of_job()
    return document(
        JobList(jobs=[job_document(job) for job in shown], next_cursor=more),
        exclude={"jobs": {"__all__": hidden}} if hidden else None,
    )


@blueprint.get("/<id:job>")
@operation(Operation({200: JobDocument}))
def get_job(job: str) -> Response:
    """Read a job: how far it is, its result or its error."""
    return job_answer(services().jobs.get(caller().tenant, job))


@blueprint.post("/<id:job>/cancel")
@operation(Operation({200: JobDocument}, problems=(403, 409)))
def cancel_job(job: str) -> Response:
    """Cancel a job; needs the scope that would start one.

    A queued job is cancelled at once, a running one at its next step.
    """
    tenant = caller().tenant
    caller().require(SCOPES[services().jobs.get(tenant, job).type])
    cancelled = services().jobs.cancel(tenant, job)
    if cancelled.status.finished:
        context().uploads.discard(tenant, job)
    return job_answer(cancelled)


@blueprint.get("/<id:job>/image")
@operation(Operation({200: "image/*"}, problems=(409,)))
def get_job_image(job: str) -> Response:
    """The picture that a stylization made."""
    found = services().jobs.get(caller().tenant, job)
    if found.type is not JobType.STYLIZATION:
        raise ObjectNotFound(f"{found.type.value} jobs make no image")
    if found.status is not JobStatus.SUCCEEDED or found.result is None:
        raise Conflict(f"The job is {found.status.value}; only one that succeeded has an image.")
    made = StylizationResult.model_validate(found.result, extra="ignore").image
    data = services().store.get(image_key(found.tenant, found.id, made.media_type))
    return picture(data, made.media_type, made.sha256)


@blueprint.get("/<id:job>/previews/<id:step>")
@operation(Operation({200: "image/jpeg"}))
def get_job_preview(job: str, step: str) -> Response:
    """A small picture of a stylization at one of its steps; the job's progress events name those there are.

    Kept for a day.
    """
    found = services().jobs.get(caller().tenant, job)
    if not re.fullmatch(STEP, step):
        raise ObjectNotFound(f"{step} is no number of a step")
    data = services().store.get(preview_key(found.tenant, found.id, int(step)))
    return picture(data, "image/jpeg", hashlib.sha256(data).hexdigest())


@blueprint.get("/<id:job>/report/<id:file>")
@operation(Operation({200: "*/*"}, problems=(403, 409)))
def get_job_report(job: str, file: str) -> Response:
    """A file of the report that an evaluation, a training or a visualisation made; the job's links name them.

    Needs the scope that would start the job.
    """
    found = services().jobs.get(caller().tenant, job)
    caller().require(SCOPES[found.type])
    made = REPORT_FILES.get(found.type, ())
    if file not in made:
        raise ObjectNotFound(f"{found.type.value} jobs make {', '.join(made) or 'no report'}.")
    if found.status is not JobStatus.SUCCEEDED:
        raise Conflict(f"The job is {found.status.value}; only one that succeeded has a report.")
    data = services().store.get(report_key(found.tenant, found.id, file))
    return picture(data, REPORT_TYPES[PurePath(file).suffix], hashlib.sha256(data).hexdigest())


@blueprint.get("/<id:job>/events")
@operation(Operation({200: EVENT_STREAM, 204: None}))
def stream_events(job: str) -> Response:
    """Follow a job as server-sent events: `queued`, `running`, `progress` and the last one, its outcome.

    A connection that broke is resumed with `Last-Event-ID`: nothing is left out or repeated.
    """
    after = request.headers.get("Last-Event-ID", "0-0")
    if not re.fullmatch(EVENT_ID, after):
        raise InvalidField("`Last-Event-ID` must be the id of an event of this job.")
    found = services().jobs.get(caller().tenant, job)
    if found.status.finished and not services().jobs.events(job, after, block=False):
        return Response(status=204)  # an EventSource then stops coming back
    return Response(_stream(services(), found, after), mimetype=EVENT_STREAM)


def _stream(given: Services, job: Job, after: str) -> Iterator[str]:
    """Runs after the view has returned, so it is given its services.

    When Redis fails the stream ends; the client comes back with the last id.
    """
    yield f"retry: {RECONNECT_MS}\n\n"
    try:
        while not given.stopping.is_set():
            # Asked before reading: what a finished job's stream holds now is all there will be.
            over = given.jobs.get(job.tenant, job.id).status.finished
            for event in (events := given.jobs.events(job.id, after, block=not over)):
                yield _event(event)
                after = event.id
                if event.final:
                    return
            if over:
                return
            if not events:
                yield ": keep-alive\n\n"
    except (JobNotFound, Unavailable):
        return


def _event(event: JobEvent) -> str:
    return f"id: {event.id}\nevent: {event.event}\ndata: {json.dumps(event.data, separators=(',', ':'))}\n\n"
