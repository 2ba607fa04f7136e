"""The style worker's models: every way to paint, computed on the one device thread of the process."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

import structlog
import torch
from torch import Tensor

from shared.errors import InvalidCheckpoint
from shared.ml.style import looks
from shared.ml.style.fast import FastStyliser, OnePass, mix
from shared.ml.style.features import Vgg16Features
from shared.ml.style.looks import Look
from shared.ml.style.multistyle import LookStyliser
from shared.ml.style.optimisation import Optimisation, Step, StyleImage, Stylised
from shared.ml.style.options import FineOptions
from shared.ml.weights import VGG16, load
from shared.schemas import Model
from shared.style_memory import CHECKPOINT_BYTES
from workers.batching import MicroBatcher
from workers.models import choose_device, device_thread, weights_supply
from workers.services import Services
from workers.style_inputs import StylePicture

log = structlog.get_logger("worker")

T = TypeVar("T")

KEPT_VECTORS = 256  # style vectors in memory, 400 bytes each
BATCH_PIXELS = 2**22  # of all pictures in one forward pass; a larger one goes alone


@dataclass(frozen=True, eq=False)
class FastWork:
    """One pass over `content` (1, 3, H, W); `tile`: in strips of so many rows."""

    content: Tensor
    styles: Sequence[StylePicture]
    strength: float = 1.0
    tile: int | None = None


@dataclass(frozen=True, eq=False)
class FineWork:
    """One optimisation; `state` is where an earlier attempt was."""

    content: Tensor
    styles: Sequence[StyleImage]
    options: FineOptions
    init: Tensor | None = None
    keep: Tensor | None = None
    tile: int | None = None
    state: bytes | None = None


class Glance:
    """A look at an optimisation between two of its steps, taken on the device thread."""

    def __init__(self, run: Optimisation, executor: Executor) -> None:
        self._run = run
        self._executor = executor

    def image(self) -> Tensor:
        """The best picture so far: (1, 3, h, w) on the CPU, small while the pyramid's levels are."""
        return self._executor.submit(lambda: self._run.image).result()

    def state(self) -> bytes:
        """What another run goes on from."""
        return self._executor.submit(self._run.state, CHECKPOINT_BYTES).result()


@dataclass(frozen=True, eq=False)
class Pass:
    """One picture of a forward pass."""

    network: OnePass
    content: Tensor
    vector: Tensor
    strength: float
    tile: int | None

    def fits_with(self, other: "Pass") -> bool:
        mine, theirs = ((p.network, p.content.shape, p.strength, p.tile) for p in (self, other))
        return mine == theirs


