"""When a request that failed is sent again, and how long to wait before it.

Exponential back-off with full jitter: the n-th pause is uniform in [0, min(most, first * 2^n)], which spreads the
clients of a gateway that comes back (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). What
the gateway asks for by `Retry-After` is the least, never cut short.
"""

import random
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

AGAIN = frozenset({429, 502, 503, 504})
MOST_DOUBLINGS = 64  # beyond any pause, and no float overflows yet


@dataclass(frozen=True)
class Retries:
    """`attempts` counts the first one; `first_seconds` and `most_seconds` bound the pauses that we choose."""

    attempts: int = 5
    first_seconds: float = 0.25
    most_seconds: float = 8.0
    draw: Callable[[], float] = random.random  # uniform in [0, 1)

    def patiently(self) -> "Retries":
        """For what is waited for anyway: its time ends it, not a number of attempts; one attempt stays one."""
        return self if self.attempts <= 1 else replace(self, attempts=sys.maxsize)

    def pause(self, failures: int, *, asked: float | None, left: float) -> float | None:
        """Seconds until the next attempt.

        Args:
            failures: attempts so far, at least 1.
            asked: what `Retry-After` said.
            left: seconds that remain of the call's time.

        Returns:
            None when it is not worth another: too many attempts, or too late.
        """
        if failures >= self.attempts:
            return None
        chosen = min(self.most_seconds, self.first_seconds * 2 ** min(failures - 1, MOST_DOUBLINGS)) * self.draw()
        pause = max(chosen, asked or 0.0)
        return pause if pause < left else None


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, as a number or as an HTTP date (RFC 9110, 10.2.3); None without one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
