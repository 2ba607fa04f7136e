"""Sheets: everything is on them, where it belongs, whatever the words are."""

import io

import pytest
from PIL import Image

from shared.ml.style.sheets import Cell, beside, draw_sheet, mosaic, to_png

RED, BLUE = "#ff0000", "#0000ff"


def square(colour: str, side: int = 40) -> Image.Image:
    return Image.new("RGB", (side, side), colour)


def columns_of(sheet: Image.Image, colour: tuple[int, int, int]) -> set[int]:
    pixels = sheet.load()
    assert pixels is not None
    return {x for x in range(sheet.width) for y in range(sheet.height) if pixels[x, y] == colour}


def test_pictures_stand_in_rows_and_columns() -> None:
    cells = [Cell(square(RED), ("one",)), Cell(square(BLUE, 60), ("two",))]
    sheet = draw_sheet("Title", "About", [cells, cells])
    assert len(columns_of(sheet, (255, 0, 0))) == 40
    assert min(columns_of(sheet, (0, 0, 255))) > max(columns_of(sheet, (255, 0, 0)))


@pytest.mark.parametrize("words", ["", "x" * 500, "Ωmega Ещё ü " * 60])
def test_words_of_any_length_stay_on_the_sheet(words: str) -> None:
    short = draw_sheet("Title", "About", [[Cell(square(RED), ("one", "two"))]])
    sheet = draw_sheet(words, words, [[Cell(square(RED), (words, words))]])
    assert sheet.width == short.width
    edge = sheet.crop((sheet.width - 4, 0, sheet.width, sheet.height))
    assert edge.getcolors() == [(edge.width * edge.height, (255, 255, 255))]


def test_a_sheet_without_pictures_is_its_words() -> None:
    assert draw_sheet("Title", "About", []).height < 150


def test_small_patches_keep_their_pixels() -> None:
    patch = Image.new("RGB", (2, 2), RED)
    patch.putpixel((0, 0), (0, 0, 255))
    grid = mosaic([patch], columns=3, side=10, gap=1)
    assert grid.size == (32, 32)
    assert (grid.getpixel((4, 4)), grid.getpixel((5, 4))) == ((0, 0, 255), (255, 0, 0))
    assert grid.getpixel((20, 20)) == (0xEC, 0xEF, 0xF2)  # where a patch is missing


def test_two_pictures_beside_each_other() -> None:
    both = beside(square(RED), square(BLUE), gap=5)
    assert both.size == (85, 40)
    assert (both.getpixel((39, 0)), both.getpixel((45, 0))) == ((255, 0, 0), (0, 0, 255))


def test_the_file_is_a_png() -> None:
    with Image.open(io.BytesIO(to_png(square(RED)))) as read:
        assert (read.format, read.size) == ("PNG", (40, 40))
