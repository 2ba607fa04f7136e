"""`make accuracy`: measure how good the face models are on photos of people and write docs/accuracy.md."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.accuracy import ablation, detection, liveness, occlusion, training
from tests.benchmarks import machine

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
LFW = ROOT.parent / "shared" / "data" / "faces" / "lfw-dev"
PACKAGES = ("torch", "numpy", "opencv-python-headless")
SECTIONS: Mapping[str, Callable[[Path], str]] = {
    "ablation": ablation.section,
    "detection": detection.section,
    "occlusion": occlusion.section,
    "liveness": liveness.section,
    "training": training.section,
}
INTRODUCTION = """# Accuracy

Written by `make accuracy` (`python -m tests.accuracy --data DIR`); do not edit. DIR holds photos of Labeled Faces in
the Wild as `<person>/<person>_NNNN.jpg`; they are for evaluation only and no part of this repository.
"""
_MARK = "<!-- section: {} -->"


def main() -> None:
    """Each section in turn, written as soon as it is there; sections that are not asked for stay as they were."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--data", type=Path, default=LFW, help="LFW's photos, a folder for each person")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}")
    if not options.data.is_dir():
        parser.error(f"{options.data} is no directory: name the one with LFW's photos by --data")
    for name in options.sections or SECTIONS:
        text = SECTIONS[name](options.data).strip()
        written = _written(options.output) | {name: f"{text}\n\n*{machine.describe(PACKAGES)}*"}
        parts = [f"{_MARK.format(name)}\n\n{written[name]}\n" for name in SECTIONS if name in written]
        options.output.write_text("\n".join([INTRODUCTION, *parts]))
        sys.stdout.write(f"{text}\n\n{name}: written to {options.output}\n")
        sys.stdout.flush()


def _written(page: Path) -> dict[str, str]:
    """The sections that the page has."""
    if not page.exists():
        return {}
    _, *rest = re.split(_MARK.format("([a-z]+)"), page.read_text())
    return {name: text.strip() for name, text in zip(rest[::2], rest[1::2], strict=True)}


if __name__ == "__main__":
    main()
