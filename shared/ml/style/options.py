"""What a fine stylisation can be told. Pure Python: the gateway imports it, and must not load torch with it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

from shared.errors import InvalidField


class Init(StrEnum):
    CONTENT = "content"
    NOISE = "noise"
    IMAGE = "image"  # a picture that is given beside the content


class Optimiser(StrEnum):
    ADAM = "adam"
    LBFGS = "lbfgs"


class Pooling(StrEnum):
    """How VGG's features shrink. Average pooling lets more of the gradient through (arXiv:1508.06576, section 4)."""

    MAX = "max"  # as the network was trained
    AVERAGE = "average"


class Method(StrEnum):
    """How to go back from a unit to the pixels (docs/style.md)."""

    GUIDED = "guided"
    DECONVNET = "deconvnet"


class Colours(StrEnum):
    """Whose colours the picture has (Gatys et al., arXiv:1606.05897 and arXiv:1611.07865, section 5)."""

    STYLE = "style"  # the style's, as it comes
    LUMINANCE = "luminance"  # the content's: only the lightness is painted
    HISTOGRAM = "histogram"  # the content's: each channel of the style is matched to its histogram before
    CHOLESKY = "cholesky"  # the content's: a linear map gives the style its mean and covariance before


class Preset(StrEnum):
    """Named starting points; whatever else is said overrides them."""

    SKETCH = "sketch"
    BALANCED = "balanced"
    RICH = "rich"


def _layer_names() -> Iterator[str]:
    """One name per module of torchvision's `vgg16().features`, in its order."""
    for block, convolutions in enumerate((2, 2, 3, 3, 3), start=1):
        for position in range(1, convolutions + 1):
            yield f"conv{block}_{position}"
            yield f"relu{block}_{position}"
        yield f"pool{block}"


MODULES = tuple(_layer_names())
LAYERS = tuple(name for name in MODULES if not name.startswith("pool"))
MAX_LEVELS = 8  # of a pyramid: 128 times smaller


def check_layers(layers: Collection[str]) -> None:
    """Raise InvalidField for a name that is no layer of the network."""
    for name in layers:
        if name not in LAYERS:
            raise InvalidField(f"There is no layer {name[:32]!r} in VGG-16; the layers are: {', '.join(LAYERS)}.")


@dataclass(frozen=True)
class FineOptions:
    """What is minimised and how (symbols of arXiv:1508.06576).

    The defaults are those of Preset.BALANCED. They were chosen by looking: faces survive and the style is plainly
    there.
    """

    steps: int = 80  # of all levels together
    alpha: float = 1.0  # weight of the content cost
    beta: float = 150.0  # of the style cost, at 256 x 256 px; grows with the pixels, as the content cost does
    tv_weight: float = 0.0  # of the total variation, of pixels in 0..255; grows with the pixels, too
    content_layers: Mapping[str, float] = field(default_factory=lambda: {"relu4_2": 1.0})
    style_layers: Mapping[str, float] = field(default_factory=lambda: {f"relu{block}_1": 0.2 for block in range(1, 6)})
    init: Init = Init.CONTENT
    optimiser: Optimiser = Optimiser.LBFGS
    learning_rate: float | None = None  # None: 0.05 for Adam, 1 for L-BFGS
    pooling: Pooling = Pooling.MAX
    levels: int | None = None  # of the pyramid, each of half the size; 1: none; None: chosen by size
    strength: float = 1.0  # 0: the content's own style, 1: the style's
    seed: int = 0  # of the noise

    @classmethod
    def of(cls, preset: Preset, **overrides: Any) -> "FineOptions":
        """The preset's options, with `overrides` in their stead; an unknown option is a TypeError."""
        return cls(**{**PRESETS[preset], **overrides})

    def validated(self) -> "FineOptions":
        """Raises InvalidField, naming the option and its range."""
        for option, layers in (("content_layers", self.content_layers), ("style_layers", self.style_layers)):
            if not layers:
                raise InvalidField(f"`{option}` must name at least one layer; set its weight to 0 to leave it out.")
            check_layers(layers)
        for name, value in self._weights():
            if not (isfinite(value) and value >= 0):
                raise InvalidField(f"`{name}` must be a finite number of at least 0, not {value}.")
        if self.steps < 1:
            raise InvalidField(f"`steps` must be at least 1, not {self.steps}.")
        if self.levels is not None and not 1 <= self.levels <= MAX_LEVELS:
            raise InvalidField(f"`levels` must be 1..{MAX_LEVELS}, not {self.levels}; leave it out to have it chosen.")
        if not 0 <= self.strength <= 1:
            raise InvalidField(f"`strength` must be 0..1, not {self.strength}.")
        if self.learning_rate is not None and not (isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidField(f"`learning_rate` must be above 0, not {self.learning_rate}.")
        if self.alpha * sum(self.content_layers.values()) + self.beta * sum(self.style_layers.values()) == 0:
            raise InvalidField("Every weight is zero: there is nothing to optimise. Raise `alpha` or `beta`.")
        return self

    def _weights(self) -> Iterator[tuple[str, float]]:
        yield from (("alpha", self.alpha), ("beta", self.beta), ("tv_weight", self.tv_weight))
        for option, layers in (("content_layers", self.content_layers), ("style_layers", self.style_layers)):
            yield from ((f"{option}.{name}", value) for name, value in layers.items())


# What a preset says differently from the defaults
PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    Preset.SKETCH: {"steps": 40, "beta": 40.0},
    Preset.BALANCED: {},
    Preset.RICH: {"steps": 120, "beta": 600.0, "pooling": Pooling.AVERAGE, "tv_weight": 0.01},
}
