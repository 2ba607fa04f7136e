"""Uploads: files that clients put straight into the object store, and name in later requests.

    uploads/{tenant}/inbound/{id}    the file, until a request has used it; its expiry rule takes what nobody used

What was announced of it lies in Redis, as long as it may be used:

    upload:{tenant}:{id}    the announcement
    uploads:{tenant}        zset  id -> when it is over, to count those that are open
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import Field
from redis import Redis
from redis.exceptions import RedisError

from gateway.errors import TooManyUploads, UploadNotFound
from shared.errors import QueueUnavailable
from shared.jobs import NewJob
from shared.schemas import Message
from shared.storage.store import ObjectStore, inbound_key

KEPT_S = 24 * 3600  # the expiry rule of the object store takes the file itself after as long


class Announcement(Message):
    """What a client said of a file before sending it; `expires_at` in UTC seconds since 1970."""

    id: str
    tenant: str
    bytes: int
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    expires_at: float

    @property
    def key(self) -> str:
        return inbound_key(self.tenant, self.id)


class UploadStore:
    """Methods raise QueueUnavailable or StorageUnavailable when Redis or the object store cannot be reached."""

    def __init__(self, redis: Redis, prefix: str, store: ObjectStore, *, most: int) -> None:
        """`most` uploads of a tenant may be open at a time."""
        self._redis = redis
        self._prefix = prefix
        self._store = store
        self._most = most

    def announce(self, tenant: str, size: int, sha256: str | None) -> Announcement:
        """Raises TooManyUploads."""
        now = time.time()
        new = Announcement(id=NewJob.new_id(), tenant=tenant, bytes=size, sha256=sha256, expires_at=now + KEPT_S)
        opened = self._opened(tenant)

        def count() -> int:
            with self._redis.pipeline() as pipe:
                pipe.zremrangebyscore(opened, "-inf", now)
                pipe.zadd(opened, {new.id: new.expires_at})
                pipe.zcard(opened)
                pipe.expire(opened, KEPT_S)
                pipe.set(self._key(tenant, new.id), new.model_dump_json(), ex=KEPT_S)
                return int(pipe.execute()[2])

        if self._call(count) > self._most:  # counted with itself, so that many at once do not exceed it together
            self._forget(tenant, [new.id])
            raise TooManyUploads(
                f"There are {self._most:,} uploads that no request has used yet: use or delete some, or wait a day."
            )
        return new

    def find(self, tenant: str, upload: str) -> Announcement:
        """Raises UploadNotFound, also for another tenant's."""
        found = self._call(lambda: self._redis.get(self._key(tenant, upload)))
        if found is None:
            raise UploadNotFound(f"There is no upload {upload!r}: it was used or deleted, or a day has passed.")
        return Announcement.model_validate_json(found)

    def delete(self, tenant: str, uploads: Iterable[str]) -> None:
        """Forget uploads, with their files. Deleting what is not there is not an error."""
        ids = list(uploads)
        self._forget(tenant, ids)
        for upload in ids:
            self._store.delete(inbound_key(tenant, upload))

    def _forget(self, tenant: str, ids: list[str]) -> None:
        def forget() -> None:
            with self._redis.pipeline() as pipe:
                pipe.delete(*(self._key(tenant, upload) for upload in ids))
                pipe.zrem(self._opened(tenant), *ids)
                pipe.execute()

        if ids:
            self._call(forget)

    def _key(self, tenant: str, upload: str) -> str:
        return f"{self._prefix}upload:{tenant}:{upload}"

    def _opened(self, tenant: str) -> str:
        return f"{self._prefix}uploads:{tenant}"

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"Uploads cannot be reached ({type(error).__name__}).") from error
