"""Threads that one request holds for long are seats: few, and shared by the tenants.

The rule is that of dynamic thresholds (A. K. Choudhury and E. L. Hahne, "Dynamic queue length thresholds for
shared-memory packet switches", IEEE/ACM Transactions on Networking 6(2), 1998): whoever holds less than `SHARE` times
what is free may take one more. A tenant who is alone gets three quarters of all; whoever comes after him finds a seat.
"""

import threading
from collections import Counter
from collections.abc import Callable

SHARE = 3


class Seats:
    """So many requests at a time, of all tenants together. Safe for threads."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, tenant: str) -> Callable[[], None] | None:
        """Takes a seat; the answer gives it back, once. None: this tenant gets no more of them now."""
        with self._lock:
            if self._held[tenant] >= SHARE * self._free:
                return None
            self._free -= 1
            self._held[tenant] += 1
        return lambda: self._give_back(tenant)

    def _give_back(self, tenant: str) -> None:
        with self._lock:
            self._free += 1
            self._held[tenant] -= 1
            if not self._held[tenant]:
                del self._held[tenant]
