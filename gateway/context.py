"""What a view works with: the services it was given and the caller it serves."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app, g

from shared.batches import BatchStore
from shared.face_models import FaceModelStore
from shared.gallery_store import GalleryStore
from shared.jobs import JobStore
from shared.liveness_sessions import LivenessSessions
from shared.outbox import Outbox
from shared.presence import Presence
from shared.settings import Settings
from shared.storage import ObjectStore
from shared.styles import StyleLibrary

if TYPE_CHECKING:
    from gateway.auth import ApiKey, KeyStore
    from gateway.uploads import Uploads

EXTENSION = "likeness"


@dataclass(frozen=True)
class Services:
    """Everything the gateway talks to; `stopping` is set when the process shuts down."""

    store: ObjectStore
    jobs: JobStore
    galleries: GalleryStore
    keys: "KeyStore"
    presence: Presence
    liveness: LivenessSessions
    batches: BatchStore
    outbox: Outbox
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def styles(self) -> StyleLibrary:
        return StyleLibrary(self.store)

    @property
    def face_models(self) -> FaceModelStore:
        return FaceModelStore(self.store)


@dataclass(frozen=True)
class Context:
    settings: Settings
    services: Services
    uploads: "Uploads"


def context() -> Context:
    return cast("Context", current_app.extensions[EXTENSION])


def services() -> Services:
    return context().services


def caller() -> "ApiKey":
    """The key of this request; `gateway.app` has let nobody in without one."""
    return cast("ApiKey", g.caller)


def request_id() -> str:
    return cast("str", g.request_id)


def preferred_wait() -> int | None:
    """The seconds of `Prefer: wait=N`, if the client sent it."""
    return cast("int | None", g.preferred_wait)
