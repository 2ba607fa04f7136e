"""Fine stylisation: gradient descent on the pixels (Gatys, Ecker, Bethge, arXiv:1508.06576).

    G* = argmin_G alpha J_content(C, G) + beta J_style(S, G)          (equation 7)

The network stays fixed; the image G is what is optimised, from the content, from noise or from a given picture. The
cost is that of shared/ml/style/objective.py, the way from coarse to fine that of shared/ml/style/pyramid.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import assert_never

import torch
from torch import Tensor

from shared.errors import InvalidCheckpoint, InvalidField, NumericalError
from shared.ml.device import cpu_has_bfloat16
from shared.ml.style import checkpoint
from shared.ml.style.descent import HISTORY, Descent, ProjectedAdam, ProjectedLbfgs, enlarged
from shared.ml.style.features import Vgg16Features
from shared.ml.style.objective import Costs, Evaluation, Objective
from shared.ml.style.options import FineOptions, Init, Optimiser
from shared.ml.style.pixels import resize
from shared.ml.style.pyramid import levels
from shared.ml.style.scene import Scene, StyleImage, checked

__all__ = ["Optimisation", "Step", "StyleImage", "Stylised", "optimise"]

LEARNING_RATES: Mapping[Optimiser, float] = {Optimiser.ADAM: 0.05, Optimiser.LBFGS: 1.0}

_STATE_VERSION = 1


@dataclass(frozen=True)
class Step:
    """The costs of the best image that was seen when step `step` of `total` began: on one level they never rise.

    They are those of the whole picture: on a coarse level, the content cost and the sum, which grow with the pixels,
    are multiplied by how many times more pixels the picture has. `fraction` is the part of the work that is done after
    this step, 0..1: steps count by their pixels.
    """

    step: int
    total: int
    content_cost: float
    style_cost: float
    cost: float
    fraction: float


@dataclass(frozen=True, eq=False)
class Stylised:
    """`image` is (1, 3, H, W) float32 RGB in [0, 1]; `first` and `last` are the costs at the start and end."""

    image: Tensor
    first: Step
    last: Step


@dataclass(frozen=True, eq=False)
class _Best:
    pixels: Tensor
    costs: Costs


class Optimisation:
    """One image being painted: iterate over its steps, stop whenever you like, then take `image`.

    Args:
        features: the frozen network, on the device to compute on.
        content: (1, 3, H, W) float32 RGB in [0, 1].
        styles: at least one.
        options: those of Preset.BALANCED by default.
        init: (1, 3, H, W), to start from; needed with Init.IMAGE and only then.
        keep: (1, 1, H, W) in [0, 1], 1 where the picture stays exactly the content; between, both are mixed.
        tile: pixels; the picture is computed in tiles of about this side, which bounds the memory.

    Raises:
        InvalidField: an option or a style's weight is out of range.
        InvalidImage: a picture is too small, or a mask or `init` of another size than the content.

    Iterating raises NumericalError when the costs leave the numbers that float32 can hold.
    """

    def __init__(
        self,
        features: Vgg16Features,
        content: Tensor,
        styles: Sequence[StyleImage],
        options: FineOptions | None = None,
        *,
        init: Tensor | None = None,
        keep: Tensor | None = None,
        tile: int | None = None,
    ) -> None:
        self._features, self._tile = features, tile
        self._options = (options or FineOptions()).validated()
        if (init is None) == (self._options.init is Init.IMAGE):
            raise InvalidField("A picture to start from is needed with `init` image, and only then.")
        self._device = features.mean.device
        self._dtype = _fastest_dtype(self._device)
        self._whole = Scene.of(content, styles, keep, device=self._device)
        self._init = None if init is None else checked(init, content, "the picture to start from").to(self._device)
        self._levels = levels(*self._whole.size, count=self._options.levels, steps=self._options.steps)
        self._done = 0
        self._first: Step | None = None
        self._best: _Best | None = None
        self._descent = _descent(self._options)
        self._enter(0)
        self._pixels = self._start()

    @property
    def image(self) -> Tensor:
        """(1, 3, h, w) float32 in [0, 1], on the CPU: the best picture so far; smaller while on a coarse level."""
        return self._scene.composed(self._best.pixels if self._best else self._pixels).cpu()

    def __iter__(self) -> Iterator[Step]:
        """Goes on after the last step that was made."""
        while self._done < self._options.steps:
            if self._done == sum(level.steps for level in self._levels[: self._level + 1]):
                self._climb()
            here, best = self._visit()
            self._pixels = self._descent.step(here.pixels, here.costs.total, here.gradient)
            self._done += 1
            step = self._step(best.costs)
            self._first = self._first or step
            yield step

    def result(self) -> Stylised:
        """The best picture so far, its costs and those of the first step.

        Raises:
            ValueError: no step was made.
        """
        if self._first is None:
            raise ValueError("nothing was optimised yet: iterate first")
        _, best = self._visit()  # the last step made pixels that nothing has judged yet
        return Stylised(self.image, self._first, self._step(best.costs))

    def state(self, max_bytes: int | None = None) -> bytes:
        """All that `resume` needs to go on as if nothing had happened.

        Where that is more than `max_bytes`, the oldest of what L-BFGS remembers is left out: it then goes on a little
        more slowly. The pictures themselves (six times 12 bytes per pixel) are never left out.
        """
        image_bytes = self._pixels.nbytes
        pairs = HISTORY if max_bytes is None else min(HISTORY, max(0, (max_bytes // image_bytes - 6) // 2))
        tensors, descent = self._descent.saved(pairs)
        images = {"run.pixels": self._pixels} | ({"run.best": self._best.pixels} if self._best else {})
        numbers = {
            "version": _STATE_VERSION,
            "run": self._fingerprint,
            "done": self._done,
            "level": self._level,
            "dtype": str(self._dtype).removeprefix("torch."),
            "first": asdict(self._first) if self._first else None,
            "best": asdict(self._best.costs) if self._best else None,
            "descent": descent,
        }
        return checkpoint.pack(images | {f"descent.{name}": t for name, t in tensors.items()}, numbers)

    def resume(self, state: bytes) -> None:
        """Go on where another run of the same pictures and options was when it gave its `state`.

        Raises:
            InvalidCheckpoint: it is damaged, or of another version, of other pictures or of other options.
        """
        tensors, numbers = checkpoint.unpack(state)
        if numbers.get("version") != _STATE_VERSION:
            raise InvalidCheckpoint("that state is of another version; start the stylisation afresh")
        if numbers["run"] != self._fingerprint:
            raise InvalidCheckpoint("that state is of other pictures or options; start the stylisation afresh")
        tensors = {name: tensor.to(self._device) for name, tensor in tensors.items()}
        if numbers["dtype"] == "float32":  # half precision had overflowed, or was not there
            self._dtype = torch.float32
        self._enter(numbers["level"])
        self._done = numbers["done"]
        self._pixels = tensors["run.pixels"]
        self._first = Step(**numbers["first"]) if numbers["first"] else None
        self._best = _Best(tensors["run.best"], Costs(**numbers["best"])) if numbers["best"] else None
        prefix = "descent."
        self._descent.restore(
            {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}, numbers["descent"]
        )

    @cached_property
    def _fingerprint(self) -> str:
        """What the run is of: equal for the same options, pictures and masks."""
        whole = self._whole
        digest = sha256(json.dumps(asdict(self._options), sort_keys=True).encode())
        digest.update(json.dumps([sorted(region.styles.items()) for region in whole.regions]).encode())
        shares = [region.share for region in whole.regions]
        for tensor in (whole.content, *whole.styles, *shares, whole.keep, self._init):
            digest.update(str(None if tensor is None else tuple(tensor.shape)).encode())
            if tensor is not None:
                digest.update(tensor.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def _enter(self, level: int) -> None:
        size = self._levels[level]
        self._level = level
        self._scene = self._whole.resized(size.height, size.width)
        self._objective = Objective(self._features, self._scene, self._options, dtype=self._dtype, tile=self._tile)

    def _climb(self) -> None:
        """To the next level. What was painted is enlarged, and the content's own detail beneath it stays sharp."""
        _, best = self._visit()
        painted = best.pixels - self._scene.content
        self._enter(self._level + 1)
        height, width = self._scene.size
        self._pixels = (self._scene.content + enlarged(painted, height, width)).clamp_(0, 1)
        self._descent.resize(height, width)
        self._best = None

    def _visit(self) -> tuple[Evaluation, _Best]:
        """The pixels as they are and the best so far; in float32, from the best ones on, if a number overflows."""
        here = self._objective.evaluate(self._pixels)
        if not here.is_finite and self._dtype is not torch.float32:
            self._dtype = torch.float32
            self._enter(self._level)
            self._descent = _descent(self._options)
            self._pixels = self._best.pixels if self._best else self._pixels
            here, self._best = self._objective.evaluate(self._pixels), None
        if not here.is_finite:
            raise NumericalError("The optimisation left the range of float32: lower the weights or `learning_rate`.")
        if self._best is None or here.costs.total < self._best.costs.total:
            self._best = _Best(here.pixels, here.costs)
        return here, self._best

    def _start(self) -> Tensor:
        match self._options.init:
            case Init.CONTENT:
                return self._scene.content.clamp(0, 1)
            case Init.NOISE:
                # drawn on the CPU, so that a seed means the same picture on every device
                generator = torch.Generator().manual_seed(self._options.seed)
                return torch.rand(self._scene.content.shape, generator=generator).to(self._device)
            case Init.IMAGE:
                assert self._init is not None  # noqa: S101  checked when the run was made
                return resize(self._init, *self._scene.size).contiguous()
            case _:
                assert_never(self._options.init)

    def _step(self, found: Costs) -> Step:
        level = self._levels[self._level]
        times = self._levels[-1].pixels / level.pixels
        ahead = sum(later.steps * later.pixels for later in self._levels[self._level :])
        ahead -= (self._done - sum(earlier.steps for earlier in self._levels[: self._level])) * level.pixels
        whole = sum(every.steps * every.pixels for every in self._levels)
        return Step(
            step=self._done,
            total=self._options.steps,
            content_cost=found.content * times,
            style_cost=found.style,
            cost=found.total * times,
            fraction=1 - ahead / whole,
        )


def _descent(options: FineOptions) -> Descent:
    rate = options.learning_rate or LEARNING_RATES[options.optimiser]
    match options.optimiser:
        case Optimiser.ADAM:
            return ProjectedAdam(rate)
        case Optimiser.LBFGS:
            return ProjectedLbfgs(rate)
        case _:
            assert_never(options.optimiser)


def _fastest_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device computes in it. Not float16: the gradients of the style cost exceed its range."""
    fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def optimise(
    features: Vgg16Features,
    content: Tensor,
    styles: Sequence[StyleImage],
    options: FineOptions | None = None,
    *,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Stylised:
    """Run an optimisation to its end, telling `on_step` of each step; an exception it raises stops the run."""
    run = Optimisation(features, content, styles, options)
    for step in run:
        on_step(step)
    return run.result()
