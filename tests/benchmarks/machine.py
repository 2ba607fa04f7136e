"""What a measured figure depends on besides the code."""

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch


def describe(packages: Sequence[str]) -> str:
    """The date, the machine, and the versions of Python and these packages, in one line."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    date = datetime.datetime.now(datetime.UTC).date()
    return f"{date}: {model}, {os.cpu_count()} cores, GPU: {gpu}. Python {platform.python_version()}, {versions}."
