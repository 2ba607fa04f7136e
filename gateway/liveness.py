"""Liveness sessions: a random challenge, the frames that answer it, and how that came out."""

from datetime import UTC, datetime

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.errors import RateLimited
from gateway.web.bodies import Body, ImageFiles, read_body
from gateway.web.operations import Operation, operation
from gateway.web.responses import Document, JobDocument, accept, document, optional
from shared.errors import ImageTooLarge
from shared.liveness_sessions import LivenessSession
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.ml.face.liveness.actions import MAX_FRAMES, MIN_FRAMES, Action, Challenge
from shared.schemas import Id, JobType, LivenessCheckPayload, LivenessState, Model, Priority

blueprint = APIBlueprint("liveness", __name__, url_prefix="/v1/liveness-sessions")

CHECKING = (Scope.VERIFY, Scope.RECOGNISE)
FRAME_PIXELS = 1920 * 1080
ADVICE = (
    "JPEG, the face at least 100 px wide, five to ten frames for each second from the first look into the camera to "
    "the end of the last movement, in the order they were taken, as the camera sees them: not mirrored."
)


class NewSession(Body):
    gallery: Id | None = Field(None, description="the gallery of the request that will name the session; its id")


class Frames(Body):
    frames: ImageFiles = Field(
        min_length=MIN_FRAMES,
        max_length=MAX_FRAMES,
        description=f"a list of {MIN_FRAMES} to {MAX_FRAMES} pictures, in the order they were taken",
    )


class ActionDocument(Document):
    action: Action
    instruction: str = Field(description="for the person in front of the camera")


class FramesWanted(Document):
    min: int = MIN_FRAMES
    max: int = MAX_FRAMES
    pixels: int = FRAME_PIXELS
    advice: str = ADVICE


class SessionDocument(Document):
    id: str
    state: LivenessState
    challenge: list[ActionDocument] = Field(description="look into the camera first, then these in order")
    expires_at: datetime = Field(description="the frames must have been sent by then")
    frames: FramesWanted = FramesWanted()
    failure: str | None = optional("why the frames did not pass")


@blueprint.post("")
@operation(Operation({201: SessionDocument}, scopes=CHECKING, body=NewSession, body_optional=True, problems=(404,)))
def create_session() -> Response:
    """Make a liveness session: a random challenge that can be answered once, within three minutes."""
    sent = read_body(NewSession, optional=True)
    _limit()
    made = services().liveness.create(caller().tenant, Challenge.random().actions, _model(sent.gallery))
    return document(_view(made), 201, headers={"Location": f"/v1/liveness-sessions/{made.id}"})


@blueprint.get("/<id:session>")
@operation(Operation({200: SessionDocument}, scopes=CHECKING))
def get_session(session: str) -> Response:
    """Read a liveness session."""
    return document(_view(services().liveness.get(caller().tenant, session)))


@blueprint.post("/<id:session>/frames")
@operation(Operation({200: JobDocument, 202: JobDocument}, scopes=CHECKING, body=Frames, waits=True, problems=(409,)))
def check_frames(session: str) -> Response:
    """Answer a session's challenge with the frames of a camera.

    A session takes frames once.
    """
    sent, tenant = read_body(Frames), caller().tenant
    services().liveness.get(tenant, session)  # before any picture is looked at
    pictures = {f"frame-{number:02d}": data for number, data in enumerate(sent.frames)}
    for name, (width, height) in context().uploads.check(pictures).items():
        if width * height > FRAME_PIXELS:
            raise ImageTooLarge(f"`{name}`: a frame has at most {FRAME_PIXELS:,} pixels. Scale it down.")
    with services().liveness.taken(tenant, session) as attempt:
        return accept(
            JobType.LIVENESS_CHECK,
            pictures,
            lambda keys: LivenessCheckPayload(
                session=session, attempt=attempt, frame_keys=tuple(keys[name] for name in sorted(keys))
            ),
            Priority.INTERACTIVE,
        )


def _limit() -> None:
    """Raises RateLimited."""
    most = context().settings.rates.liveness_per_minute
    if seconds := services().liveness.count(caller().id, most):
        raise RateLimited(
            f"This key may make {most:,} liveness sessions a minute. Wait, or ask for a higher limit.",
            retry_after=seconds,
        )


def _model(gallery: str | None) -> Model:
    """Whose embeddings the session's face will be compared with."""
    if gallery is None:
        return Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)
    return services().galleries.get_gallery(caller().tenant, gallery).model


def _view(session: LivenessSession) -> SessionDocument:
    actions = [Action(name) for name in session.challenge]
    return SessionDocument(
        id=session.id,
        state=session.state,
        challenge=[ActionDocument(action=action, instruction=action.instruction) for action in actions],
        expires_at=datetime.fromtimestamp(session.expires_at, UTC),
        failure=session.failure,
    )
