"""How many processors this process may use: in a container fewer than the machine has."""

import math
import os
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: microseconds per period of so many, or `max` for no limit


def processors(cpu_max: Path = CPU_MAX) -> int:
    """At least 1; part of a processor counts as one."""
    count = len(os.sched_getaffinity(0))
    try:
        quota, period = map(int, cpu_max.read_text().split())
    except (OSError, ValueError):  # no such file, or no limit
        return count
    return max(1, min(count, math.ceil(quota / period)))
