"""Retention in housekeeping: who is to be kept no longer is erased, erasures and replays are brought to their end."""

import threading
from datetime import UTC, datetime

import structlog

from shared.erasures.eraser import Eraser
from shared.erasures.log import ErasureReason
from shared.erasures.replay import Replayer
from shared.errors import GalleryNotFound, PersonNotFound, Unavailable
from shared.galleries.objects import EXPIRING, expiry_key
from shared.galleries.persons import expired
from shared.galleries.store import GalleryStore
from shared.schemas import EnrolmentPayload, Job, JobStatus, JobType
from shared.storage.store import ObjectStore

log = structlog.get_logger("housekeeping")

RETAIN_EVERY_S = 5.0


def withdraw_unfinished(galleries: GalleryStore, job: Job) -> None:
    """Leave nothing of an enrolment whose worker was lost between storing the face and the job's end."""
    if job.type in {JobType.ENROLMENT, JobType.REEMBEDDING} and job.status is not JobStatus.SUCCEEDED:
        sent = EnrolmentPayload.model_validate(job.payload, extra="ignore")
        galleries.withdraw_template(job.tenant, sent.gallery, sent.person, sent.face)


class Retention:
    """One request to the object store a round, when there is nothing to do."""

    def __init__(self, store: ObjectStore, galleries: GalleryStore, eraser: Eraser, replayer: Replayer) -> None:
        self._store = store
        self._galleries = galleries
        self._eraser = eraser
        self._replayer = replayer
        self._replayed = False
        self._turn = threading.Lock()

    def run(self) -> None:
        """One round; one that is still under way in this process is not disturbed.

        The first looks whether a backup was restored while nobody watched.
        """
        if not self._turn.acquire(blocking=False):
            return
        try:
            for step in (self._expire, self._eraser.settle, self._replayer.resume, self._replay_once):
                try:
                    step()
                except Unavailable:
                    raise
                except Exception:  # an object that cannot be read; it keeps nothing else from being done
                    log.exception("retention")
        except Unavailable as error:
            log.warning("retention", problem=str(error))  # the next round is some seconds away
        finally:
            self._turn.release()

    def _expire(self) -> None:
        count = self.expire()
        if count:
            log.info("expired", persons=count)

    def _replay_once(self) -> None:
        if not self._replayed:
            self._replayer.apply_all()
            self._replayed = True

    def expire(self) -> int:
        """Erase everybody whose date has passed; how many they were."""
        count = 0
        now = expiry_key(datetime.now(UTC), "", "", "")
        for mark in self._store.keys(EXPIRING):
            if mark > now:  # in the order of their times
                break
            _, _, tenant, gallery, person = mark.split("/")
            record = self._galleries.record(tenant, gallery, person)
            if record is not None and expired(record):
                try:
                    self._eraser.erase(tenant, gallery, person, reason=ErasureReason.EXPIRED)
                    count += 1
                except (PersonNotFound, GalleryNotFound):
                    pass  # somebody else was faster
            self._store.delete(mark)  # he went, or has another date now
        return count
