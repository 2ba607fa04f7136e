"""`make bench`: run every benchmark and write docs/benchmarks.md."""

import datetime
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from tests.benchmarks import faces, service, styles

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("torch", "onnxruntime", "opencv-python-headless", "celery", "redis", "flask", "gunicorn")
INTRODUCTION = """# Benchmarks

Written by `make bench`; do not edit. Contestants take turns within one run; figures are medians. The machine is
shared and noisy: trust ratios, not digits.
"""


def main() -> None:
    """Each benchmark in turn, its table shown as soon as it is there."""
    parts = [INTRODUCTION, _machine()]
    for benchmark in (faces.embedding, faces.search, styles.fast, styles.fine, service.verification):
        parts.append(benchmark())
        sys.stdout.write(f"{parts[-1]}\n\n")
        sys.stdout.flush()
    PAGE.write_text("\n".join(f"{part.rstrip()}\n" for part in parts))
    sys.stdout.write(f"Written to {PAGE}\n")


def _machine() -> str:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    date = datetime.datetime.now(datetime.UTC).date()
    return f"{date}: {model}, {os.cpu_count()} cores, GPU: {gpu}. Python {platform.python_version()}, {versions}."


if __name__ == "__main__":
    main()
