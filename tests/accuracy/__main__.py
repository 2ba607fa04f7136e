"""`make accuracy`: measure how good the face models are on photos of people and write docs/accuracy.md."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.accuracy import ablation, detection, liveness, occlusion, spoilt, subjects, training
from tests.pages import Page, choose

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "accuracy.md"
LFW = ROOT.parent / "shared" / "data" / "faces" / "lfw-dev"
PACKAGES = ("torch", "numpy", "opencv-python-headless")
SECTIONS: Mapping[str, Callable[[Path], str]] = {
    "ablation": ablation.section,
    "detection": detection.section,
    "occlusion": occlusion.section,
    "subjects": subjects.section,
    "spoilt": spoilt.section,
    "liveness": liveness.section,
    "training": training.section,
}
INTRODUCTION = """# Accuracy

Written by `make accuracy` (`python -m tests.accuracy --data DIR`); do not edit. DIR holds photos of Labeled Faces in
the Wild as `<person>/<person>_NNNN.jpg`; they are for evaluation only and no part of this repository.
"""


def main() -> None:
    """Each section in turn."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, default=LFW, help="LFW's photos, a folder for each person")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page to write")
    options = choose(parser, SECTIONS)
    if not options.data.is_dir():
        parser.error(f"{options.data} is no directory: name the one with LFW's photos by --data")
    sections = {name: partial(section, options.data) for name, section in SECTIONS.items()}
    Page(options.output, INTRODUCTION, PACKAGES).measure(sections, options.sections)


if __name__ == "__main__":
    main()
