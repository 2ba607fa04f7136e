"""The demo's pictures on one sheet: faces with their verdicts, content + style = result."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

THUMB, CAPTION, GAP, MARGIN = 172, 58, 16, 28
COLUMNS = 9
PAPER, INK, FAINT = (250, 249, 246), (32, 33, 36), (120, 122, 126)
GREEN, RED = (24, 128, 56), (197, 34, 31)


@dataclass(frozen=True)
class Tile:
    """A picture with two lines below it; `good` colours the frame, None leaves it plain."""

    picture: bytes
    title: str
    note: str = ""
    good: bool | None = None
    boxes: Sequence[tuple[float, float, float, float]] = ()


@dataclass(frozen=True)
class Section:
    heading: str
    tiles: Sequence[Tile]


def render(title: str, sections: Sequence[Section]) -> Image.Image:
    """The sheet as an RGB picture; each section takes as many rows as it needs."""
    rows = [-(-len(section.tiles) // COLUMNS) for section in sections]
    width = 2 * MARGIN + COLUMNS * THUMB + (COLUMNS - 1) * GAP
    height = 2 * MARGIN + 50 + sum(46 + row * (THUMB + CAPTION + GAP) for row in rows)
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, ImageFont.load_default(30))
    top = MARGIN + 50
    for section, row in zip(sections, rows, strict=True):
        draw.text((MARGIN, top + 10), section.heading, INK, ImageFont.load_default(20))
        top += 46
        for index, tile in enumerate(section.tiles):
            left = MARGIN + index % COLUMNS * (THUMB + GAP)
            _draw_tile(sheet, draw, tile, (left, top + index // COLUMNS * (THUMB + CAPTION + GAP)))
        top += row * (THUMB + CAPTION + GAP)
    return sheet


def _draw_tile(sheet: Image.Image, draw: ImageDraw.ImageDraw, tile: Tile, at: tuple[int, int]) -> None:
    left, top = at
    with Image.open(io.BytesIO(tile.picture)) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    outline = ImageDraw.Draw(picture)
    for x, y, width, height in tile.boxes:
        outline.rectangle((x, y, x + width, y + height), outline=GREEN, width=max(3, picture.width // 90))
    thumb = ImageOps.contain(picture, (THUMB, THUMB))
    sheet.paste(thumb, (left + (THUMB - thumb.width) // 2, top + (THUMB - thumb.height) // 2))
    colour = INK
    if tile.good is not None:
        colour = GREEN if tile.good else RED
        draw.rectangle((left - 3, top - 3, left + THUMB + 2, top + THUMB + 2), outline=colour, width=3)
    draw.text((left, top + THUMB + 8), tile.title, colour, ImageFont.load_default(15))
    draw.text((left, top + THUMB + 28), tile.note, FAINT, ImageFont.load_default(13))
