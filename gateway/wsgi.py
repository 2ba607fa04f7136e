"""The real gateway, built from the settings. `python -m gateway` runs it."""

import sys
import threading

from apiflask import APIFlask
from redis import Redis

from gateway.app import create_app
from gateway.auth import KeyStore, hand_over_first_key
from gateway.context import Services
from gateway.upload_store import UploadStore
from gateway.web.idempotency import IdempotencyStore
from gateway.web.rates import Rates
from shared import styles
from shared.attempts import Attempts
from shared.audit.log import AuditLog
from shared.batches.records import BatchStore
from shared.erasures.keepers import make_eraser
from shared.galleries.store import GalleryStore
from shared.jobs import JobStore
from shared.liveness_sessions import LivenessSessions
from shared.outbox import Outbox
from shared.presence import Presence
from shared.queue import Publish, celery_app, connect, publisher
from shared.settings import Settings
from shared.storage.s3_store import S3Store
from shared.storage.store import ObjectStore
from shared.webhooks.deliveries import DeliveryStore


def prepare(settings: Settings) -> None:
    """What must be there before the first request: bucket, styles, a first API key.

    Raises:
        StorageUnavailable: the object store cannot be reached.
        ConfigurationError: the first key cannot be written where it should be.
    """
    store = S3Store(settings.s3)
    store.prepare()
    styles.seed(store)
    keys = KeyStore(store, settings.auth.cache_seconds)
    token = hand_over_first_key(keys, settings.auth.first_key_file)
    if token:
        sys.stdout.write(f"The first API key, shown this once: {token}\n")
        sys.stdout.flush()


def build(settings: Settings, stopping: threading.Event | None = None) -> APIFlask:
    """The application with its real services; `stopping` is set by whoever ends the process."""
    publish = publisher(celery_app(settings.redis))
    return create_app(settings, assemble(settings, S3Store(settings.s3), connect(settings.redis), publish, stopping))


def assemble(
    settings: Settings, store: ObjectStore, redis: Redis, publish: Publish, stopping: threading.Event | None = None
) -> Services:
    """Everything the gateway talks to, over an object store and a Redis."""
    prefix = settings.redis.key_prefix
    jobs, galleries = JobStore(redis, prefix, settings.jobs, publish), GalleryStore(store, redis, prefix)
    return Services(
        store=store,
        jobs=jobs,
        galleries=galleries,
        eraser=make_eraser(settings, store, redis, galleries=galleries, jobs=jobs),
        keys=KeyStore(store, settings.auth.cache_seconds),
        presence=Presence(redis, prefix),
        liveness=LivenessSessions(redis, prefix),
        incoming=UploadStore(redis, prefix, store, most=settings.limits.open_uploads),
        batches=BatchStore(redis, prefix, store, retention_seconds=settings.s3.image_seconds),
        outbox=Outbox(redis, prefix),
        audit=AuditLog(store, redis, prefix),
        deliveries=DeliveryStore(redis, prefix, settings.webhooks),
        idempotency=IdempotencyStore(redis, prefix, kept_seconds=settings.rates.idempotency_seconds),
        attempts=Attempts(redis, prefix, settings.rates, lifetime=settings.jobs.face_deadline),
        rates=Rates(settings.redis, settings.rates.key_per_minute),
        stopping=stopping or threading.Event(),
    )
