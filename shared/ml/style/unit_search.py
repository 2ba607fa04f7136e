"""The patches that activate the units of a layer most, over any number of pictures (arXiv:1311.2901, section 3).

The pictures are looked at one by one. Of each, every unit's strongest place is kept if it is among the strongest so
far: memory does not grow with their number. Who wants the patches reads the winners' pictures again (patches.py).
Places whose receptive field reaches beyond the picture are passed over: there the unit sees a frame that nobody
photographed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.errors import ImageTooSmall, InvalidField
from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import MODULES
from shared.ml.style.receptive import ReceptiveField, receptive_field

PATCHES = 9
CANDIDATES = 2 * PATCHES  # kept per unit: near-duplicates are left out later


@dataclass(frozen=True)
class Place:
    """Where a unit was most active in a picture: `picture` counts from 0."""

    activation: float
    picture: int
    row: int  # of the layer
    column: int


@dataclass(frozen=True)
class Unit:
    """A unit, its strongest places first, one per picture at most.

    `contrast`: by how many standard deviations the weakest of its nine best places is above the unit's mean over
    all places of all pictures. Strong and selective units have a large one.
    """

    number: int
    contrast: float
    places: tuple[Place, ...]


class UnitSearch:
    """Show it pictures, then ask for the units."""

    def __init__(self, features: Vgg16Features, layer: str) -> None:
        """Raises InvalidField for an unknown layer."""
        self._features = features
        self.layer = layer
        self.field: ReceptiveField = receptive_field(features, layer)
        modules = list(features.features)[: MODULES.index(layer) + 1]
        self._width = [module.out_channels for module in modules if isinstance(module, nn.Conv2d)][-1]
        self._pictures = 0
        self._positions = 0
        self._best = torch.empty(0)  # (4, n_C, k): activation, picture, row, column; float64 holds them all exactly
        self._sums = torch.empty(0)  # (2, n_C): of the activations and of their squares

    @property
    def pictures(self) -> int:
        """How many were looked at."""
        return self._pictures

    def check(self, numbers: Sequence[int]) -> None:
        """Raises InvalidField for a number that the layer does not have."""
        if unknown := [number for number in numbers if not 0 <= number < self._width]:
            raise InvalidField(f"{self.layer} has the units 0 to {self._width - 1}, not {unknown[0]}.")

    def look(self, pixels: Tensor) -> None:
        """The next picture, (1, 3, H, W) RGB in [0, 1].

        Raises:
            ImageTooSmall: no receptive field lies wholly within it; it does not count.
        """
        rows, columns = (self.field.inside(side) for side in pixels.shape[2:])
        if not rows or not columns:
            least = self.field.size + self.field.stride - 1
            raise ImageTooSmall(
                f"The picture is {pixels.shape[3]} × {pixels.shape[2]} px; a unit of {self.layer} sees "
                f"{self.field.size} px at once: each side needs at least {least} px."
            )
        with torch.inference_mode():
            a = self._features(pixels.to(self._features.mean.device), [self.layer])[self.layer][0]
            a = a[:, rows.start : rows.stop, columns.start : columns.stop].double().cpu()
            strongest, places = a.flatten(1).max(dim=1)
            found = torch.stack(
                [
                    strongest,
                    torch.full_like(strongest, self._pictures),
                    places // len(columns) + rows.start,
                    places % len(columns) + columns.start,
                ]
            )[..., None]
            merged = torch.cat([self._best, found], dim=2) if self._pictures else found
            order = merged[0].argsort(dim=1, descending=True, stable=True)[:, :CANDIDATES]
            self._best = merged.gather(2, order.expand(4, -1, -1))
            sums = torch.stack([a.flatten(1).sum(1), a.flatten(1).square().sum(1)])
            self._sums = self._sums + sums if self._pictures else sums
        self._positions += a[0].numel()
        self._pictures += 1

    def units(self, numbers: Sequence[int]) -> list[Unit]:
        """These units, in their order. Raises InvalidField for a number that the layer does not have."""
        self.check(numbers)
        contrast = self._contrast()
        return [Unit(number, contrast[number].item(), self._places(number)) for number in numbers]

    def most_telling(self, count: int) -> list[Unit]:
        """Strong and selective ones: of the half that is more active than the layer's median unit (by the weakest of
        the nine places), those of the largest contrast, the largest first. Of units that find mostly the same places
        one is enough, and one that is never active tells nothing.
        """
        contrast, weakest = self._contrast(), self._weakest()
        contrast = contrast.where(weakest >= weakest.median(), -torch.inf)
        chosen: list[Unit] = []
        for number in contrast.argsort(descending=True, stable=True).tolist():
            if len(chosen) == count or contrast[number] == -torch.inf:
                break
            unit = Unit(number, contrast[number].item(), self._places(number))
            if unit.places[0].activation > 0 and not any(_same_places(unit, other) for other in chosen):
                chosen.append(unit)
        return chosen

    def _contrast(self) -> Tensor:
        """(n_C,)."""
        mean = self._sums[0] / self._positions
        deviation = (self._sums[1] / self._positions - mean.square()).clamp(min=0).sqrt()
        return (self._weakest() - mean) / deviation.clamp(min=1e-6)

    def _weakest(self) -> Tensor:
        """(n_C,): the activation at the ninth best place, or the last where there are fewer."""
        return self._best[0][:, :PATCHES][:, -1]

    def _places(self, number: int) -> tuple[Place, ...]:
        columns = self._best[:, number].T.tolist()
        return tuple(Place(activation, int(i), int(row), int(column)) for activation, i, row, column in columns)


def _same_places(a: Unit, b: Unit) -> bool:
    """Whether more than half of the best nine are the same spots of the same pictures."""
    spots = {place.picture: place for place in b.places[:PATCHES]}
    shared = 0
    for place in a.places[:PATCHES]:
        other = spots.get(place.picture)
        if other and max(abs(place.row - other.row), abs(place.column - other.column)) <= 1:
            shared += 1
    return 2 * shared > min(len(a.places[:PATCHES]), len(spots))
