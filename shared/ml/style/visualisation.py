"""What the network sees, as sheets: made piece by piece, so that other work can take its turn between.

Iterate over a visualisation to its end, then take its result. Of thousands of pictures one at a time is in memory;
those that cannot be used are named in the result.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from shared.archives import FileProblem
from shared.errors import InsufficientData, InvalidImage
from shared.ml.style.features import Vgg16Features
from shared.ml.style.options import Method
from shared.ml.style.patches import PatchCollector, UnitView
from shared.ml.style.reconstruction import PANELS, STEPS, Kept, Panel, Reconstruction
from shared.ml.style.reconstruction_sheet import draw_reconstructions
from shared.ml.style.unit_search import UnitSearch
from shared.ml.style.unit_sheet import draw_units

COUNT = 9  # units on a sheet, where none are named
MOST_RECONSTRUCTED = 4  # pictures on a sheet: each takes five optimisations


@dataclass(frozen=True)
class Picture:
    """`read` gives (1, 3, H, W) RGB in [0, 1], the same every time, or raises InvalidImage."""

    name: str
    read: Callable[[], Tensor]


@dataclass(frozen=True)
class Piece:
    """How far a stage is."""

    done: int
    total: int
    stage: str


@dataclass(frozen=True, eq=False)
class Visualised:
    sheet: Image.Image
    pictures: int  # that were used
    problems: tuple[FileProblem, ...]
    units: tuple[int, ...] = ()


class UnitVisualisation:
    """The patches that activate units most (arXiv:1311.2901)."""

    def __init__(
        self,
        features: Vgg16Features,
        pictures: Sequence[Picture],
        layer: str,
        *,
        units: Sequence[int] | None = None,
        count: int = COUNT,
        method: Method = Method.GUIDED,
    ) -> None:
        """`units`: their numbers; None for the `count` most telling ones.

        Raises:
            InvalidField: the layer or a unit is unknown.
        """
        self._features, self._pictures, self._layer, self._method = features, pictures, layer, method
        self._numbers, self._count = units, count
        self._search = UnitSearch(features, layer)
        self._search.check(units or ())
        self._problems: list[FileProblem] = []
        self._views: list[UnitView] = []

    def __iter__(self) -> Iterator[Piece]:
        """Raises InsufficientData when no picture can be used."""
        used: list[Picture] = []
        for done, picture in enumerate(self._pictures, start=1):
            try:
                self._search.look(picture.read())
            except InvalidImage as error:
                self._problems.append(FileProblem(picture.name, str(error)))
            else:
                used.append(picture)
            yield Piece(done, len(self._pictures), "looking at pictures")
        if not used:
            raise _nothing(self._problems)
        units = self._search.most_telling(self._count) if self._numbers is None else self._search.units(self._numbers)
        collector = PatchCollector(self._features, self._layer, self._search.field, units)
        for done, number in enumerate(collector.needed, start=1):
            collector.look(number, used[number].read())
            yield Piece(done, len(collector.needed), "cutting patches")
        for view in collector.views(self._method):
            self._views.append(view)
            yield Piece(len(self._views), len(units), "going back to the pixels")

    def result(self) -> Visualised:
        pictures = self._search.pictures
        sheet = draw_units(self._layer, self._search.field, self._views, method=self._method, pictures=pictures)
        return Visualised(sheet, pictures, tuple(self._problems), tuple(view.unit.number for view in self._views))


class ReconstructionVisualisation:
    """Pictures made from noise that agree with the given ones, layer by layer (arXiv:1412.0035)."""

    def __init__(
        self,
        features: Vgg16Features,
        pictures: Sequence[Picture],
        kept: Kept,
        *,
        steps: int = STEPS,
        seed: int = 0,
    ) -> None:
        self._features, self._kept, self._steps, self._seed = features, kept, steps, seed
        self._pictures = pictures[:MOST_RECONSTRUCTED]
        reason = f"a sheet has {MOST_RECONSTRUCTED} pictures at most: each takes {len(PANELS[kept])} optimisations"
        self._problems = [FileProblem(picture.name, reason) for picture in pictures[MOST_RECONSTRUCTED:]]
        self._rows: list[tuple[str, Tensor, list[Panel]]] = []

    def __iter__(self) -> Iterator[Piece]:
        """Raises InsufficientData when no picture can be used."""
        panels = PANELS[self._kept]
        total, done = len(self._pictures) * len(panels) * self._steps, 0
        for picture in self._pictures:
            made: list[Panel] = []
            try:
                pixels = picture.read()
                for layers in panels:
                    run = Reconstruction(self._features, pixels, self._kept, layers, steps=self._steps, seed=self._seed)
                    for _ in run:
                        done += 1
                        yield Piece(done, total, f"reconstructing from {layers[-1]}")
                    made.append(run.panel())
            except InvalidImage as error:
                self._problems.append(FileProblem(picture.name, str(error)))
                total -= len(panels) * self._steps
            else:
                self._rows.append((picture.name, pixels, made))
        if not self._rows:
            raise _nothing(self._problems)

    def result(self) -> Visualised:
        sheet = draw_reconstructions(self._kept, self._rows)
        return Visualised(sheet, len(self._rows), tuple(self._problems))


def _nothing(problems: Sequence[FileProblem]) -> InsufficientData:
    first = f" The first: {problems[0].file}: {problems[0].reason}" if problems else ""
    return InsufficientData(f"There is no picture that can be used.{first}")
