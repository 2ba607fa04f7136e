"""The style worker's models: both ways to paint, computed on the one device thread of the process."""

from collections import OrderedDict
from collections.abc import Callable

import structlog
import torch
from torch import Tensor

from shared.ml.style.fast import FastStyliser
from shared.ml.style.features import Vgg16Features
from shared.ml.style.optimisation import Optimisation, Step, Stylised
from shared.ml.style.options import FineOptions
from shared.ml.weights import VGG16, load
from shared.schemas import Model
from workers.models import choose_device, device_thread, weights_supply
from workers.services import Services

log = structlog.get_logger("worker")

KEPT_VECTORS = 256  # style vectors in memory, 400 bytes each


class StyleModels:
    """Jobs that run at the same time take turns: a fast one waits for one step of a fine one at most."""

    def __init__(self, fast: FastStyliser, features: Vgg16Features) -> None:
        self._fast = fast
        self._features = features
        self._executor = device_thread()
        self._vectors: OrderedDict[str, Tensor] = OrderedDict()
        self.fast_model = Model(name=fast.name, digest=fast.digest)
        self.fine_model = Model(name=VGG16.name, digest=VGG16.digest)

    @classmethod
    def load(cls, services: Services) -> "StyleModels":
        """Load the networks and run each once."""
        settings = services.settings
        device = choose_device(settings)
        supply = weights_supply(settings, services.store)
        fast = FastStyliser.from_weights(device, cache_dir=settings.weights_cache, supply=supply)
        features = Vgg16Features(load(VGG16, settings.weights_cache, supply=supply))
        models = cls(fast, features.to(device))
        grey = torch.full((1, 3, 64, 64), 0.5)
        models.paint_fast(grey, grey, style_name="warm-up", strength=1)
        models.paint_fine(grey, grey, FineOptions(steps=1), on_step=lambda _: None)
        log.info("models are warm", fast=fast.name, fine=VGG16.name)
        return models

    def paint_fast(self, content: Tensor, style: Tensor, *, style_name: str, strength: float) -> Tensor:
        """One pass: (1, 3, H, W) in [0, 1]. The style's vector is kept under its name for the next picture."""

        def paint() -> Tensor:
            if style_name not in self._vectors:
                with torch.inference_mode():
                    self._vectors[style_name] = self._fast.style_vector(style)
            self._vectors.move_to_end(style_name)
            while len(self._vectors) > KEPT_VECTORS:
                self._vectors.popitem(last=False)
            return self._fast.stylise(content, self._vectors[style_name], strength=strength)

        return self._executor.submit(paint).result()

    def paint_fine(
        self, content: Tensor, style: Tensor, options: FineOptions, *, on_step: Callable[[Step], None]
    ) -> Stylised:
        """Optimise step by step. Whatever `on_step` raises ends it.

        Raises:
            InvalidField: the options make no sense.
            NumericalError: the costs went out of range.
        """
        run = self._executor.submit(Optimisation, self._features, content, style, options).result()
        steps = iter(run)
        while (step := self._executor.submit(next, steps, None).result()) is not None:
            on_step(step)
        return self._executor.submit(run.result).result()
