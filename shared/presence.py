"""Which queues have a warm worker: each worker says so every few seconds, and silence means gone.

Timed by the server's clock: one whose own is wrong must not make others look gone.
"""

from collections.abc import Iterable

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable
from shared.queue import Queue

BEAT_S = 3.0
GONE_AFTER_S = 12.0


class Presence:
    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    def beat(self, worker: str, queues: Iterable[Queue]) -> None:
        """Say that `worker` is warm and consumes `queues`.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        try:
            now = self._now()
            with self._redis.pipeline() as pipe:
                for queue in queues:
                    pipe.zadd(self._key(queue), {worker: now})
                    pipe.zremrangebyscore(self._key(queue), "-inf", now - GONE_AFTER_S)
                pipe.execute()
        except RedisError as error:
            raise QueueUnavailable(f"Redis cannot be reached ({type(error).__name__}).") from error

    def leave(self, worker: str, queues: Iterable[Queue]) -> None:
        """Withdraw at shutdown; best effort, silence does the same a little later."""
        try:
            for queue in queues:
                self._redis.zrem(self._key(queue), worker)
        except RedisError:
            return

    def workers(self, queue: Queue) -> int:
        """How many warm workers consume `queue`.

        Raises:
            QueueUnavailable: Redis cannot be reached.
        """
        try:
            return int(self._redis.zcount(self._key(queue), self._now() - GONE_AFTER_S, "+inf"))
        except RedisError as error:
            raise QueueUnavailable(f"Redis cannot be reached ({type(error).__name__}).") from error

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return seconds + microseconds / 1e6

    def _key(self, queue: Queue) -> str:
        return f"{self._prefix}workers:{queue.value}"
