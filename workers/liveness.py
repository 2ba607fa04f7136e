"""Liveness in the face worker: what one photo says by itself, and whether frames answer a session's challenge."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog
import torch

from shared.errors import WeightsNotFound
from shared.liveness_sessions import LivenessSessions, Unredeemable
from shared.ml.face.catalogue import ModelCard
from shared.ml.face.detector import Box, Image
from shared.ml.face.liveness.actions import Action, Challenge
from shared.ml.face.liveness.challenge import FIRST_FRAMES, Finding, Observation, check
from shared.ml.face.liveness.passive import DEFAULT_PASSIVE, Crops, PassiveLiveness, PassiveProfile, crops
from shared.ml.face.verification import Verdict
from shared.ml.weight_sources import Unavailable
from shared.ml.weights import Supply
from shared.schemas import (
    LivenessCheckPayload,
    LivenessCheckResult,
    Message,
    Model,
    PassiveResult,
    PassiveStatus,
    PerformedAction,
    Progress,
)
from workers.face_models import Embedding, ServedModel
from workers.face_reader import FaceReader
from workers.runner import Held

log = structlog.get_logger("worker")

# Frames of one session show one face while it turns, which costs similarity: the loose threshold. Whoever then
# names the session must show the same face at the one that verifications have.
_SAME_FACE_FMR = 1e-3
_REDEEM_FMR = 1e-4

REPLAYED = "replayed_frame"
PASSIVE = "passive"
_REPLAYED_ADVICE = "A frame was sent before: send what the camera sees now."
_PASSIVE_ADVICE = "The face looks like a picture of one: find more even light and a plain background, and try again."
_NO_FACE = "No face was found in this frame: the whole face must be seen in every frame."
_SEVERAL = "Several faces of similar size are in this frame: one person must be alone before the camera."


class LivenessGuard:
    """What must hold before a probe's face counts as a living person's.

    Without the networks' weights `passive` says so, and whoever requires it refuses.
    """

    def __init__(
        self,
        network: PassiveLiveness | None,
        executor: Executor,
        sessions: LivenessSessions,
        *,
        profile: PassiveProfile = DEFAULT_PASSIVE,
    ) -> None:
        self._network = network
        self._executor = executor
        self._sessions = sessions
        self._profile = profile

    @classmethod
    def load(
        cls,
        sessions: LivenessSessions,
        executor: Executor,
        *,
        device: torch.device,
        cache_dir: Path | None,
        supply: Supply,
    ) -> "LivenessGuard":
        """With the networks where their weights are: in the cache, the local directory or the object store.

        They are optional, so a start does not wait for the authors' address; `make weights` asks that.
        """
        at_hand = replace(supply, download_url=lambda *_: Unavailable("not asked when a worker starts"))
        network = None
        try:
            network = PassiveLiveness.from_weights(device, cache_dir=cache_dir, supply=at_hand)
        except WeightsNotFound as error:
            log.warning("passive liveness is unavailable", reason=str(error).partition("\n")[0])
        return cls(network, executor, sessions)

    @property
    def available(self) -> bool:
        """Whether passive liveness can be told."""
        return self._network is not None

    def passive(self, image: Image, box: Box) -> PassiveResult:
        """Whether the face in `box` of an (H, W, 3) uint8 RGB image looks alive."""
        return self.passive_of([crops(image, box)])

    def passive_of(self, faces: Sequence[Crops]) -> PassiveResult:
        """The same for several views of one face, by the median of their scores."""
        if self._network is None:
            return PassiveResult(status=PassiveStatus.UNAVAILABLE)
        prepared = self._network.prepare(faces)
        live = self._executor.submit(self._network.forward, prepared).result()
        score = float(np.median(self._network.finish(live)))
        passed = score >= self._profile.threshold
        return PassiveResult(
            status=PassiveStatus.LIVE if passed else PassiveStatus.SPOOF_SUSPECTED,
            score=score,
            policy=self._profile.name,
            threshold=self._profile.threshold,
        )

    def active(self, held: Held, session: str, embedding: Embedding, card: ModelCard) -> str | None:
        """Use up a session that passed with this face: None when it did, otherwise why it proves nothing.

        The job may be done again, and then gets the same answer.
        """
        face = self._sessions.redeem(held.job.tenant, session, by=held.job.id)
        if isinstance(face, Unredeemable):
            return face.advice
        if face.model.digest != card.digest:
            return "The liveness session was made for another model: name the gallery when you make one."
        if face.likeness(embedding.tolist()) < card.curve.threshold(_REDEEM_FMR):
            return "The liveness session was passed by another face."
        return None


@dataclass(frozen=True)
class _Answer:
    """What the frames came to; `failure` is a word of challenge.Failure or one of this module's."""

    verdict: Verdict
    failure: str | None = None
    reason: str | None = None
    frame: int | None = None


