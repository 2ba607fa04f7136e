"""The sheet "what the units of a layer see": nine patches per unit, beside them what comes back from the unit."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from shared.ml.style.options import Method
from shared.ml.style.patches import UnitView
from shared.ml.style.pixels import to_image
from shared.ml.style.receptive import ReceptiveField
from shared.ml.style.sheets import Cell, beside, draw_sheet, mosaic
from shared.ml.style.unit_search import PATCHES

_ACROSS = 3  # units, and also patches of a unit
_SIDE = 72  # px of a patch
_NAMES = {Method.GUIDED: "guided backpropagation", Method.DECONVNET: "deconvolution"}


def draw_units(
    layer: str, field: ReceptiveField, views: Sequence[UnitView], *, method: Method, pictures: int
) -> Image.Image:
    """A block per unit, three in a row."""
    cells = [_cell(view) for view in views]
    rows = [cells[start : start + _ACROSS] for start in range(0, len(cells), _ACROSS)]
    about = (
        f"For each unit the places that activate it most in {pictures:,} pictures, one per picture, the strongest at "
        f"the top left. A patch is exactly what the unit sees: {field.size} × {field.size} px. On its right, by "
        f"{_NAMES[method]}, which of its pixels made the unit active; grey had no part. What the patches share is what "
        "the unit stands for. Contrast: how many standard deviations the weakest of them is above the unit's mean."
    )
    few = f" Nine patches need nine different pictures; here are {pictures}." if pictures < PATCHES else ""
    return draw_sheet(f"What the units of {layer} see", about + few, rows)


def around_grey(backs: Sequence[Tensor]) -> list[Tensor]:
    """(3, h, w) signed, of one unit -> (1, 3, h, w) in [0, 1]: 0 becomes grey, one scale for all of the unit.

    The scale is the 99.5th percentile of the magnitudes, so that a few pixels do not leave the rest grey.
    """
    magnitudes = torch.stack([back.abs() for back in backs]).flatten()
    scale = magnitudes.quantile(0.995) if magnitudes.numel() < 2**24 else magnitudes.max()
    scale = scale if scale > 0 else magnitudes.max().clamp(min=1e-12)
    return [(0.5 + 0.5 * back / scale).clamp(0, 1)[None] for back in backs]


def _cell(view: UnitView) -> Cell:
    seen = [to_image(patch.pixels) for patch in view.patches]
    back = [to_image(image) for image in around_grey([patch.back for patch in view.patches])]
    both = beside(mosaic(seen, columns=_ACROSS, side=_SIDE), mosaic(back, columns=_ACROSS, side=_SIDE))
    strongest, weakest = view.patches[0].place.activation, view.patches[-1].place.activation
    return Cell(
        both,
        (
            f"unit {view.unit.number}",
            f"activation {_shown(strongest)} to {_shown(weakest)} · contrast {view.unit.contrast:.1f}",
        ),
    )


def _shown(activation: float) -> str:
    return f"{activation:,.0f}" if abs(activation) >= 100 else f"{activation:.3g}"
