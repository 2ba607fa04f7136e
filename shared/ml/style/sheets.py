"""Sheets that teach: pictures in a grid, each with a few words below it, drawn with Pillow."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

_INK, _MUTED, _PAPER = "#1d232b", "#5d6672", "#ffffff"
_MARGIN, _GAP = 24, 18  # px
_TITLE, _TEXT = 24, 14  # px of the letters
_LEADING = 1.35
_LEAST_WIDTH = 720  # px: what a title and its explanation need


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture and the lines below it, of which the first is printed bold; each wraps to the cell's width."""

    image: Image.Image | None
    caption: tuple[str, ...] = ()
    width: int = 0  # px: least width, for a cell of words alone


def draw_sheet(title: str, about: str, rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """Rows of cells under a title and a paragraph that says how to read them; columns align."""
    columns = max((len(row) for row in rows), default=0)
    widths = [max(_width(row[column]) for row in rows if column < len(row)) for column in range(columns)]
    heights = [max(_height(cell, widths[column]) for column, cell in enumerate(row)) for row in rows]
    width = max(_LEAST_WIDTH, sum(widths) + _GAP * (columns - 1)) + 2 * _MARGIN
    title_lines = _wrapped(title, width - 2 * _MARGIN, _TITLE, bold=True)
    about_lines = _wrapped(about, width - 2 * _MARGIN, _TEXT)
    top = _MARGIN + _block(title_lines, _TITLE) + _GAP // 2 + _block(about_lines, _TEXT) + _GAP
    sheet = Image.new("RGB", (width, top + sum(heights) + _GAP * max(0, len(rows) - 1) + _MARGIN), _PAPER)
    y = _write(sheet, (_MARGIN, _MARGIN), title_lines, _TITLE, bold=True) + _GAP // 2
    _write(sheet, (_MARGIN, y), about_lines, _TEXT, colour=_MUTED)
    for row, height in zip(rows, heights, strict=True):
        x = _MARGIN
        for cell, cell_width in zip(row, widths, strict=False):
            _paste(sheet, cell, (x, top), cell_width)
            x += cell_width + _GAP
        top += height + _GAP
    return sheet


def mosaic(images: Sequence[Image.Image], *, columns: int, side: int, gap: int = 2) -> Image.Image:
    """Square pictures in a grid of `columns` columns and as many rows, each `side` px wide; small ones keep their
    pixels visible. What is missing stays light grey.
    """
    extent = columns * side + (columns - 1) * gap
    grid = Image.new("RGB", (extent, extent), "#eceff2")
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        enlarged = Image.Resampling.NEAREST if image.width * 2 <= side else Image.Resampling.LANCZOS
        grid.paste(image.resize((side, side), enlarged), (column * (side + gap), row * (side + gap)))
    return grid


def beside(left: Image.Image, right: Image.Image, gap: int = 8) -> Image.Image:
    """Two pictures next to each other."""
    both = Image.new("RGB", (left.width + gap + right.width, max(left.height, right.height)), _PAPER)
    both.paste(left, (0, 0))
    both.paste(right, (left.width + gap, 0))
    return both


def to_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has Latin, Greek and Cyrillic letters."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)


def _width(cell: Cell) -> int:
    return max(cell.width, cell.image.width if cell.image else 0)


def _height(cell: Cell, width: int) -> int:
    picture = cell.image.height + 6 if cell.image else 0
    return picture + sum(_block(lines, _TEXT) for lines in _caption(cell, width))


def _caption(cell: Cell, width: int) -> list[list[str]]:
    return [_wrapped(line, width, _TEXT, bold=index == 0) for index, line in enumerate(cell.caption)]


def _paste(sheet: Image.Image, cell: Cell, place: tuple[int, int], width: int) -> None:
    x, y = place
    if cell.image:
        sheet.paste(cell.image, (x, y))
        y += cell.image.height + 6
    for index, lines in enumerate(_caption(cell, width)):
        y = _write(sheet, (x, y), lines, _TEXT, bold=index == 0, colour=_MUTED if index else _INK)


def _write(
    sheet: Image.Image,
    place: tuple[int, int],
    lines: Sequence[str],
    size: int,
    *,
    bold: bool = False,
    colour: str = _INK,
) -> int:
    """The y below the last line."""
    draw, (x, y) = ImageDraw.Draw(sheet), place
    for line in lines:
        draw.text((x, y), line, fill=colour, font=_font(size, bold=bold))
        y += round(size * _LEADING)
    return y


def _block(lines: Sequence[str], size: int) -> int:
    return len(lines) * round(size * _LEADING)


def _wrapped(text: str, width: int, size: int, *, bold: bool = False) -> list[str]:
    """Into lines of at most `width` px; a word that is longer stands alone, and is cut."""
    font = _font(size, bold=bold)
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        while font.getlength(word) > width and len(word) > 1:
            word = f"{word[:-2]}…"  # noqa: PLW2901 - what remains of it
        lines.append(word)
    return lines
