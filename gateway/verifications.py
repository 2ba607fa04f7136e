"""1:1 verification: whether this is the person he says he is, whether two photos show one person."""

from collections.abc import Iterator
from contextlib import contextmanager

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, chosen_id, context, services
from gateway.errors import PersonLocked
from gateway.policies import (
    ComparisonPolicy,
    Device,
    Liveness,
    LivenessSession,
    VerificationPolicy,
    check_liveness,
    check_policy,
    choose_policy,
)
from gateway.telling import tell
from gateway.web.bodies import Body, ImageFile, read_body
from gateway.web.operations import accepts_job
from gateway.web.responses import accept
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.verification import DEFAULT_VERIFICATION
from shared.schemas import (
    ComparisonPayload,
    Decision,
    Id,
    JobType,
    LivenessRequirement,
    PolicyKind,
    Priority,
    VerificationPayload,
)

blueprint = APIBlueprint("verifications", __name__, url_prefix="/v1")


class Verification(Body):
    image: ImageFile
    person: Id
    policy: VerificationPolicy = None
    liveness: Liveness = LivenessRequirement.NONE
    liveness_session: LivenessSession = None
    device: Device = None
    priority: Priority = Priority.INTERACTIVE


class Comparison(Body):
    image_a: ImageFile
    image_b: ImageFile
    policy: ComparisonPolicy = DEFAULT_VERIFICATION
    model: Id = Field(DEFAULT_MODEL.name, description="name or digest of the face model; GET /v1/models lists them")
    priority: Priority = Priority.INTERACTIVE


@blueprint.post("/galleries/<id:gallery>/verifications")
@accepts_job(Scope.VERIFY, Verification)
def verify(gallery: str) -> Response:
    """Verify that a photo shows a person of the gallery.

    The verdict is what the face says; the decision is what the gallery's access rules make of it, at this door, now.
    """
    sent = read_body(Verification)
    pictures = {"image": sent.image}
    context().uploads.check(pictures)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    policy = choose_policy(sent.policy, PolicyKind.VERIFICATION, found)
    check_liveness(sent.liveness, sent.liveness_session, found)
    services().galleries.get_person(caller().tenant, gallery, sent.person)
    with _attempt(gallery, sent.person, sent.device):
        return accept(
            JobType.VERIFICATION,
            pictures,
            lambda keys: VerificationPayload(
                gallery=gallery,
                person=sent.person,
                image_key=keys["image"],
                policy=policy,
                liveness=sent.liveness,
                liveness_session=sent.liveness_session,
                device=sent.device,
            ),
            sent.priority,
        )


@blueprint.post("/comparisons")
@accepts_job(Scope.VERIFY, Comparison)
def compare() -> Response:
    """Compare the faces of two photos; nothing is stored."""
    sent = read_body(Comparison)
    pictures = {"image_a": sent.image_a, "image_b": sent.image_b}
    context().uploads.check(pictures)
    check_policy(sent.policy, PolicyKind.VERIFICATION)
    model = services().face_models.find(caller().tenant, sent.model)
    return accept(
        JobType.COMPARISON,
        pictures,
        lambda keys: ComparisonPayload(
            image_a_key=keys["image_a"], image_b_key=keys["image_b"], model=model, policy=sent.policy
        ),
        sent.priority,
    )


@contextmanager
def _attempt(gallery: str, person: str, device: str | None) -> Iterator[None]:
    """Count an attempt to be taken for a person, whose job the body submits. Raises PersonLocked."""
    tenant, job_id, attempts = caller().tenant, chosen_id(), services().attempts
    with attempts.counted(tenant, gallery, person, job_id=job_id) as seconds:
        if seconds:
            if attempts.is_first_refusal(tenant, gallery, person, seconds=seconds):
                told = {"decision": Decision.DENIED.value, "reason": PersonLocked.code}
                tell("verification.refused", gallery=gallery, person=person, device=device, **told)
            raise PersonLocked(
                "There were too many attempts to verify as this person. Wait before the next one.", retry_after=seconds
            )
        yield
