"""`make bench`: measure speed beside what a user would pick instead and write docs/benchmarks.md."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks import auditing, bulk, faces, fast_style, large_pictures, peers, service, style_presets, styles
from tests.pages import Page, choose

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("torch", "onnxruntime", "opencv-python-headless", "celery", "redis", "flask", "gunicorn")
SECTIONS: Mapping[str, Callable[[], str]] = {
    "embedding": faces.embedding,
    "photos": faces.photos,
    "search": faces.search,
    "fast-style": fast_style.speed,
    "fast-quality": fast_style.quality,
    "fine-style": styles.fine,
    "pystiche": peers.fine,
    "presets": style_presets.presets,
    "large": large_pictures.large,
    "verification": service.verification,
    "bulk": bulk.beside_interactive,
    "thousand": bulk.thousand,
    "audit-cost": auditing.cost,
    "audit-queries": auditing.queries,
}
INTRODUCTION = """# Benchmarks

Written by `make bench` (one section: `python -m tests.benchmarks SECTION`); do not edit. Contestants take turns within
one run; figures are medians. The machine is shared and noisy: trust ratios, not digits.
"""


def main() -> None:
    """Each benchmark in turn."""
    options = choose(argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__), SECTIONS)
    Page(PAGE, INTRODUCTION, PACKAGES).measure(SECTIONS, options.sections)


if __name__ == "__main__":
    main()
