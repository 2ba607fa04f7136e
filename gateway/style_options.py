"""How to paint: the options that a stylisation and a batch of them share, their limits, and the job they make."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.web.bodies import JSON_TEXT, Body
from shared.errors import ImageTooSmall, InvalidField
from shared.images import ImageFormat
from shared.ml.style import options
from shared.ml.style.options import LAYERS, MAX_LEVELS, Colours, Init, Optimiser, Pooling, Preset, check_layers
from shared.schemas import FineOptions, StyleInput, StyleMode, StylizationPayload
from shared.settings import LimitSettings
from shared.style_memory import Work, admit

LEAST_SIDE = 64
LEAST_SHORT_SIDE = 16
DEFAULT_SIDE = {StyleMode.FAST: 1024, StyleMode.FINE: 384}
MOST = 1e6  # a product of two of them still leaves squares of gradients that float32 can hold


def _known_layers(layers: dict[str, float]) -> dict[str, float]:
    check_layers(layers)
    return layers


Weight = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
ListedWeight = Annotated[Weight, Field(strict=True)]  # inside of JSON text, where a number is no text
Layers = Annotated[
    dict[str, ListedWeight],
    Field(min_length=1, json_schema_extra={"propertyNames": {"enum": list(LAYERS)}}),
    AfterValidator(_known_layers),
]
LayerWeights = Annotated[Layers | None, JSON_TEXT]
LAYERS_ARE = 'a JSON object of VGG-16 layers and their weights (0 or more), such as {"relu4_2": 1}'


class StyleOptions(Body):
    """Everything but the pictures."""

    mode: StyleMode = Field(StyleMode.FAST, description="fast: one forward pass; fine: optimise the pixels")
    size: int | None = Field(
        None,
        ge=LEAST_SIDE,
        description="long side of the output, px; default: the content's, at most 1024 (fast) or 384 (fine)",
    )
    format: ImageFormat = ImageFormat.JPEG
    strength: float = Field(
        1.0, ge=0, le=1, allow_inf_nan=False, description="of the style: 0 keeps the content's own look, 1 is all of it"
    )
    colours: Colours = Field(
        Colours.STYLE, description="style: the style's own; luminance, histogram, cholesky: ways to keep the content's"
    )
    tiled: bool = Field(False, description="paint in tiles: fine mode then needs less memory, and more time")
    preset: Preset | None = Field(
        None, description="a named starting point that the options below override; fine only, like all of them"
    )
    steps: int | None = Field(None, ge=1)
    alpha: Weight | None = Field(None, description="weight of the content cost")
    beta: Weight | None = Field(None, description="weight of the style cost")
    tv_weight: Weight | None = Field(None, description="weight of the total variation")
    content_layers: LayerWeights = Field(None, description=LAYERS_ARE)
    style_layers: LayerWeights = Field(None, description=LAYERS_ARE)
    init: Init | None = Field(None, description="where the pixels start; image: at `init_image`")
    optimiser: Optimiser | None = None
    pooling: Pooling | None = Field(None, description="how the network's features shrink")
    levels: int | None = Field(None, ge=1, le=MAX_LEVELS, description="sizes of the pyramid; default: by the size")
    learning_rate: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)
    seed: int | None = Field(None, ge=0, lt=2**32, description="of the noise")

    @model_validator(mode="after")
    def _fits_the_mode(self) -> Self:
        match self.mode:
            case StyleMode.FAST if refused := [f"`{name}`" for name in self.only_fine()]:
                raise InvalidField(f"Only for mode=fine: {', '.join(refused)}.")
            case StyleMode.FINE if self.init is Init.IMAGE and not self.has_start():
                raise InvalidField("`init=image` starts from a picture: send `init_image` with it.")
            case StyleMode.FINE:
                self._check_layers()
                self.engine_options().validated()
            case StyleMode.FAST:
                pass
        return self

    def only_fine(self) -> Sequence[str]:
        """The fields that were given and that mode=fast knows nothing of."""
        return tuple(self._given())

    def has_start(self) -> bool:
        """Whether there is a picture for init=image."""
        return False

    def fine_options(self) -> FineOptions | None:
        """What a job says of them; None in fast mode."""
        return FineOptions(**self._given()) if self.mode is StyleMode.FINE else None

    def engine_options(self) -> options.FineOptions:
        """The preset and what was said beside it, as the optimisation takes them."""
        given = self._given()
        return options.FineOptions.of(given.pop("preset", Preset.BALANCED), strength=self.strength, **given)

    def work(self, styles: int, masks: int) -> Work:
        """What decides on the memory."""
        options = self.engine_options() if self.mode is StyleMode.FINE else None
        return Work(self.mode, self.tiled, options, styles, masks)

    def _check_layers(self) -> None:
        layers = (("content", "alpha", self.content_layers), ("style", "beta", self.style_layers))
        for cost, weight, given in layers:
            if given is not None and not any(given.values()):
                raise InvalidField(
                    f"`{cost}_layers` must have a weight above 0; set `{weight}` to 0 to leave the {cost} out."
                )

    def _given(self) -> dict[str, Any]:
        values = ((name, getattr(self, name)) for name in FineOptions.model_fields)
        return {name: value for name, value in values if value is not None}


def check(
    sent: StyleOptions, limits: LimitSettings, content: tuple[int, int], *, styles: int = 1, masks: int = 0
) -> int:
    """The long side of the picture that a content of this width and height (px) becomes.

    `styles` and `masks` are how many there are.

    Raises:
        InvalidField: beyond a limit that is configured.
        ImageTooSmall: the content is too narrow at that size.
        NeedsTooMuchMemory: the worker's does not suffice.
    """
    check_limits(sent, limits)
    longest = longest_side(sent.mode, limits)
    size = sent.size or min(max(*content, LEAST_SIDE), DEFAULT_SIDE[sent.mode], longest)
    check_shape("content", content, size)
    admit(sent.work(styles, masks), scaled(content, size), limits.style_memory_bytes, most=longest)
    return size


def longest_side(mode: StyleMode, limits: LimitSettings) -> int:
    """Of a picture, px, that this installation paints at all."""
    return limits.fast_side if mode is StyleMode.FAST else limits.fine_side


def check_limits(sent: StyleOptions, limits: LimitSettings) -> None:
    """The limits that hold for every picture. Raises InvalidField."""
    longest = longest_side(sent.mode, limits)
    if sent.size is not None and sent.size > longest:
        raise InvalidField(f"`size` must be an integer from {LEAST_SIDE} to {longest:,} in {sent.mode} mode.")
    if sent.steps is not None and sent.steps > limits.fine_steps:
        raise InvalidField(f"`steps` must be an integer from 1 to {limits.fine_steps:,}.")


def scaled(shape: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) of that shape with this longer side."""
    factor = side / max(shape)
    width, height = (max(1, round(length * factor)) for length in shape)
    return width, height


def short_side(shape: tuple[int, int], size: int) -> int:
    """That of a picture of this shape whose long side is `size`, px."""
    return round(size * min(shape) / max(shape))


def check_shape(field: str, sides: tuple[int, int], size: int) -> None:
    """VGG-16 halves a picture four times, so its short side needs sixteen pixels. Raises ImageTooSmall."""
    short = short_side(sides, size)
    if short < LEAST_SHORT_SIDE:
        raise ImageTooSmall(
            f"`{field}` is so narrow that at size={size} its short side would have {short} px; "
            f"at least {LEAST_SHORT_SIDE} px are needed. Ask for a larger `size`, or crop the picture."
        )


def payload(
    sent: StyleOptions,
    size: int,
    *,
    content_key: str,
    styles: Sequence[StyleInput],
    more: Mapping[str, Any] | None = None,
) -> StylizationPayload:
    """The job that paints one content; `size` is what `check` said, `more` are further members of the payload."""
    return StylizationPayload(
        content_key=content_key,
        styles=tuple(styles),
        mode=sent.mode,
        size=size,
        format=sent.format,
        strength=sent.strength,
        colours=sent.colours,
        tiled=sent.tiled,
        fine=sent.fine_options(),
        **(more or {}),
    )
