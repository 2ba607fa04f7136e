"""How many requests a key may send: counted in Redis for all gateways together.

While Redis is away each gateway counts for itself, so that the limit neither falls nor keeps anybody out.
The headers follow draft-ietf-httpapi-ratelimit-headers-10.
"""

import math
import threading
import time
import weakref
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter

from shared.settings import RedisSettings

POLICY = "key"
WINDOW_S = 60
REDIS_S = 0.5  # rather count here than keep a request waiting
AWAY_S = 5.0  # for so long a Redis that did not answer is not asked again


@dataclass(frozen=True)
class Allowance:
    """What a key has left: `remaining` requests, more of them in `reset` seconds."""

    admitted: bool
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"{POLICY}";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"{POLICY}";r={self.remaining};t={self.reset}',
        }


class Rates:
    def __init__(self, redis: RedisSettings, per_minute: int) -> None:
        self._redis = redis
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._here: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: RateLimiter | None = None
        self._away_until = 0.0
        self._lock = threading.Lock()

    def hit(self, key_id: str) -> Allowance | None:
        """Count a request of this key; None where there is no limit."""
        if self._item is None:
            return None
        if time.monotonic() >= self._away_until:
            try:
                return self._count(self._connected(), self._item, key_id)
            except StorageError:
                self._away_until = time.monotonic() + AWAY_S
        return self._count(self._here, self._item, key_id)

    def _count(self, limiter: RateLimiter, item: RateLimitItemPerMinute, key_id: str) -> Allowance:
        admitted = limiter.hit(item, key_id)
        reset, remaining = limiter.get_window_stats(item, key_id)
        return Allowance(admitted, item.amount, remaining, max(0, math.ceil(reset - time.time())))

    def _connected(self) -> RateLimiter:
        """Made at the first request: a gateway starts without Redis."""
        with self._lock:
            if self._shared is None:
                storage = RedisStorage(
                    self._redis.url.get_secret_value(),
                    key_prefix=f"{self._redis.key_prefix}rates",
                    wrap_exceptions=True,
                    socket_timeout=REDIS_S,
                    socket_connect_timeout=REDIS_S,
                )
                weakref.finalize(self, storage.storage.close)  # the storage closes nothing by itself
                self._shared = SlidingWindowCounterRateLimiter(storage)
            return self._shared
