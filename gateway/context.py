"""What a view works with: the services it was given and the caller it serves."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from flask import current_app, g

from gateway.web.seats import Seats
from gateway.web.single_flight import SingleFlight
from shared.attempts import Attempts
from shared.audit.log import AuditLog
from shared.batches.records import BatchStore
from shared.erasures.eraser import Eraser
from shared.erasures.replay import Replayer
from shared.face_models import FaceModelStore
from shared.galleries.feedback import FeedbackStore
from shared.galleries.store import GalleryStore
from shared.jobs import JobStore, NewJob
from shared.liveness_sessions import LivenessSessions
from shared.outbox import Outbox
from shared.presence import Presence
from shared.settings import Settings
from shared.storage.store import ObjectStore
from shared.styles import StyleLibrary
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.subscriptions import WebhookStore

if TYPE_CHECKING:
    from gateway.auth import ApiKey, KeyStore
    from gateway.upload_store import UploadStore
    from gateway.uploads import Uploads
    from gateway.web.idempotency import IdempotencyStore
    from gateway.web.rates import Rates

EXTENSION = "likeness"


@dataclass(frozen=True)
class Services:
    """Everything the gateway talks to; `stopping` is set when the process shuts down."""

    store: ObjectStore
    jobs: JobStore
    galleries: GalleryStore
    eraser: Eraser
    keys: "KeyStore"
    presence: Presence
    liveness: LivenessSessions
    batches: BatchStore
    incoming: "UploadStore"
    outbox: Outbox
    audit: AuditLog
    deliveries: DeliveryStore
    idempotency: "IdempotencyStore"
    attempts: Attempts
    rates: "Rates"
    stopping: threading.Event = field(default_factory=threading.Event)
    verifying: SingleFlight = field(default_factory=SingleFlight)  # of the audit

    @property
    def styles(self) -> StyleLibrary:
        return StyleLibrary(self.store)

    @property
    def webhooks(self) -> WebhookStore:
        return WebhookStore(self.store)

    @property
    def feedback(self) -> FeedbackStore:
        return FeedbackStore(self.store)

    @property
    def replayer(self) -> Replayer:
        return Replayer(self.store, self.galleries, self.eraser)

    @property
    def face_models(self) -> FaceModelStore:
        return FaceModelStore(self.store)


@dataclass(frozen=True)
class Context:
    settings: Settings
    services: Services
    uploads: "Uploads"
    streams: Seats  # of events
    waits: Seats  # of requests for their job


def context() -> Context:
    return cast("Context", current_app.extensions[EXTENSION])


def services() -> Services:
    return context().services


def caller() -> "ApiKey":
    """The key of this request; `gateway.app` has let nobody in without one."""
    return cast("ApiKey", g.caller)


def request_id() -> str:
    """What names the request in its answer and in the log: perhaps the client's own."""
    return cast("str", g.request_id)


def trace_id() -> str:
    """What names it wherever that lasts: always ours, for what a client writes might say who somebody is."""
    return cast("str", g.trace_id)


def chosen_id() -> str:
    """The id of what this request makes: the same one when it is sent again with its Idempotency-Key."""
    if "chosen_id" not in g:
        g.chosen_id = NewJob.new_id()
    return cast("str", g.chosen_id)


def preferred_wait() -> int | None:
    """The seconds of `Prefer: wait=N`, if the client sent it."""
    return cast("int | None", g.preferred_wait)
