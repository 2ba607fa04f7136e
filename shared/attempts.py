"""How often somebody may try to be taken for a person, so that nobody finds a face that passes by trying.

Failed verifications (`no_match`, `spoof_suspected`) lock the person's verification for a while; a success takes back
those under its own policy and laxer ones. More failures within a day lock it until the first of them is a day old,
whatever succeeded in between. Those under way count as failures until they are known, so that many at once gain
nothing. Enrolments are counted too: whether a photo is taken for another one of the person tells as much as a
verification does. What is kept is an id and a time for each, in Redis, for a day at most. shared/attempts.lua has each
atomic step.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import QueueUnavailable
from shared.settings import RateSettings


class Limit(StrEnum):
    """Which one an attempt meets."""

    ATTEMPTS = "attempts"  # in a minute
    UNDER_WAY = "under_way"  # if all of them fail, the next one would be one too many
    FAILURES = "failures"  # in a short time, since a success
    FAILURES_OF_A_DAY = "failures_of_a_day"


@dataclass(frozen=True)
class Refusal:
    """Of an attempt, which was not begun; in `seconds` it is worth trying again."""

    limit: Limit
    seconds: float


@dataclass(frozen=True)
class Admission:
    """How many of some enrolments, the first ones, may be done: of at most so many in a day.

    There is room for another in `seconds`.
    """

    count: int
    most: int
    seconds: float


class Attempts:
    """Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, prefix: str, settings: RateSettings, *, lifetime: float) -> None:
        """`lifetime`: after so many seconds an attempt is over, whatever becomes of it."""
        self._prefix = prefix
        self._settings = settings
        self._lifetime = lifetime
        self._script = redis.register_script(files("shared").joinpath("attempts.lua").read_text())

    @contextmanager
    def counted(self, tenant: str, gallery: str, person: str, *, job_id: str) -> Iterator[Refusal | None]:
        """Begin an attempt, whose job the body submits; it does not count when the body raises.

        Yields:
            None, or why it was not begun.
        """
        who, limits = _name(tenant, gallery, person), self._settings
        refusal = self._run(
            who, "begin", job_id, limits.person_per_minute, limits.person_failures, limits.failure_seconds,
            limits.lock_seconds, limits.person_failures_per_day, self._lifetime,
        )  # fmt: skip
        try:
            yield Refusal(Limit(refusal[0]), float(refusal[1])) if refusal else None
        except BaseException:
            with suppress(QueueUnavailable):
                self._run(who, "withdraw", job_id)
            raise

    def is_first_refusal(self, tenant: str, gallery: str, person: str, *, seconds: float) -> bool:
        """Tell whether a refusal is the first one since it was last worth trying, which it is again in `seconds`.

        A log need not have an entry of each: whoever tries again and again would fill it.
        """
        return bool(self._run(_name(tenant, gallery, person), "first_refusal", seconds))

    def enrol(self, tenant: str, gallery: str, person: str, ids: Sequence[str], *, least: int) -> Admission:
        """Count enrolments of one person; the first of them that the day still allows may be done.

        Args:
            ids: of the enrolments; one that is counted already is not counted again.
            least: how many are always allowed in a day: as many as the gallery keeps faces of a person.
        """
        if not self._settings.person_enrolments_per_day:
            return Admission(len(ids), len(ids), 0)
        most = max(self._settings.person_enrolments_per_day, least)
        count, seconds = self._run(_name(tenant, gallery, person), "enrol", most, json.dumps(list(ids)))
        return Admission(int(count), most, float(seconds))

    def withdraw_enrolment(self, tenant: str, gallery: str, person: str, enrolment: str) -> None:
        """One that was counted and did not become a job does not count; best effort."""
        with suppress(QueueUnavailable):
            self._run(_name(tenant, gallery, person), "withdraw_enrolment", enrolment)

    def has_failed(self, tenant: str, gallery: str, person: str) -> bool:
        """Whether an attempt of the last day failed, or may still fail."""
        return bool(self._run(_name(tenant, gallery, person), "has_failed"))

    def unlock(self, tenant: str, gallery: str, person: str) -> None:
        """Let the person be verified again at once, as if nothing had failed."""
        self._run(_name(tenant, gallery, person), "unlock")

    def forget(self, tenant: str, gallery: str, person: str) -> None:
        """For a person who is erased."""
        self._run(_name(tenant, gallery, person), "forget")

    def _run(self, who: str, operation: str, *arguments: str | float) -> Sequence[str]:
        try:
            return cast("Sequence[str]", self._script(args=[self._prefix, who, operation, *arguments]))
        except RedisError as error:
            raise QueueUnavailable(f"Attempts cannot be counted ({type(error).__name__}).") from error


def _name(tenant: str, gallery: str, person: str) -> str:
    return f"{tenant}/{gallery}/{person}"