class StyleModels:
    """Jobs that run at the same time take turns: a fast one waits for one step of a fine one at most."""

    def __init__(self, fast: FastStyliser, by_look: LookStyliser, features: Vgg16Features) -> None:
        self.fast = fast
        self._by_look = by_look
        self._features = features
        self._executor = device_thread()
        self._batcher: MicroBatcher[Pass, Tensor] = MicroBatcher(self.forward, max_size=32, max_wait=0.005)
        self._vectors: OrderedDict[str, Tensor] = OrderedDict()
        self.fast_model = Model(name=fast.name, digest=fast.digest)
        self.look_model = Model(name=by_look.name, digest=by_look.digest)
        self.fine_model = Model(name=VGG16.name, digest=VGG16.digest)

    @classmethod
    def load(cls, services: Services) -> "StyleModels":
        """Load the networks and run each once."""
        settings = services.settings
        device = choose_device(settings)
        supply = weights_supply(settings, services.store)
        fast = FastStyliser.from_weights(device, cache_dir=settings.weights_cache, supply=supply)
        by_look = LookStyliser.from_weights(device, cache_dir=settings.weights_cache, supply=supply)
        features = Vgg16Features(load(VGG16, settings.weights_cache, supply=supply))
        models = cls(fast, by_look, features.to(device))
        models.warm_up()
        log.info("models are warm", fast=fast.name, looks=by_look.name, fine=VGG16.name)
        return models

    def warm_up(self) -> None:
        grey = torch.full((1, 3, 64, 64), 0.5)
        self.paint_fast(FastWork(grey, [StylePicture("warm-up", grey, 1.0)]))
        self.paint_fast(FastWork(grey, [StylePicture(looks.LOOKS[0].id, None, 1.0)]))
        self.paint_fine(FineWork(grey, [StyleImage(grey)], FineOptions(steps=1)), on_step=lambda _, __: None)

    def paint_fast(self, work: FastWork) -> Tensor:
        """One pass: (1, 3, H, W) in [0, 1]. Pictures of one size that are wanted at the same time share it.

        Raises:
            InvalidField: every weight is zero.
            InvalidImage: the content is too narrow.
        """
        return self._batcher.submit(self.as_pass(work)).result()

    def as_pass(self, work: FastWork) -> "Pass":
        """The network that paints it and the vector of its styles, blended."""
        if any(style.pixels is None for style in work.styles):
            shares: defaultdict[Look, float] = defaultdict(float)
            for style in work.styles:
                shares[looks.find(style.name)] += style.weight
            network: OnePass = self._by_look
            vector = self._by_look.style_vector(shares)
        else:
            network = self.fast
            vector = self._executor.submit(self._vector, work.styles).result()
        return Pass(network, work.content, vector, work.strength, work.tile)

    def paint_fine(self, work: FineWork, *, on_step: Callable[[Step, Glance], None]) -> Stylised:
        """Optimise step by step. Whatever `on_step` raises ends it.

        Raises:
            InvalidField: the options make no sense.
            NumericalError: the costs went out of range.
        """
        run = self._executor.submit(self._prepare, work).result()
        steps, glance = iter(run), Glance(run, self._executor)
        while (step := self._executor.submit(next, steps, None).result()) is not None:
            on_step(step, glance)
        return self._executor.submit(run.result).result()

    def compute(self, work: Callable[[Vgg16Features], T]) -> T:
        """A piece of other work with the network of the fine mode, in its turn on the device thread."""
        return self._executor.submit(work, self._features).result()

    def free_memory(self) -> None:
        """Give what the device keeps for later back to it."""
        if self.fast.device.type == "cuda":
            self._executor.submit(torch.cuda.empty_cache).result()

    def _prepare(self, work: FineWork) -> Optimisation:
        run = self._optimisation(work)
        if work.state is None:
            return run
        try:
            run.resume(work.state)
        except InvalidCheckpoint as error:
            log.warning("checkpoint refused: the job starts anew", problem=str(error))
            return self._optimisation(work)
        return run

    def _optimisation(self, work: FineWork) -> Optimisation:
        return Optimisation(
            self._features, work.content, work.styles, work.options, init=work.init, keep=work.keep, tile=work.tile
        )

    def _vector(self, styles: Sequence[StylePicture]) -> Tensor:
        """The blend of several pictures' vectors. Each is kept under its name for the next content."""
        vectors = [self._kept_vector(style) for style in styles]
        return mix(vectors, [style.weight for style in styles])

    def _kept_vector(self, style: StylePicture) -> Tensor:
        if style.name not in self._vectors:
            if style.pixels is None:
                raise ValueError("a look has no vector of its own")
            with torch.inference_mode():
                self._vectors[style.name] = self.fast.style_vector(style.pixels)
        self._vectors.move_to_end(style.name)
        while len(self._vectors) > KEPT_VECTORS:
            self._vectors.popitem(last=False)
        return self._vectors[style.name]

    def forward(self, passes: Sequence[Pass]) -> list[Tensor]:
        """Pictures of one kind and size together, as many as fit; the results in the order of `passes`."""
        found: dict[int, Tensor] = {}
        waiting = list(enumerate(passes))
        while waiting:
            first = waiting[0][1]
            most = max(1, BATCH_PIXELS // (first.content.shape[2] * first.content.shape[3]))
            group = [(place, one) for place, one in waiting if one.fits_with(first)][:most]
            contents = torch.cat([one.content for _, one in group])
            vectors = torch.cat([one.vector for _, one in group])
            painted = self._executor.submit(
                first.network.stylise, contents, vectors, strength=first.strength, tile=first.tile
            ).result()
            found |= {place: painted[index : index + 1] for index, (place, _) in enumerate(group)}
            waiting = [entry for entry in waiting if entry[0] not in found]
        return [found[place] for place in range(len(passes))]
