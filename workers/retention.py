"""Retention in housekeeping: what is to be kept no longer goes, erasures and replays are brought to their end."""

import threading
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from shared.erasures.eraser import Eraser
from shared.erasures.log import ErasureReason
from shared.erasures.replay import Replayer
from shared.errors import GalleryNotFound, PersonNotFound, Unavailable
from shared.galleries.objects import EXPIRING, expiry_key
from shared.galleries.persons import expired
from shared.galleries.store import GalleryStore
from shared.galleries.thumbnails import ThumbnailDeletion
from shared.schemas import EnrolmentPayload, Job, JobStatus, JobType
from shared.storage.store import ObjectStore
from workers.faces.enrollees import Enrollees

log = structlog.get_logger("housekeeping")

RETAIN_EVERY_S = 5.0


def withdraw_unfinished(enrollees: Enrollees, job: Job) -> None:
    """Leave nothing of an enrolment that is over: its worker was lost after storing the face, or stored it too late.

    What no worker took has stored nothing; where it was a batch's, another job is to store the same face.
    """
    enrols = job.type in {JobType.ENROLMENT, JobType.REEMBEDDING}
    if enrols and job.attempts and job.status is not JobStatus.SUCCEEDED:
        sent = EnrolmentPayload.model_validate(job.payload, extra="ignore")
        enrollees.withdraw(job.tenant, sent)


class Retention:
    """A few requests to the object store a round, when there is nothing to do."""

    def __init__(self, store: ObjectStore, galleries: GalleryStore, eraser: Eraser, replayer: Replayer) -> None:
        self._store = store
        self._thumbnails = ThumbnailDeletion(store, galleries)
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
            steps = (self._expire, self._eraser.settle, self._replayer.resume, self._replay_once, self._thumbnails.run)
            for step in steps:
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
            try:
                count += self._expire_one(mark)
            except Unavailable:
                raise
            except Exception:  # a record that cannot be read; the others' dates are kept all the same
                log.exception("retention")
        return count

    def _expire_one(self, mark: str) -> bool:
        """Erase whom a mark names, if his date has passed."""
        _, _, tenant, gallery, person = mark.split("/")
        record = self._galleries.record(tenant, gallery, person)
        gone = False
        if record is not None and expired(record):
            with suppress(PersonNotFound, GalleryNotFound):  # somebody else was faster
                self._eraser.erase(tenant, gallery, person, reason=ErasureReason.EXPIRED)
                gone = True
        self._store.delete(mark)  # he went, or has another date now
        return gone
