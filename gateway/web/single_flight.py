"""What this process does only once at a time for each tenant, because it is long."""

import threading


class SingleFlight:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: set[str] = set()

    def begin(self, tenant: str) -> bool:
        """False when it is under way; otherwise call `end` when it is over."""
        with self._lock:
            if tenant in self._under_way:
                return False
            self._under_way.add(tenant)
            return True

    def end(self, tenant: str) -> None:
        with self._lock:
            self._under_way.discard(tenant)
