"""How often somebody may try to be taken for a person, so that nobody finds a face that passes by trying.

Failed verifications (`no_match`, `spoof_suspected`) lock the person's verification for a while; a success resets
the count. Those under way count as failures until they are known, so that many at once gain nothing. What is kept
is an id and a time for each attempt, in Redis, for minutes. shared/attempts.lua has each atomic step.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable
from shared.settings import RateSettings


class Attempts:
    """Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, prefix: str, settings: RateSettings, *, lifetime: float) -> None:
        """`lifetime`: after so many seconds an attempt is over, whatever becomes of it."""
        self._prefix = prefix
        self._settings = settings
        self._lifetime = lifetime
        self._script = redis.register_script(files("shared").joinpath("attempts.lua").read_text())

    @contextmanager
    def counted(self, tenant: str, gallery: str, person: str, *, job_id: str) -> Iterator[float]:
        """Begin an attempt, whose job the body submits; it does not count when the body raises.

        Yields:
            0, or the seconds after which it is worth trying again: then it was not begun.
        """
        who, limits = _name(tenant, gallery, person), self._settings
        wait = self._run(
            who, "begin", job_id, limits.person_per_minute, limits.person_failures,
            limits.failure_seconds, limits.lock_seconds, self._lifetime,
        )  # fmt: skip
        try:
            yield wait
        except BaseException:
            with suppress(QueueUnavailable):
                self._run(who, "withdraw", job_id)
            raise

    def is_first_refusal(self, tenant: str, gallery: str, person: str, *, seconds: float) -> bool:
        """Whether a refusal is the first one since it was last worth trying, which it is again in `seconds`.

        A log need not have an entry of each: whoever tries again and again would fill it.
        """
        return bool(self._run(_name(tenant, gallery, person), "first_refusal", seconds))

    def forget(self, tenant: str, gallery: str, person: str) -> None:
        """For a person who is erased."""
        self._run(_name(tenant, gallery, person), "forget")

    def _run(self, who: str, operation: str, *arguments: str | float) -> float:
        try:
            return float(self._script(args=[self._prefix, who, operation, *arguments]))
        except RedisError as error:
            raise QueueUnavailable(f"Attempts cannot be counted ({type(error).__name__}).") from error


def _name(tenant: str, gallery: str, person: str) -> str:
    return f"{tenant}/{gallery}/{person}"
