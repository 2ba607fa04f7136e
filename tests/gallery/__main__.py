"""`make gallery`: photos painted after paintings with every preset, for docs/style.md, and what became of the faces.

A preset is chosen by looking at the sheets. Two figures keep the looking honest: how many of the faces are still
found and taken for the same person by the verification policy, and how much of the style cost is gone.
"""

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from shared.ml.device import resolve
from shared.ml.face.detector import FaceDetector
from shared.ml.face.embedder import FaceEmbedder
from shared.ml.face.refinement import refine
from shared.ml.face.verification import DEFAULT_VERIFICATION, verification_profile
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation, StyleImage
from shared.ml.style.options import FineOptions, Preset
from shared.ml.style.pixels import fit, resize, to_image, to_tensor
from shared.ml.style.quality import measure
from shared.ml.weights import VGG16, YUNET, fetch, load
from tests.benchmarks.timing import table
from tests.pages import Page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images" / "style"
PAGE = ROOT / "docs" / "style-gallery.md"
PHOTOS = ("ardern-2018.jpg", "collins.png", "group.jpg", "hopper.jpg", "macron-2025.jpg", "obama-1.jpg")
PAINTINGS = (
    "auvers-street", "benzaiten-shrine-in-snow", "composition-viii", "great-wave",
    "moulin-de-la-galette", "poppies", "spring", "summertime",
)  # fmt: skip
SIDE = 256  # px
CELL, GAP = 128, 4
INTRODUCTION = """# Gallery

Written by `make gallery`; do not edit. Each photo (rows) painted after each painting (columns), long side 256 px.
[style.md](style.md) says what the presets are for. "Same person": the policy `verify-fmr-1e-4` still takes a painted
face for that of the photo. "Style cost left": of the photo's own.
"""


@dataclass(frozen=True, eq=False)
class Painted:
    """One photo after one painting: the picture, and how far it went from the photo and towards the painting."""

    picture: Image.Image
    style_left: float  # share of the photo's own style cost
    ssim: float
    found: int  # faces
    same: int  # of these, taken for the same person


class Faces:
    """Finds the faces of a photo and asks whether a painted one is still the same person."""

    def __init__(self) -> None:
        self._detector = FaceDetector(fetch(YUNET))
        self._embedder = FaceEmbedder.from_weights(torch.device("cpu"))
        self._threshold = verification_profile(DEFAULT_VERIFICATION).threshold

    def templates(self, picture: Image.Image) -> list[np.ndarray]:
        pixels = np.asarray(picture)
        faces = [refine(self._detector.look, pixels, face) for face in self._detector.detect(pixels)]
        return list(self._embedder.embed([self._embedder.align(pixels, face.landmarks) for face in faces]))

    def compare(self, before: Sequence[np.ndarray], painted: Image.Image) -> tuple[int, int]:
        """How many of the faces are found, at most as many as there were, and how many still match one of them."""
        after = self.templates(painted)
        same = sum(max(float(face @ other) for other in after) >= self._threshold for face in before) if after else 0
        return min(len(after), len(before)), same


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.gallery", description=__doc__)
    parser.add_argument("presets", nargs="*", default=[preset.value for preset in Preset], help="sketch balanced rich")
    parser.add_argument("--side", type=int, default=SIDE, help="long side of the pictures, px")
    options = parser.parse_args()
    studio = Studio(options.side)
    sections = {preset.value: lambda preset=preset: studio.section(preset) for preset in Preset}
    Page(PAGE, INTRODUCTION, ("torch",)).measure(sections, options.presets)


class Studio:
    def __init__(self, side: int) -> None:
        self._side = side
        self._features = Vgg16Features(load(VGG16)).to(resolve("auto"))
        self._faces = Faces()
        self._photos = [_open(ROOT / "tests/data/faces" / name, side) for name in PHOTOS]
        self._paintings = [_open(ROOT / "shared/style_library" / f"{name}.jpg", side) for name in PAINTINGS]

    def section(self, preset: Preset) -> str:
        """Paint everything with the preset, write its sheet, say in a table what was measured."""
        rows = [self._row(photo, FineOptions.of(preset)) for photo in self._photos]
        PICTURES.mkdir(parents=True, exist_ok=True)
        _sheet(self._photos, self._paintings, rows).save(PICTURES / f"{preset}.jpg", quality=82, optimize=True)
        faces = sum(len(self._faces.templates(photo)) for photo in self._photos) * len(PAINTINGS)
        painted = [one for row in rows for one in row]
        figures = table(
            ["pictures", "faces found", "same person", "style cost left, median", "SSIM to the photo, median"],
            [[
                str(len(painted)), f"{sum(one.found for one in painted)} of {faces}",
                f"{sum(one.same for one in painted)} of {faces}",
                f"{100 * statistics.median(one.style_left for one in painted):.1f} %",
                f"{statistics.median(one.ssim for one in painted):.2f}",
            ]],
        )  # fmt: skip
        return f"## {preset}\n\n![Photos in rows, paintings in columns](images/style/{preset}.jpg)\n\n{figures}"

    def _row(self, photo: Image.Image, options: FineOptions) -> list[Painted]:
        templates = self._faces.templates(photo)
        row = []
        for painting in self._paintings:
            row.append(self._paint(photo, painting, options, templates))
            sys.stdout.write(".")
            sys.stdout.flush()
        return row

    def _paint(
        self, photo: Image.Image, painting: Image.Image, options: FineOptions, templates: Sequence[np.ndarray]
    ) -> Painted:
        content, style = to_tensor(photo), to_tensor(painting)
        run = Optimisation(self._features, content, [StyleImage(style)], options)
        _exhaust(run)
        result = run.result().image
        before, after = (self._measure(content, style, picture) for picture in (content, result))
        picture = to_image(result)
        found, same = self._faces.compare(templates, picture)
        return Painted(picture, after[0] / before[0], after[1], found, same)

    def _measure(self, content: Tensor, style: Tensor, picture: Tensor) -> tuple[float, float]:
        quality = measure(self._features, content, style, picture)
        return quality.style_cost, quality.ssim


def _exhaust(steps: Iterable[object]) -> None:
    for _ in steps:
        pass


def _open(path: Path, side: int) -> Image.Image:
    with Image.open(path) as image:
        return to_image(resize(to_tensor(image), *fit(image.width, image.height, side)))


def _sheet(
    photos: Sequence[Image.Image], paintings: Sequence[Image.Image], rows: Sequence[Sequence[Painted]]
) -> Image.Image:
    """Photos down the left, paintings along the top, what came of each pair where they meet."""
    grid: list[list[Image.Image | None]] = [[None, *paintings]]
    grid += [[photo, *(one.picture for one in row)] for photo, row in zip(photos, rows, strict=True)]
    columns = len(paintings) + 1
    sheet = Image.new("RGB", (columns * (CELL + GAP) + GAP, len(grid) * (CELL + GAP) + GAP), "white")
    for y, line in enumerate(grid):
        for x, picture in enumerate(line):
            if picture is not None:
                sheet.paste(_square(picture), (GAP + x * (CELL + GAP), GAP + y * (CELL + GAP)))
    corner = ImageDraw.Draw(sheet)
    corner.text((GAP + 8, GAP + CELL - 44), "photos below,\npaintings beside", "grey", ImageFont.load_default(14))
    return sheet


def _square(picture: Image.Image) -> Image.Image:
    """The upper middle square of a picture, where a portrait's face is, small."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 5
    return picture.crop((left, top, left + side, top + side)).resize((CELL, CELL), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
