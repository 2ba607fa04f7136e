"""Which face is which in a group photo: in words, and drawn into a copy of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import ImageDraw, ImageFont

from shared import images
from shared.errors import InvalidField, InvalidImage
from shared.settings import LimitSettings

Box = Mapping[str, Any]

COLOR, INK = (255, 214, 0), (0, 0, 0)
SUFFIX = ".marked.jpg"


def where(box: Box) -> str:
    """Where a face is, in pixels."""
    return f"{box['width']:.0f} x {box['height']:.0f} at {box['x']:.0f}, {box['y']:.0f}"


def labels(boxes: Sequence[Box]) -> list[str]:
    """Each face by its number, which `--face` takes, and its place from the left."""
    middles = sorted(_middle(box) for box in boxes)
    return [
        f"face {number} ({_ordinal(middles.index(_middle(box)) + 1)} of {len(boxes)} from the left, {where(box)})"
        for number, box in enumerate(boxes)
    ]


def draw(photo: Path, boxes: Sequence[Box], folder: Path) -> Path:
    """Write a copy of a photo in which the faces are framed and numbered; the path of the copy.

    Raises:
        InvalidField: the photo cannot be drawn into here.
    """
    try:
        decoded = images.decode_with_alpha(photo.read_bytes(), LimitSettings().images)
    except InvalidImage as error:
        raise InvalidField(f"{photo} cannot be drawn into: {error}") from None
    picture = decoded.opaque.copy()
    pen, width = ImageDraw.Draw(picture), max(2, max(picture.size) // 400)
    font = ImageFont.load_default(max(14, max(picture.size) // 50))
    for number, box in enumerate(boxes):
        left, top, right, bottom = (side / decoded.scale for side in _edges(box))
        pen.rectangle((left, top, right, bottom), outline=COLOR, width=width)
        at = (left + width, top + width)
        pen.rectangle(pen.textbbox(at, str(number), font), fill=COLOR)
        pen.text(at, str(number), INK, font)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [part for part in photo.parts if part not in {photo.anchor, ".", ".."}]  # photos of two folders share names
    target = folder / f"{'-'.join(parts)}{SUFFIX}"
    picture.save(target, quality=90)
    return target


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def _middle(box: Box) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"]


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
