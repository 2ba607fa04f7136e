"""The real gateway, built from the settings. `python -m gateway` runs it."""

import sys
import threading

from apiflask import APIFlask

from gateway.app import create_app
from gateway.auth import KeyStore, hand_over_first_key
from gateway.context import Services
from shared import styles
from shared.batches import BatchStore
from shared.gallery_store import GalleryStore
from shared.jobs import JobStore
from shared.liveness_sessions import LivenessSessions
from shared.presence import Presence
from shared.queue import celery_app, connect, publisher
from shared.settings import Settings
from shared.storage import S3Store


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
    store, redis, prefix = S3Store(settings.s3), connect(settings.redis), settings.redis.key_prefix
    services = Services(
        store=store,
        jobs=JobStore(redis, prefix, settings.jobs, publisher(celery_app(settings.redis))),
        galleries=GalleryStore(store, redis, prefix),
        keys=KeyStore(store, settings.auth.cache_seconds),
        presence=Presence(redis, prefix),
        liveness=LivenessSessions(redis, prefix),
        batches=BatchStore(redis, prefix, store, retention_seconds=settings.s3.image_seconds),
        stopping=stopping or threading.Event(),
    )
    return create_app(settings, services)
