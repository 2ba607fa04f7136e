"""`/v1/galleries/{gallery}/feedback`: "this is not he", "this was he". Calibrations learn from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, services
from gateway.jobs import SCOPES
from gateway.telling import tell
from gateway.web.bodies import Body, read_body, read_query
from gateway.web.operations import Operation, operation
from gateway.web.responses import Document, document
from shared.errors import Conflict, InvalidField, JobNotFound, PersonChanged, PersonNotFound
from shared.galleries.feedback import Feedback, FeedbackKind
from shared.ml.face.verification import Verdict
from shared.schemas import Id, Job, JobStatus, JobType, PolicyKind, RecognitionResult, VerificationResult

blueprint = APIBlueprint("feedback", __name__, url_prefix="/v1/galleries/<id:gallery>/feedback")

SAID_YES = {Verdict.MATCH, Verdict.RECOGNISED}
SAID_NO = {Verdict.NO_MATCH, Verdict.NOT_RECOGNISED, Verdict.AMBIGUOUS}


class NewFeedback(Body):
    job: Id = Field(description="id of a verification or recognition of this gallery, of the last day")
    kind: FeedbackKind = Field(
        description="wrong_person: it said yes to somebody else; not_recognised_but_is: it said no to himself"
    )
    face: int = Field(0, ge=0, le=10_000, description="number of the face in a recognition's answer; 0 is the largest")
    person: Id | None = Field(
        None, description="who it is that was not recognised; a verification's person is known without it"
    )


class FeedbackPage(Body):
    cursor: Id | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="most reports on the page")


class FeedbackDocument(Document):
    id: str
    job: str
    face: int
    kind: FeedbackKind
    search: PolicyKind = Field(description="whether it was a verification or an identification")
    person: str = Field(description="pseudonym of whom the face was wrongly taken for, or wrongly not taken for")
    score: float | None = Field(None, description="only for keys with the scope scores:read")
    policy: str
    threshold: float
    model: str = Field(description="digest of the face model; other models' calibrations do not use the report")
    device: str | None = None
    created_at: datetime
    actor: str = Field(description="id of the API key that reported it")


class FeedbackList(Document):
    feedback: list[FeedbackDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.post("")
@operation(
    Operation(
        {200: FeedbackDocument, 201: FeedbackDocument},
        scopes=(Scope.VERIFY, Scope.RECOGNISE, Scope.ADMIN),
        body=NewFeedback,
        problems=(403, 409),
    )
)
def give_feedback(gallery: str) -> Response:
    """Tell that an answer was wrong: it took somebody for another, or did not know somebody.

    What is kept is the score, no picture. Repeating a report changes nothing (200); another one about the same face
    is refused. Needs the scope that would start the job, or `admin`.
    """
    sent = read_body(NewFeedback)
    services().galleries.get_gallery(caller().tenant, gallery)
    report = _report(gallery, _job(gallery, sent.job), sent)
    if not services().feedback.has(caller().tenant, report):
        tell("feedback.given", **_told(report))
    kept, new = services().feedback.put(caller().tenant, report)
    headers = {"Location": f"/v1/galleries/{gallery}/feedback/{kept.id}"}
    return document(_view(kept), 201 if new else 200, headers=headers)


@blueprint.get("")
@operation(Operation({200: FeedbackList}, scope=Scope.ADMIN, query=FeedbackPage))
def list_feedback(gallery: str) -> Response:
    """List what was reported, in the order of the reports' ids."""
    page, tenant = read_query(FeedbackPage), caller().tenant
    services().galleries.get_gallery(tenant, gallery)
    found, more = services().feedback.page(tenant, gallery, after=page.cursor or "", limit=page.limit)
    return document(FeedbackList(feedback=[_view(report) for report in found], next_cursor=more))


@blueprint.get("/<id:report>")
@operation(Operation({200: FeedbackDocument}, scope=Scope.ADMIN))
def get_feedback(gallery: str, report: str) -> Response:
    """Read a report."""
    services().galleries.get_gallery(caller().tenant, gallery)
    return document(_view(services().feedback.get(caller().tenant, gallery, report)))


@blueprint.delete("/<id:report>")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def delete_feedback(gallery: str, report: str) -> Response:
    """Take a report back: later calibrations do not use it."""
    tenant = caller().tenant
    services().galleries.get_gallery(tenant, gallery)
    tell("feedback.deleted", **_told(services().feedback.get(tenant, gallery, report)))
    services().feedback.delete(tenant, gallery, report)
    return Response(status=204)


