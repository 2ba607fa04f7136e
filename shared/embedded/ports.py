"""Free loopback ports. No port of the embedded stack is fixed, so stacks can run side by side."""

import random
import socket

# SeaweedFS also takes each port + 10000; both stay below the ephemeral range, which starts at 32768.
FIRST, LAST, TWIN = 11_000, 22_000, 10_000


def free_ports(count: int) -> list[int]:
    """Distinct ports that are free now, as is each one + 10000."""
    found: list[int] = []
    for port in random.sample(range(FIRST, LAST), LAST - FIRST):
        if _is_free(port) and _is_free(port + TWIN):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"Fewer than {count} ports between {FIRST} and {LAST} are free.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
