"""The machine: Python, packages, memory, disk; and, asked of a process that has torch, processors and weights."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from gateway.client.diagnosis.check import Check

LEAST_PYTHON = (3, 11)
GIB = 2**30
MEMORY_WANTED, MEMORY_NEEDED = 4 * GIB, 2 * GIB  # the whole system at rest has about 3 GiB
DISK_WANTED, DISK_NEEDED = 5 * GIB, GIB
MEMINFO = Path("/proc/meminfo")
PATIENCE_S = 120


def python() -> Iterator[Check]:
    found = platform.python_version()
    if sys.version_info < LEAST_PYTHON:
        yield Check.failed("python", found, "Install Python 3.11 or newer, and say make setup PYTHON=/path/to/it.")
    else:
        yield Check.ok("python", found)


def packages(constraints: Path) -> Iterator[Check]:
    """Whether what is installed is what everything was tested with."""
    if not constraints.is_file():
        yield Check.skipped("packages", "this is no checkout: there is no constraints.txt to compare with")
        return
    pinned = (line.split("==") for line in constraints.read_text().splitlines() if "==" in line)
    others = list(_differing((name, version) for name, version in pinned))
    if others:
        yield Check.warning("packages", "not as pinned: " + ", ".join(others), "Say make setup.")
    else:
        yield Check.ok("packages", "as pinned in constraints.txt")


def _differing(pinned: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, version in pinned:
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # of a part that is not installed here
        if installed.partition("+")[0] != version.strip():
            yield f"{name} {installed} instead of {version.strip()}"


def memory(meminfo: Path = MEMINFO) -> Iterator[Check]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = _available(meminfo)
    found = f"{total / GIB:.1f} GiB" + ("" if free is None else f", {free / GIB:.1f} GiB of it free")
    least = total if free is None else free
    if total < MEMORY_NEEDED:
        yield Check.failed("memory", found, "The models need 2 GiB at least; 4 GiB for everything on one machine.")
    elif least < MEMORY_WANTED:
        advice = "End something, or run one face worker; large stylisations will be refused or wait."
        yield Check.warning("memory", found, advice)
    else:
        yield Check.ok("memory", found)


def _available(meminfo: Path) -> int | None:
    """Bytes; None where the system does not tell."""
    if not meminfo.is_file():
        return None
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else None


def disk(folder: Path) -> Iterator[Check]:
    free = shutil.disk_usage(folder).free
    found = f"{free / GIB:.1f} GiB free"
    if free < DISK_NEEDED:
        yield Check.failed("disk", found, "Make room: an object store or a Redis without any loses what it accepts.")
    elif free < DISK_WANTED:
        yield Check.warning("disk", found, "Make room before you enrol many people or paint many pictures.")
    else:
        yield Check.ok("disk", found)


def compute(device: str, weights_cache: Path | None) -> Iterator[Check]:
    """Asks `python -m workers.tools machine`, for torch is no business of this process."""
    command = [sys.executable, "-m", "workers.tools", "machine", "--device", device]
    if weights_cache:
        command += ["--weights-cache", str(weights_cache)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)  # noqa: S603 - ours
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        yield Check.failed("models", f"the workers' packages do not load: {last}", "Say make setup.")
        return
    yield from computing(json.loads(done.stdout))


def computing(told: Mapping[str, Any]) -> Iterator[Check]:
    """What the other process told about processors and weights."""
    features = ", ".join(told["cpu_features"]) or "none that matter"
    cpu = f"{told['cpu']}; {told['cores']} cores; {features}; computes in {told['cpu_precision']}"
    if "avx2" in told["cpu_features"] or told["architecture"] not in {"x86_64", "AMD64"}:
        yield Check.ok("cpu", cpu)
    else:
        yield Check.warning("cpu", cpu, "Without AVX2 everything is several times slower: use a newer CPU.")
    yield _gpu(told)
    yield _weights(told["weights"])


def _gpu(told: Mapping[str, Any]) -> Check:
    wanted = told["device"]
    if told["gpus"]:
        found = ", ".join(told["gpus"]) + f"; CUDA {told['cuda']}; computes in float16"
        if wanted == "cpu":
            return Check.warning("gpu", found, "It is not used: LIKENESS_DEVICE is cpu; say auto or cuda.")
        return Check.ok("gpu", found)
    if wanted == "cuda":
        return Check.failed(
            "gpu", "LIKENESS_DEVICE is cuda, and torch finds none", "Install torch for CUDA, or say auto."
        )
    return Check.ok("gpu", "none; the CPU computes")


def _weights(found: list[Mapping[str, Any]]) -> Check:
    damaged = [one["name"] for one in found if one["state"] == "damaged"]
    missing = [one["name"] for one in found if one["state"] == "missing" and not one["optional"]]
    absent = [one["name"] for one in found if one["state"] == "missing" and one["optional"]]
    if damaged or missing:
        parts = [f"damaged: {', '.join(damaged)}"] * bool(damaged) + [f"missing: {', '.join(missing)}"] * bool(missing)
        return Check.failed("weights", "; ".join(parts), "Say make weights, which fetches and checks them.")
    whole = f"{sum(one['state'] == 'cached' for one in found)} files, as their SHA-256 say"
    if absent:
        advice = (
            "Without them liveness cannot be `passive` (`liveness_unavailable`): docs/liveness.md says how to get them."
        )
        return Check.warning("weights", f"{whole}; not installed: {', '.join(absent)}", advice)
    return Check.ok("weights", whole)
