"""Which queues have a warm worker, and what warm workers lack: each says so every few seconds, silence means gone.

All workers of a queue are taken to be able to do its work; one that is not names what it lacks. Timed by the server's
clock: one whose own is wrong must not make others look gone.
"""

from collections.abc import Iterable
from enum import StrEnum

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable
from shared.queue import Queue

BEAT_S = 3.0
GONE_AFTER_S = 12.0


class Capability(StrEnum):
    """What a warm worker may lack, because it needs files that are optional."""

    PASSIVE_LIVENESS = "passive-liveness"


class Presence:
    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def beat(self, worker: str, queues: Iterable[Queue], lacks: Iterable[Capability] = ()) -> None:
        """Say that `worker` is warm, consumes `queues` and cannot do what it `lacks`.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        try:
            now = self._now()
            with self._redis.pipeline() as pipe:
                for key in (*map(self._key, queues), *map(self._lack_key, lacks)):
                    pipe.zadd(key, {worker: now})
                    pipe.zremrangebyscore(key, "-inf", now - GONE_AFTER_S)
                pipe.execute()
        except RedisError as error:
            raise QueueUnavailable(f"Redis cannot be reached ({type(error).__name__}).") from error

    def leave(self, worker: str, queues: Iterable[Queue]) -> None:
        """Withdraw at shutdown; best effort, silence does the same a little later."""
        try:
            for key in (*map(self._key, queues), *map(self._lack_key, Capability)):
                self._redis.zrem(key, worker)
        except RedisError:
            return

    def check_writable(self) -> None:
        """Write something, for a full Redis answers everything but that.

        Raises:
            QueueUnavailable: Redis cannot be reached, or takes nothing more.
        """
        try:
            self._redis.set(f"{self._prefix}writable", "1", ex=int(GONE_AFTER_S))
        except RedisError as error:
            raise QueueUnavailable(f"Redis takes nothing ({type(error).__name__}: {error}).") from error

    def workers(self, queue: Queue) -> int:
        """How many warm workers consume `queue`.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return self._count(self._key(queue))

    def lacking(self, capability: Capability) -> int:
        """Count the warm workers that cannot do this.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        return self._count(self._lack_key(capability))

    def _count(self, key: str) -> int:
        try:
            return int(self._redis.zcount(key, self._now() - GONE_AFTER_S, "+inf"))
        except RedisError as error:
            raise QueueUnavailable(f"Redis cannot be reached ({type(error).__name__}).") from error

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6

    def _key(self, queue: Queue) -> str:
        return f"{self._prefix}workers:{queue.value}"

    def _lack_key(self, capability: Capability) -> str:
        return f"{self._prefix}workers-lacking:{capability.value}"
