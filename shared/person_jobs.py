"""Which jobs name a person: an index in Redis, so that an erasure finds them.

    person-jobs:{tenant}:{gallery}:{person}    zset    job's id -> when it was noted, UTC seconds

A job is noted before it is accepted, and before a result that names further people is committed: an entry of a job
that never came to be does no harm, one that is missing would leave a name behind.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable


class PersonJobs:
    """Raises QueueUnavailable when Redis cannot be reached.

    Args:
        retention: seconds for which a finished job can be read.
    """

    def __init__(self, redis: Redis, prefix: str, retention: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._kept = 2 * retention  # a job may wait and work for some time before it is finished

    def note(
        self, tenant: str, job_id: str, payload: Mapping[str, Any], result: Mapping[str, Any] | None = None
    ) -> None:
        """Remember whom a job's payload and result name."""
        if gallery := payload.get("gallery"):
            self.note_people(tenant, job_id, str(gallery), {*_people(payload), *_people(result or {})})

    def note_people(self, tenant: str, job_id: str, gallery: str, people: Set[str]) -> None:
        """Remember people of a gallery whom a job names elsewhere, as a report does."""
        if not people:
            return

        now = time.time()

        def add() -> None:
            with self._redis.pipeline(transaction=False) as pipe:
                for person in people:
                    key = self._key(tenant, gallery, person)
                    pipe.zadd(key, {job_id: now})
                    pipe.zremrangebyscore(key, "-inf", now - self._kept)
                    pipe.expire(key, self._kept)
                pipe.execute()

        self._call(add)

    def of(self, tenant: str, gallery: str, person: str) -> list[str]:
        """The ids of the jobs that name a person; some may be gone."""
        return cast("list[str]", self._call(lambda: self._redis.zrange(self._key(tenant, gallery, person), 0, -1)))

    def forget(self, tenant: str, gallery: str, person: str, job_ids: list[str]) -> None:
        if job_ids:
            self._call(lambda: self._redis.zrem(self._key(tenant, gallery, person), *job_ids))

    def _key(self, tenant: str, gallery: str, person: str) -> str:
        return f"{self._prefix}person-jobs:{tenant}:{gallery}:{person}"

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"The jobs of a person cannot be reached ({type(error).__name__}).") from error


def _people(said: Mapping[str, Any]) -> Iterator[str]:
    """Everybody whom a payload or a result names: as `person`, in a face or a frame, as a candidate, in a warning."""
    if isinstance(person := said.get("person"), str):
        yield person
    for name in ("faces", "frames", "candidates", "warnings"):
        for part in said.get(name) or ():
            if isinstance(part, Mapping):
                yield from _people(part)
