"""The winners' patches, each with what comes back from the unit to its pixels.

A patch is cut out along the grid of the layer's poolings, so that the network sees in it what it saw in the picture:
the unit's activation is the same to the last bits, and the whole picture need not be gone back through.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.ml.style.features import Vgg16Features
from shared.ml.style.guided import backward_image
from shared.ml.style.options import Method
from shared.ml.style.pixels import resize
from shared.ml.style.receptive import ReceptiveField
from shared.ml.style.unit_search import PATCHES, Place, Unit

_ALIKE = 0.9  # correlation of two surroundings from which on they are one scene
_SURROUNDINGS = 64  # px at least: by themselves all 3 x 3 patches of one edge are alike
_COMPARED = 24  # px, the side of the surroundings when they are compared


@dataclass(frozen=True, eq=False)
class Patch:
    """What a unit sees at its best place in one picture."""

    place: Place
    pixels: Tensor  # (1, 3, size, size) RGB in [0, 1], exactly the receptive field
    back: Tensor  # (3, size, size), signed: what came back to the pixels


@dataclass(frozen=True, eq=False)
class UnitView:
    unit: Unit
    patches: tuple[Patch, ...]  # the strongest first


@dataclass(frozen=True, eq=False)
class _Window:
    place: Place
    pixels: Tensor  # (1, 3, h, w), the field and a few pixels more, up to the grid
    top: int  # of the field in it
    left: int
    row: int  # of the unit's position in it
    column: int
    scene: Tensor  # its surroundings, small, without mean, of length 1


class PatchCollector:
    """Show it the pictures that `needed` lists, once each and in any order, then take the views."""

    def __init__(self, features: Vgg16Features, layer: str, field: ReceptiveField, units: Sequence[Unit]) -> None:
        self._features = features
        self._layer = layer
        self._field = field
        self._units = units
        self._wanted: dict[int, list[tuple[int, Place]]] = defaultdict(list)
        self._windows: dict[int, list[_Window]] = defaultdict(list)
        for unit in units:
            for place in unit.places:
                self._wanted[place.picture].append((unit.number, place))

    @property
    def needed(self) -> list[int]:
        """Numbers of pictures, as the search counted them."""
        return sorted(self._wanted)

    def look(self, number: int, pixels: Tensor) -> None:
        """The picture of that number, (1, 3, H, W), as the search saw it."""
        for unit, place in self._wanted[number]:
            self._windows[unit].append(_cut(pixels, self._field, place))

    def views(self, method: Method) -> Iterator[UnitView]:
        """One unit after another: the nine strongest windows that are no near-duplicates, gone back through."""
        for unit in self._units:
            windows = sorted(self._windows[unit.number], key=lambda window: -window.place.activation)
            patches = (self._patch(unit.number, window, method) for window in _different(windows)[:PATCHES])
            yield UnitView(unit, tuple(patches))

    def _patch(self, unit: int, window: _Window, method: Method) -> Patch:
        place = (unit, window.row, window.column)
        _, back = backward_image(self._features, window.pixels, self._layer, place, method=method)
        rows = slice(window.top, window.top + self._field.size)
        columns = slice(window.left, window.left + self._field.size)
        return Patch(window.place, window.pixels[..., rows, columns], back[:, rows, columns])


def _cut(pixels: Tensor, field: ReceptiveField, place: Place) -> _Window:
    box = field.box(place.row, place.column)
    top, left = (start // field.stride * field.stride for start in (box.top, box.left))
    return _Window(
        place=place,
        pixels=pixels[..., top : box.bottom, left : box.right].clone(),
        top=box.top - top,
        left=box.left - left,
        row=place.row - top // field.stride,
        column=place.column - left // field.stride,
        scene=_scene(pixels, (box.top + box.bottom) // 2, (box.left + box.right) // 2, field.size),
    )


def _scene(pixels: Tensor, row: int, column: int, size: int) -> Tensor:
    """The surroundings of a pixel, moved into the picture at its border, as a vector for `_different`."""
    height, width = pixels.shape[2:]
    side = min(max(size, _SURROUNDINGS), height, width)
    top, left = (min(max(0, centre - side // 2), length - side) for centre, length in ((row, height), (column, width)))
    seen = resize(pixels[..., top : top + side, left : left + side], _COMPARED, _COMPARED).flatten()
    seen = seen - seen.mean()
    scene: Tensor = seen / max(seen.norm().item(), 1e-6)
    return scene


def _different(windows: Sequence[_Window]) -> list[_Window]:
    """Without those that show what an earlier one shows: another frame, copy or crop of the same scene."""
    kept: list[_Window] = []
    for window in windows:
        if all(torch.dot(window.scene, other.scene) < _ALIKE for other in kept):
            kept.append(window)
    return kept