@dataclass(frozen=True)
class _Answer:
    """What a job said of one face; `scores` by person, of those on record."""

    verdict: Verdict
    search: PolicyKind
    policy: str
    threshold: float
    person: str | None
    scores: Mapping[str, float | None]


def _job(gallery: str, job_id: str) -> Job:
    """A finished verification or recognition of this gallery, which the caller could have asked for."""
    job = services().jobs.get(caller().tenant, job_id)
    if job.payload.get("gallery") != gallery:
        raise JobNotFound(f"There is no job {job_id} of the gallery {gallery!r}.")
    if job.type not in {JobType.VERIFICATION, JobType.RECOGNITION}:
        raise InvalidField(f"`job` must be a verification or a recognition; this is a job of type {job.type.value}.")
    caller().require(*SCOPES[job.type], Scope.ADMIN)
    if job.status is not JobStatus.SUCCEEDED:
        raise Conflict(f"The job is {job.status.value}; only one that succeeded has an answer that can be wrong.")
    return job


def _report(gallery: str, job: Job, sent: NewFeedback) -> Feedback:
    answer = _verified(job, sent.face) if job.type is JobType.VERIFICATION else _recognised(job, sent.face)
    name = _whom(answer, sent)
    person = services().galleries.get_person(job.tenant, gallery, name)
    if person.created_at.timestamp() > job.created_at:
        raise PersonChanged(f"The person {name!r} was made after the job: it was about another one.")
    if job.model is None:
        raise AssertionError("a job that succeeded names its model")
    return Feedback(
        id=f"{job.id}-{sent.face}",
        gallery=gallery,
        job=job.id,
        face=sent.face,
        kind=sent.kind,
        search=answer.search,
        person=person.uid,
        score=answer.scores.get(name),
        policy=answer.policy,
        threshold=answer.threshold,
        model=job.model,
        device=job.payload.get("device"),
        created_at=datetime.now(UTC),
        actor=caller().id,
    )


def _verified(job: Job, face: int) -> _Answer:
    found = VerificationResult.model_validate(job.result, extra="ignore")
    if face:
        raise InvalidField("`face` counts with recognitions only: a verification looks at one face.")
    person = str(job.payload["person"])
    scores = {person: found.score}
    return _Answer(found.verdict, PolicyKind.VERIFICATION, found.policy, found.threshold, person, scores)


def _recognised(job: Job, face: int) -> _Answer:
    found = RecognitionResult.model_validate(job.result, extra="ignore")
    if face >= len(found.faces):
        raise InvalidField(f"`face` must be the number of a face of the job, from 0; it has {len(found.faces)}.")
    seen = found.faces[face]
    scores = {candidate.person: candidate.score for candidate in seen.candidates}
    if seen.person:
        scores[seen.person] = seen.score
    return _Answer(seen.verdict, PolicyKind.IDENTIFICATION, found.policy, found.threshold, seen.person, scores)


def _whom(answer: _Answer, sent: NewFeedback) -> str:
    """Whom the report is about.

    Raises:
        InvalidField: the job said nothing of the kind.
        PersonNotFound: he was erased.
    """
    match sent.kind:
        case FeedbackKind.WRONG_PERSON if answer.verdict in SAID_YES:
            if answer.person is None:
                raise PersonNotFound("The person whom the face was taken for was erased.")
            whom = answer.person
        case FeedbackKind.NOT_RECOGNISED_BUT_IS if answer.verdict in SAID_NO:
            if (whom := answer.person or sent.person or "") == "":
                raise InvalidField("`person` is missing: who is it that was not recognised?")
        case _:
            raise InvalidField(
                f"`kind`: the answer for this face was {answer.verdict.value}. wrong_person is for match and "
                "recognised, not_recognised_but_is for no_match, not_recognised and ambiguous."
            )
    if sent.person not in {None, whom}:
        raise InvalidField("`person` must be left out: the job says itself whom it took the face for.")
    return whom


def _told(report: Feedback) -> dict[str, object]:
    said = report.model_dump(mode="json", include={"gallery", "job", "face", "device", "policy"})
    return {**said, "uid": report.person, "reason": report.kind.value}


def _view(report: Feedback) -> FeedbackDocument:
    shown = report.model_dump(include=set(FeedbackDocument.model_fields) - {"model", "score"})
    score = report.score if caller().may(Scope.SCORES_READ) else None
    return FeedbackDocument(**shown, model=report.model.digest, score=score)
