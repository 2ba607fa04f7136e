"""The change stream of a gallery: how a worker that keeps it in memory hears of what others did."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable

KEPT_CHANGES = 10_000


class ChangeKind(StrEnum):
    FACE_PUT = "face_put"
    FACE_DELETED = "face_deleted"
    PERSON_CHANGED = "person_changed"
    PERSON_DELETED = "person_deleted"
    GALLERY_DELETED = "gallery_deleted"
    MODEL_DELETED = "model_deleted"  # everybody's templates of one model
    RELOAD = "reload"  # many templates changed at once


@dataclass(frozen=True)
class Change:
    """What happened to whom; `digest` names the model whose template it was, empty: any."""

    kind: ChangeKind
    person: str = ""
    face: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Position:
    """Where a reader stands in a gallery's changes; comparable only within one epoch."""

    epoch: str
    seq: int


@dataclass(frozen=True)
class Changes:
    """What happened after a position; `complete` is false when the reader must load the gallery again."""

    position: Position
    changes: tuple[Change, ...]
    complete: bool


class ChangeStream:
    """Raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._script = redis.register_script(files("shared.galleries").joinpath("changes.lua").read_text())

    def append(self, tenant: str, gallery: str, change: Change) -> None:
        fields = ("kind", change.kind.value, "person", change.person, "face", change.face, "digest", change.digest)
        try:
            self._script(args=[self._key(tenant, gallery), "append", uuid.uuid4().hex, KEPT_CHANGES, *fields])
        except RedisError as error:
            raise QueueUnavailable(f"The change could not be announced ({type(error).__name__}).") from error

    def forget(self, tenant: str, gallery: str, person: str) -> None:
        """Remove what names a person; whoever has not read it yet finds a gap, and loads the gallery again."""
        try:
            self._script(args=[self._key(tenant, gallery), "forget", person])
        except RedisError as error:
            raise QueueUnavailable(f"The changes cannot be forgotten ({type(error).__name__}).") from error

    def read(self, tenant: str, gallery: str, since: Position | None) -> Changes:
        """What happened since a position.

        A restarted Redis may have lost its newest changes, so its run id is part of the epoch.
        """
        try:
            run_id = str(self._redis.info("server")["run_id"])
            after = since.seq if since else 0
            answer: Any = self._script(args=[self._key(tenant, gallery), "read", after])
        except RedisError as error:
            raise QueueUnavailable(f"The changes cannot be read ({type(error).__name__}).") from error
        made, seq, entries = answer
        position = Position(f"{run_id}:{made}", int(seq))
        changes = tuple(_change(fields) for _, fields in entries)
        complete = since is not None and position.epoch == since.epoch and len(changes) == int(seq) - since.seq
        return Changes(position, changes if complete else (), complete)

    def _key(self, tenant: str, gallery: str) -> str:
        return f"{self._prefix}gallery:{tenant}:{gallery}"


def _change(fields: Sequence[str]) -> Change:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return Change(ChangeKind(values["kind"]), values["person"], values["face"], values.get("digest", ""))
