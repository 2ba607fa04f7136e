"""`make bench`: run every benchmark and write docs/benchmarks.md."""

import sys
from pathlib import Path

from tests.benchmarks import faces, machine, service, styles

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("torch", "onnxruntime", "opencv-python-headless", "celery", "redis", "flask", "gunicorn")
INTRODUCTION = """# Benchmarks

Written by `make bench`; do not edit. Contestants take turns within one run; figures are medians. The machine is
shared and noisy: trust ratios, not digits.
"""


def main() -> None:
    """Each benchmark in turn, its table shown as soon as it is there."""
    parts = [INTRODUCTION, machine.describe(PACKAGES)]
    for benchmark in (faces.embedding, faces.photos, faces.search, styles.fast, styles.fine, service.verification):
        parts.append(benchmark())
        sys.stdout.write(f"{parts[-1]}\n\n")
        sys.stdout.flush()
    PAGE.write_text("\n".join(f"{part.rstrip()}\n" for part in parts))
    sys.stdout.write(f"Written to {PAGE}\n")


if __name__ == "__main__":
    main()
