"""What every worker process is made of: settings in, connected services out."""

from dataclasses import dataclass
from functools import partial

from celery import Celery
from redis import Redis

from shared.galleries.store import GalleryStore
from shared.images import ImageLimits
from shared.jobs import JobStore
from shared.outbox import Outbox
from shared.presence import Presence
from shared.queue import celery_app, connect, publisher
from shared.settings import Settings
from shared.storage.s3_store import S3Store
from shared.storage.store import ObjectStore
from workers.faces.enrollees import Enrollees
from workers.retention import withdraw_unfinished
from workers.runner import JobRunner


@dataclass(frozen=True)
class Services:
    settings: Settings
    celery: Celery
    redis: Redis
    store: ObjectStore
    jobs: JobStore
    galleries: GalleryStore
    outbox: Outbox
    presence: Presence
    runner: JobRunner
    limits: ImageLimits


def connect_services(settings: Settings) -> Services:
    """Build the real services; nothing is contacted yet."""
    celery = celery_app(settings.redis)
    redis = connect(settings.redis)
    store = S3Store(settings.s3)
    prefix = settings.redis.key_prefix
    jobs = JobStore(redis, prefix, settings.jobs, publisher(celery))
    galleries = GalleryStore(store, redis, prefix)
    outbox = Outbox(redis, prefix)
    withdraw = partial(withdraw_unfinished, Enrollees(store, galleries, outbox))
    return Services(
        settings=settings,
        celery=celery,
        redis=redis,
        store=store,
        jobs=jobs,
        galleries=galleries,
        outbox=outbox,
        presence=Presence(redis, prefix),
        runner=JobRunner(jobs, store, settings.jobs.lease_seconds, withdraw=withdraw),
        limits=settings.limits.images,
    )
