"""`/v1/stylizations`: a content image painted in the style of another."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import AfterValidator, Field, model_validator

from gateway.auth import Scope
from gateway.bodies import JSON_TEXT, Body, ImageFile, OptionalImageFile, read_body
from gateway.context import context
from gateway.operations import accepts_job
from gateway.responses import accept
from shared import styles
from shared.errors import ImageTooSmall, InvalidField
from shared.images import ImageFormat
from shared.ml.style import options
from shared.ml.style.options import LAYERS, Init, Optimiser, check_layers
from shared.schemas import FineOptions, Id, JobType, Priority, StyleMode, StylizationPayload
from shared.settings import LimitSettings

blueprint = APIBlueprint("stylizations", __name__, url_prefix="/v1/stylizations")

LEAST_SIDE = 64
LEAST_SHORT_SIDE = 16
DEFAULT_SIDE = {StyleMode.FAST: 1024, StyleMode.FINE: 384}
MOST = 1e12


def _known_layers(layers: dict[str, float]) -> dict[str, float]:
    check_layers(layers)
    return layers


Weight = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Layers = Annotated[
    dict[str, Weight],
    Field(min_length=1, json_schema_extra={"propertyNames": {"enum": list(LAYERS)}}),
    AfterValidator(_known_layers),
]
LayerWeights = Annotated[Layers | None, JSON_TEXT]
LAYERS_ARE = 'a JSON object of VGG-16 layers and their weights (0 or more), such as {"relu4_2": 1}'


class Stylization(Body):
    content: ImageFile
    style: OptionalImageFile = Field(None, description="style image; this or style_id")
    style_id: Id | None = Field(None, description="id of a style of the library; this or style")
    mode: StyleMode = Field(StyleMode.FAST, description="fast: one forward pass; fine: optimise the pixels")
    size: int | None = Field(
        None,
        ge=LEAST_SIDE,
        description="long side of the output, px; default: the content's, at most 1024 (fast) or 384 (fine)",
    )
    format: ImageFormat = ImageFormat.JPEG
    strength: float | None = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="fast only: 0 keeps the content's look, 1 (default)",
    )
    steps: int | None = Field(None, ge=1, description="fine only, like all that follow but priority")
    alpha: Weight | None = Field(None, description="weight of the content cost")
    beta: Weight | None = Field(None, description="weight of the style cost")
    tv_weight: Weight | None = Field(None, description="weight of the total variation")
    content_layers: LayerWeights = Field(None, description=LAYERS_ARE)
    style_layers: LayerWeights = Field(None, description=LAYERS_ARE)
    init: Init | None = Field(None, description="where the pixels start")
    optimiser: Optimiser | None = None
    learning_rate: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)
    seed: int | None = Field(None, ge=0, lt=2**32)
    priority: Priority = Priority.INTERACTIVE

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.style is None) == (self.style_id is None):
            raise InvalidField("Give exactly one of `style` (an image) and `style_id` (of GET /v1/styles).")
        match self.mode:
            case StyleMode.FAST if refused := [name for name, _ in self._fine_options()]:
                raise InvalidField(f"Only for mode=fine: {', '.join(f'`{name}`' for name in refused)}.")
            case StyleMode.FINE if self.strength is not None:
                raise InvalidField("`strength` is only for mode=fast; in fine mode weigh `alpha` and `beta`.")
            case StyleMode.FINE:
                options.FineOptions(**dict(self._fine_options())).validated()
            case StyleMode.FAST:
                pass
        return self

    def pictures(self) -> dict[str, bytes]:
        sent = {"content": self.content}
        return sent if self.style is None else {**sent, "style": self.style}

    def fine_options(self) -> FineOptions | None:
        return FineOptions(**dict(self._fine_options())) if self.mode is StyleMode.FINE else None

    def _fine_options(self) -> list[tuple[str, Any]]:
        """Those that were given."""
        given = ((name, getattr(self, name)) for name in FineOptions.model_fields)
        return [(name, value) for name, value in given if value is not None]


@blueprint.post("")
@accepts_job(Scope.STYLISE, Stylization)
def stylize() -> Response:
    """Paint a picture in the style of another one."""
    sent = read_body(Stylization)
    _check_limits(sent, context().settings.limits)
    style_key = styles.object_key(styles.find(sent.style_id).id) if sent.style_id else None
    sizes = context().uploads.check(sent.pictures())

    size = sent.size or _default_size(sent.mode, max(sizes["content"]))
    _check_shape("content", sizes["content"], size)
    if sent.mode is StyleMode.FINE and "style" in sizes:
        _check_shape("style", sizes["style"], size)

    def payload(keys: Mapping[str, str]) -> StylizationPayload:
        return StylizationPayload(
            content_key=keys["content"],
            style_key=style_key or keys["style"],
            style_id=sent.style_id,
            mode=sent.mode,
            size=size,
            format=sent.format,
            strength=1.0 if sent.strength is None else sent.strength,
            fine=sent.fine_options(),
        )

    return accept(JobType.STYLIZATION, sent.pictures(), payload, sent.priority)


def _check_limits(sent: Stylization, limits: LimitSettings) -> None:
    """The ranges that are configured."""
    longest = limits.fast_side if sent.mode is StyleMode.FAST else limits.fine_side
    if sent.size is not None and sent.size > longest:
        raise InvalidField(f"`size` must be an integer from {LEAST_SIDE} to {longest:,} in {sent.mode} mode.")
    if sent.steps is not None and sent.steps > limits.fine_steps:
        raise InvalidField(f"`steps` must be an integer from 1 to {limits.fine_steps:,}.")


def _check_shape(field: str, sides: tuple[int, int], size: int) -> None:
    """VGG-16 halves a picture four times, so its short side needs sixteen pixels."""
    short = round(size * min(sides) / max(sides))
    if short < LEAST_SHORT_SIDE:
        raise ImageTooSmall(
            f"`{field}` is so narrow that at size={size} its short side would have {short} px; "
            f"at least {LEAST_SHORT_SIDE} px are needed. Ask for a larger `size`, or crop the picture."
        )


def _default_size(mode: StyleMode, long_side: int) -> int:
    limits = context().settings.limits
    longest = limits.fast_side if mode is StyleMode.FAST else limits.fine_side
    return min(max(long_side, LEAST_SIDE), DEFAULT_SIDE[mode], longest)
