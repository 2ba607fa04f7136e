"""Who keeps something of a person beside the gallery and the jobs, for the eraser."""

from collections.abc import Mapping

from redis import Redis

from shared.attempts import Attempts
from shared.batches.people import BatchPeople
from shared.batches.records import BatchStore
from shared.erasures.eraser import Eraser, Keeper, Subject
from shared.galleries.feedback import FeedbackStore
from shared.galleries.store import GalleryStore
from shared.jobs import JobStore
from shared.outbox import Outbox
from shared.settings import Settings
from shared.storage.store import ObjectStore


class FeedbackKeeper:
    """Reports about answers that concerned him."""

    def __init__(self, feedback: FeedbackStore) -> None:
        self._feedback = feedback

    def forget_person(self, subject: Subject) -> int:
        return self._feedback.delete_of(subject.tenant, subject.gallery, subject.uid)


class AttemptsKeeper:
    """Times of failed verifications; who comes after him begins anew."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def forget_person(self, subject: Subject) -> int:
        self._attempts.forget(subject.tenant, subject.gallery, subject.person)
        return 0  # they are not counted


def keepers(settings: Settings, store: ObjectStore, redis: Redis) -> Mapping[str, Keeper]:
    attempts = Attempts(redis, settings.redis.key_prefix, settings.rates, lifetime=settings.jobs.face_deadline)
    batches = BatchStore(redis, settings.redis.key_prefix, store, retention_seconds=settings.s3.image_seconds)
    return {
        "feedback": FeedbackKeeper(FeedbackStore(store)),
        "attempts": AttemptsKeeper(attempts),
        "batch_items": BatchPeople(batches, store),
    }


def make_eraser(
    settings: Settings, store: ObjectStore, redis: Redis, *, galleries: GalleryStore, jobs: JobStore
) -> Eraser:
    """The real one. A job about a person is over when its deadline has passed and its lease has run out."""
    return Eraser(
        store,
        galleries,
        jobs,
        Outbox(redis, settings.redis.key_prefix),
        keepers=keepers(settings, store, redis),
        settle_seconds=settings.jobs.face_deadline + settings.jobs.lease_seconds,
    )
