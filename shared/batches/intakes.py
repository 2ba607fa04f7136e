"""Batches that are being taken in: what a gateway stored of one before it died is deleted, and no photo is forgotten.

batch-intakes    zset    {tenant}/{batch} -> when it began, UTC seconds
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable, Unavailable
from shared.storage.store import ObjectStore, batch_folder

ABANDONED_S = 3600.0  # thousands of pictures are taken in within minutes


class BatchIntakes:
    """Methods raise QueueUnavailable or StorageUnavailable when Redis or the object store cannot be reached."""

    def __init__(self, redis: Redis, prefix: str, store: ObjectStore) -> None:
        self._redis = redis
        self._prefix = prefix
        self._store = store

    @contextmanager
    def under_way(self, tenant: str, batch_id: str) -> Iterator[None]:
        """Take a batch in in the body; what it stored is deleted when it raises, unless it became a batch."""
        name = f"{tenant}/{batch_id}"
        self._call(lambda: self._redis.zadd(self._key, {name: time.time()}))
        try:
            yield
        except BaseException:
            with suppress(Unavailable):  # then `sweep` does it
                if not self._became_one(name):  # it did where only the answer to its creation was lost
                    self._forget(name)
            raise
        with suppress(Unavailable):  # `sweep` will find that it has a record
            self._done(name)

    def sweep(self) -> int:
        """Delete what was begun long ago and never became a batch; how many of them."""
        latest = time.time() - ABANDONED_S
        begun = cast("list[str]", self._call(lambda: self._redis.zrangebyscore(self._key, "-inf", latest)))
        abandoned = [name for name in begun if not self._became_one(name)]
        for name in abandoned:
            self._forget(name)
        for name in set(begun) - set(abandoned):
            self._done(name)
        return len(abandoned)

    def _became_one(self, name: str) -> bool:
        return bool(self._call(lambda: self._redis.exists(f"{self._prefix}batch:{name.split('/')[1]}")))

    def _done(self, name: str) -> None:
        self._call(lambda: self._redis.zrem(self._key, name))

    def _forget(self, name: str) -> None:
        self._store.delete_prefix(batch_folder(*name.split("/")))
        self._done(name)

    @property
    def _key(self) -> str:
        return f"{self._prefix}batch-intakes"

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"Batches cannot be reached ({type(error).__name__}).") from error