class Models(Protocol):
    """The face models that a session may have been made for: workers.face_models.FaceModels."""

    def of(self, tenant: str, wanted: Model) -> ServedModel: ...


class LivenessChecker:
    """The task: hold a session's frames against its challenge."""

    def __init__(self, frames: FaceReader, models: Models, sessions: LivenessSessions, guard: LivenessGuard) -> None:
        self._frames = frames
        self._models = models
        self._sessions = sessions
        self._guard = guard

    def check(self, payload: LivenessCheckPayload, held: Held) -> tuple[Message, Model]:
        """Raises LivenessSessionNotFound: the session ended while its frames waited."""
        tenant = held.job.tenant
        session = self._sessions.get(tenant, payload.session)
        model = self._models.of(tenant, session.model)
        seen, views, refusal = self._observe(payload.frame_keys, model, held)
        passive = self._guard.passive_of(views) if views else PassiveResult(status=PassiveStatus.UNAVAILABLE)
        finding = Finding()
        if refusal is None:
            challenge = Challenge(tuple(Action(name) for name in session.challenge))
            finding = check(challenge, seen, same_face=model.card.curve.threshold(_SAME_FACE_FMR))
        replayed = self._sessions.seen_before(tenant, payload.attempt, [one.digest for one in seen])
        answer = refusal or _answer(finding, passive, replayed=replayed)
        if answer.verdict is Verdict.LIVE:
            self._sessions.passed(payload.session, payload.attempt, _mean(seen[:FIRST_FRAMES]))
        else:
            self._sessions.failed(payload.session, payload.attempt, answer.failure or answer.verdict.value)
        result = LivenessCheckResult(
            verdict=answer.verdict,
            failure=answer.failure,
            reason=answer.reason,
            frame=answer.frame,
            session=payload.session,
            actions=[PerformedAction(action=done.action.value, frame=done.frame) for done in finding.performed],
            passive=passive,
        )
        return result, model.identity

    def _observe(
        self, keys: Sequence[str], model: ServedModel, held: Held
    ) -> tuple[list[Observation], list[Crops], _Answer | None]:
        """Every frame's one face, passive's views of the first ones, and what is wrong with the first bad frame."""
        asked = []
        views: list[Crops] = []
        for index, key in enumerate(keys):
            image, face = self._frames.frame(key)
            if isinstance(face, Verdict):
                reason = _NO_FACE if face is Verdict.NO_FACE else _SEVERAL
                return [], views, _Answer(face, failure=face.value, reason=reason, frame=index)
            if index < FIRST_FRAMES:
                views.append(crops(image, face.box))
            digest = hashlib.sha256(image.tobytes()).hexdigest()
            asked.append((face, digest, model.batcher.submit(model.network.align(image, face.landmarks))))
            held.report(Progress(done=index + 1, total=len(keys), stage="frames"))
        seen = [
            Observation(face.box, face.landmarks, future.result().embedding, digest) for face, digest, future in asked
        ]
        return seen, views, None


def _answer(finding: Finding, passive: PassiveResult, *, replayed: bool) -> _Answer:
    if replayed:
        return _Answer(Verdict.SPOOF_SUSPECTED, REPLAYED, _REPLAYED_ADVICE)
    if finding.failure is not None:
        return _Answer(Verdict.SPOOF_SUSPECTED, finding.failure.value, finding.failure.advice, finding.frame)
    if passive.status is PassiveStatus.SPOOF_SUSPECTED:
        return _Answer(Verdict.SPOOF_SUSPECTED, PASSIVE, _PASSIVE_ADVICE)
    return _Answer(Verdict.LIVE)


def _mean(frames: Sequence[Observation]) -> list[float]:
    """The unit mean of the embeddings."""
    mean = np.mean([frame.embedding for frame in frames], axis=0)
    values: list[float] = (mean / np.linalg.norm(mean)).tolist()
    return values
