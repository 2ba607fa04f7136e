"""Answers: JSON documents, and the job document that every accepted POST leads to."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Response, g
from pydantic import BaseModel, ConfigDict, Field
from pydantic.main import IncEx

from gateway.auth import Scope
from gateway.context import caller, chosen_id, context, preferred_wait, services, trace_id
from gateway.web.named_people import with_names
from gateway.web.references import File
from shared.errors import QueueUnavailable, Unavailable
from shared.jobs import NewJob
from shared.schemas import (
    CalibrationResult,
    ComparisonResult,
    DetectionResult,
    EnrolmentResult,
    EvaluationResult,
    ImportResult,
    Job,
    JobError,
    JobStatus,
    JobType,
    LivenessCheckResult,
    Model,
    Payload,
    Priority,
    Progress,
    RecognitionResult,
    RegistrationResult,
    Result,
    StylizationResult,
    TrainingResult,
    VerificationResult,
    VisualisationResult,
)

RESULTS: Mapping[JobType, type[Result]] = {
    JobType.ENROLMENT: EnrolmentResult,
    JobType.VERIFICATION: VerificationResult,
    JobType.COMPARISON: ComparisonResult,
    JobType.RECOGNITION: RecognitionResult,
    JobType.DETECTION: DetectionResult,
    JobType.REEMBEDDING: EnrolmentResult,
    JobType.EVALUATION: EvaluationResult,
    JobType.CALIBRATION: CalibrationResult,
    JobType.REGISTRATION: RegistrationResult,
    JobType.TRAINING: TrainingResult,
    JobType.LIVENESS_CHECK: LivenessCheckResult,
    JobType.IMPORT: ImportResult,
    JobType.STYLIZATION: StylizationResult,
    JobType.VISUALISATION: VisualisationResult,
}
REPORT_FILES: Mapping[JobType, tuple[str, ...]] = {
    JobType.EVALUATION: ("report.json", "report.md", "report.png"),
    JobType.TRAINING: ("report.json", "report.md", "curves.csv"),
    JobType.VISUALISATION: ("sheet.png",),
}
WAIT_SLICE_S = 2.0  # a process that shuts down is noticed between slices


class Document(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(frozen=True)


def _is_none(value: object) -> bool:
    return value is None


def optional(description: str) -> Any:
    """A member that is left out, not null, when it does not apply."""
    return Field(None, description=description, exclude_if=_is_none)


class JobLinks(Document):
    self: str
    events: str
    cancel: str | None = optional("while the job is not finished")
    image: str | None = optional("of a stylization that succeeded")
    report: list[str] | None = optional("files of the report of a job that makes one and succeeded")


class JobDocument(Document):
    id: str
    type: JobType
    status: JobStatus
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempts: int
    deadline: datetime = Field(description="when the job expires unless it is finished")
    progress: Progress | None = None
    model: Model | None = None
    result: Result | None = optional("when it succeeded; its type follows the job's")
    error: JobError | None = optional("when it failed")
    links: JobLinks


def document(
    body: BaseModel,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    exclude: IncEx | None = None,
) -> Response:
    text = body.model_dump_json(exclude=exclude)
    response = Response(text, status, mimetype="application/json")
    response.headers.update(headers or {})
    return response


def job_answer(job: Job, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return document(job_document(job), status, headers=headers, exclude=hidden_of_job())


def hidden_of_job() -> IncEx | None:
    """Templates can be rebuilt from similarities, so these are for keys with their own scope.

    A face's quality has a score too; it is nested deeper and stays. Whom an enrolled face resembles is for
    keys that could find that out by a recognition.
    """
    hidden: dict[str, IncEx | bool] = {}
    of_warnings = set()
    if not caller().may(Scope.SCORES_READ):
        of_faces = {"score", "candidates", "matched_face"}
        hidden.update(dict.fromkeys(of_faces, True), faces={"__all__": of_faces}, frames={"__all__": {"score"}})
        hidden["passive"] = {"score"}  # told to an attacker, it would lead him to a better attack
        of_warnings.add("score")
    if not caller().may(Scope.RECOGNISE):
        of_warnings.add("person")
    if of_warnings:
        hidden["warnings"] = {"__all__": of_warnings}
    return {"result": hidden} if hidden else None


def accept(
    job_type: JobType,
    files: Mapping[str, File],
    payload: Callable[[Mapping[str, str]], Payload],
    priority: Priority,
) -> Response:
    """Accept a job: files first, then its record; answer as `Prefer` asks.

    Args:
        job_type: what to do.
        files: field -> checked file.
        payload: makes the job's payload from field -> object key.
        priority: which of the type's queues.
    """
    tenant, job_id = caller().tenant, chosen_id()
    # Redis may have taken the job and died before it said so: who repeats the request by its key finds that job.
    unsure = (QueueUnavailable,) if "claim" in g else ()
    with context().uploads.kept(tenant, job_id, files, also_after=unsure) as keys:
        new = NewJob(tenant, job_type, payload(keys), priority, trace=trace_id(), id=job_id, actor=caller().id)
        job = services().jobs.submit(new)
    g.job_made = True
    return job_made(job)


def job_made(job: Job) -> Response:
    """The answer to the POST that made a job, as `Prefer` asks."""
    wait, headers = preferred_wait(), {}
    # A preference: when many wait, no more do.
    if wait is not None and (leave := context().waits.take(caller().tenant)):
        try:
            job = _wait(job, wait)
        finally:
            leave()
        headers = {"Preference-Applied": f"wait={wait}"}
    if job.status.finished:
        return job_answer(job, 200, headers)
    return job_answer(job, 202, {**headers, "Location": job_url(job.id), "Retry-After": "1"})


def job_document(job: Job) -> JobDocument:
    """What a client sees of a job: neither the tenant nor object keys."""
    finished = job.status.finished
    succeeded = job.status is JobStatus.SUCCEEDED
    reports = [f"{job_url(job.id)}/report/{name}" for name in REPORT_FILES.get(job.type, ())]
    return JobDocument(
        id=job.id,
        type=job.type,
        status=job.status,
        created_at=_time(job.created_at),
        started_at=_time(job.started_at) if job.started_at else None,
        finished_at=_time(job.finished_at) if job.finished_at else None,
        attempts=job.attempts,
        deadline=_time(job.deadline),
        progress=job.progress,
        model=job.model,
        result=_result(job),
        error=job.error,
        links=JobLinks(
            self=job_url(job.id),
            events=f"{job_url(job.id)}/events",
            cancel=None if finished else f"{job_url(job.id)}/cancel",
            image=f"{job_url(job.id)}/image" if succeeded and job.type is JobType.STYLIZATION else None,
            report=reports if succeeded and reports else None,
        ),
    )


def job_url(job_id: str) -> str:
    return f"/v1/jobs/{job_id}"


def _result(job: Job) -> Result | None:
    if job.result is None:
        return None
    # A newer worker may say more than this gateway knows.
    result = RESULTS[job.type].model_validate(job.result, extra="ignore")
    if isinstance(result, StylizationResult):
        image = result.image.model_copy(update={"url": f"{job_url(job.id)}/image"})
        result = result.model_copy(update={"image": image})
    if isinstance(result, RecognitionResult):
        result = with_names(job, result)
    return result


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _wait(job: Job, seconds: float) -> Job:
    """The job when it is finished, the time is over or the process shuts down.

    The job is accepted: a Redis that fails now makes the client poll, not send the job again.
    """
    until = time.monotonic() + seconds
    try:
        while not job.status.finished and (left := until - time.monotonic()) > 0:
            if services().stopping.is_set():
                break
            job = services().jobs.wait(job, min(left, WAIT_SLICE_S))
    except Unavailable:
        pass
    return job
