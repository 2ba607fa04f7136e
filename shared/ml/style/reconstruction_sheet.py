"""The sheets "content reconstructed from a layer" and "style reconstructed from layers up to one"."""

from collections.abc import Sequence
from typing import assert_never

from PIL import Image
from torch import Tensor

from shared.ml.style.pixels import to_image
from shared.ml.style.reconstruction import Kept, Panel
from shared.ml.style.sheets import Cell, draw_sheet

_SIDE = 224  # px of a picture on the sheet


def draw_reconstructions(kept: Kept, rows: Sequence[tuple[str, Tensor, Sequence[Panel]]]) -> Image.Image:
    """A row per picture: its name, itself (1, 3, H, W), and what was made of noise."""
    cells = [
        [Cell(_fitted(pixels), (name,), _SIDE), *(_cell(kept, panel) for panel in panels)]
        for name, pixels, panels in rows
    ]
    title, about = _words(kept)
    return draw_sheet(title, about, cells)


def _words(kept: Kept) -> tuple[str, str]:
    match kept:
        case Kept.CONTENT:
            return "Content reconstructed from one layer", (
                "Each picture began as noise and was changed until the layer's activations were those of the picture "
                "on the left. What is the same as there, the layer knows; what is not, it has given up. Low layers "
                "keep every pixel; higher ones keep what is where, and let go of colour, texture and exact outlines. A "
                "content layer holds a stylised picture to what is seen here. Below: what is left of the cost."
            )
        case Kept.STYLE:
            return "Style reconstructed from the layers up to one", (
                "Each picture began as noise and was changed until the Gram matrices of these layers were those of the "
                "painting on the left. They know which features occur together, not where: colours and grain at first, "
                "then brush strokes, then larger and larger pieces of the painting. The highest style layer sets the "
                "size of what is taken over. Below: what is left of the cost."
            )
        case _:
            assert_never(kept)


def _cell(kept: Kept, panel: Panel) -> Cell:
    first, last = panel.layers[0], panel.layers[-1]
    name = last if kept is Kept.CONTENT or first == last else f"{first} … {last}"
    return Cell(_fitted(panel.image), (name, f"{panel.left:.2%} left"), _SIDE)


def _fitted(pixels: Tensor) -> Image.Image:
    image = to_image(pixels)
    scale = _SIDE / max(image.size)
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
