"""Liveness sessions in Redis: a challenge that is answered once, within three minutes, and counts once.

    {prefix}liveness:{id}                   the session
    {prefix}liveness-frame:{tenant}:{digest}   the attempt that a frame's pixels were first seen in
    {prefix}liveness-made:{key}                how many sessions an API key has made in this minute

A session that passed keeps the embedding of the face that did, for three minutes more: the verification or
recognition that names the session must show the same face. shared/liveness.lua has each atomic step.
"""

import base64
import json
import time
import uuid
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib.resources import files
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import LivenessSessionNotFound, LivenessSessionUsed, QueueUnavailable
from shared.schemas import LivenessState, Message, Model

SESSION_S = 180  # to answer the challenge
REDEEM_S = 180  # to use a session that passed
_MINUTE_S = 60
_CHECK_S = 600  # longer than a face job lives
_REMEMBERED_S = 24 * 3600  # a frame that comes again within this is a recording


class LivenessSession(Message):
    """`challenge` holds the names of the actions, in order; `expires_at` in UTC seconds since 1970."""

    id: str
    tenant: str
    state: LivenessState
    challenge: tuple[str, ...]
    model: Model
    expires_at: float
    failure: str | None = None


class PassedFace(Message):
    """The face that passed: unit length, float32, of the model whose digest it carries."""

    embedding: tuple[float, ...]
    model: Model

    def likeness(self, embedding: Sequence[float]) -> float:
        """Cosine similarity to another unit embedding of the same model."""
        return sum(a * b for a, b in zip(self.embedding, embedding, strict=True))


class Unredeemable(StrEnum):
    """Why a session proves nothing for a request that names it."""

    MISSING = "missing"
    OPEN = "open"
    CHECKING = "checking"
    FAILED = "failed"
    USED = "used"

    @property
    def advice(self) -> str:
        return _ADVICE[self]


_ADVICE = {
    Unredeemable.MISSING: "There is no such liveness session, or it is over: make a new one.",
    Unredeemable.OPEN: "The liveness session has no frames yet: answer its challenge first.",
    Unredeemable.CHECKING: "The liveness session's frames are still being checked: wait for that job.",
    Unredeemable.FAILED: "The liveness session did not pass: make a new one.",
    Unredeemable.USED: "The liveness session was used before: make a new one for each request.",
}


class LivenessSessions:
    """Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._script = redis.register_script(files("shared").joinpath("liveness.lua").read_text())

    # --- the gateway's side ---

    def create(self, tenant: str, challenge: Sequence[str], model: Model) -> LivenessSession:
        session = LivenessSession(
            id=uuid.uuid4().hex,
            tenant=tenant,
            state=LivenessState.OPEN,
            challenge=tuple(challenge),
            model=model,
            expires_at=float(int(time.time()) + SESSION_S),
        )
        fields = {
            "tenant": tenant,
            "state": session.state.value,
            "challenge": json.dumps(session.challenge),
            "model": model.model_dump_json(),
            "expires_at": str(int(session.expires_at)),
        }
        pairs = (text for pair in fields.items() for text in pair)
        self._run(session.id, "create", int(session.expires_at), *pairs)
        return session

    def count(self, key_id: str, most: int) -> float:
        """Count a session that an API key makes; 0, or in how many seconds it may make one again.

        Each session is a try with another challenge: who could have as many as he likes would wait for the one
        that his recording answers.
        """

        def made() -> list[Any]:
            name = f"{self._prefix}liveness-made:{key_id}"
            with self._redis.pipeline() as pipe:
                pipe.incr(name)
                pipe.expire(name, _MINUTE_S, nx=True)
                pipe.pttl(name)
                return pipe.execute()

        number, _, left_ms = self._call(made)
        return left_ms / 1000 if most and number > most else 0.0

    def get(self, tenant: str, session_id: str) -> LivenessSession:
        """Raises LivenessSessionNotFound, also for another tenant's session and for one that is over."""
        record = cast("dict[str, str]", self._call(lambda: self._redis.hgetall(self._key(session_id))))
        if record.get("tenant") != tenant:
            raise _not_found(session_id)
        return LivenessSession(
            id=session_id,
            tenant=tenant,
            state=LivenessState(record["state"]),
            challenge=tuple(json.loads(record["challenge"])),
            model=Model.model_validate_json(record["model"]),
            expires_at=float(record["expires_at"]),
            failure=record.get("failure") or None,
        )

    @contextmanager
    def taken(self, tenant: str, session_id: str) -> Iterator[str]:
        """Use up the session for one attempt, whose name this gives; free again when the body raises.

        Raises:
            LivenessSessionNotFound, LivenessSessionUsed: of concurrent calls one succeeds.
        """
        attempt = uuid.uuid4().hex
        match self._run(session_id, "take", tenant, attempt, _CHECK_S):
            case "missing":
                raise _not_found(session_id)
            case "taken":
                raise LivenessSessionUsed("This liveness session has had its frames; make a new one for another try.")
        try:
            yield attempt
        except BaseException:
            self._run(session_id, "give_back", attempt)
            raise

    # --- the worker's side ---

    def seen_before(self, tenant: str, attempt: str, digests: Sequence[str]) -> bool:
        """Whether any of these frames was sent in another attempt; they are remembered for a day."""

        def remember() -> list[Any]:
            with self._redis.pipeline(transaction=False) as pipe:
                for digest in digests:
                    key = f"{self._prefix}liveness-frame:{tenant}:{digest}"
                    pipe.set(key, attempt, nx=True, ex=_REMEMBERED_S)
                    pipe.get(key)
                return pipe.execute()

        owners = self._call(remember)[1::2]
        return any(owner != attempt for owner in owners)

    def passed(self, session_id: str, attempt: str, embedding: Sequence[float]) -> bool:
        """Record that the frames passed, and whose face they show; False when it is not this attempt's session."""
        packed = base64.b64encode(array("f", embedding).tobytes()).decode()
        fields = ("state", LivenessState.PASSED.value, "embedding", packed)
        return bool(self._run(session_id, "finish", attempt, REDEEM_S, *fields) == "ok")

    def failed(self, session_id: str, attempt: str, failure: str) -> bool:
        fields = ("state", LivenessState.FAILED.value, "failure", failure)
        return bool(self._run(session_id, "finish", attempt, REDEEM_S, *fields) == "ok")

    def redeem(self, tenant: str, session_id: str, *, by: str) -> PassedFace | Unredeemable:
        """Use up a session that passed. `by` names the job, which may be done again and gets the same answer."""
        outcome = self._run(session_id, "redeem", tenant, by)
        if outcome != "ok":
            return Unredeemable(outcome)
        names = ("embedding", "model")
        found = self._call(lambda: self._redis.hmget(self._key(session_id), names))
        packed, model = cast("list[str | None]", found)
        if packed is None or model is None:  # it ended between the two calls
            return Unredeemable.MISSING
        return PassedFace(embedding=tuple(array("f", base64.b64decode(packed))), model=Model.model_validate_json(model))

    def _key(self, session_id: str) -> str:
        return f"{self._prefix}liveness:{session_id}"

    def _run(self, session_id: str, operation: str, *arguments: str | float) -> Any:
        return self._call(lambda: self._script(args=[self._key(session_id), operation, *arguments]))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"Liveness sessions cannot be reached ({type(error).__name__}).") from error


def _not_found(session_id: str) -> LivenessSessionNotFound:
    return LivenessSessionNotFound(
        f"There is no liveness session {session_id}: it lasts {SESSION_S // 60} minutes. Make a new one."
    )
