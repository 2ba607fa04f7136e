"""`/v1/stylizations`: a content image painted in the style of another, or of several."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator

from gateway import style_options
from gateway.auth import Scope
from gateway.context import context
from gateway.style_choice import ChosenStyles, StyleChoice, choose, numbered
from gateway.style_options import LEAST_SHORT_SIDE, LEAST_SIDE, StyleOptions, check_shape, longest_side, short_side
from gateway.web.bodies import AnyImageFiles, Body, ImageFile, OptionalImageFile, read_body, read_query
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.responses import Document, accept, document
from shared.errors import InvalidField
from shared.ml.style.options import Init
from shared.schemas import JobType, Priority, StyleInput, StyleMode, StylizationPayload
from shared.style_memory import Work, largest_side

blueprint = APIBlueprint("stylizations", __name__, url_prefix="/v1/stylizations")

Sizes = Mapping[str, tuple[int, int]]

MOST_SIDE = 100_000  # px, of an estimate
SHAPE_TOLERANCE = 0.02  # of the aspect ratio: a smaller copy of a picture has rounded sides


class Stylization(StyleChoice, StyleOptions):
    content: ImageFile
    style_masks: AnyImageFiles = Field(
        (), description="fine only: where each style goes (white), of the content's size; repeated, the styles' order"
    )
    keep: OptionalImageFile = Field(None, description="fine only: what is left alone (white), of the content's size")
    init_image: OptionalImageFile = Field(None, description="fine only: where the pixels start, with init=image")
    preview_every: int | None = Field(None, ge=1, description="fine only: steps between two previews of a job's events")
    priority: Priority = Priority.INTERACTIVE

    @model_validator(mode="after")
    def _masks_belong_to_styles(self) -> Self:
        masks, count = len(self.style_masks), self.styles_count
        if masks > count:
            raise InvalidField(f"There are {masks} `style_masks` for {count} styles: one each at most.")
        if self.init_image is not None and self.init is not Init.IMAGE:
            raise InvalidField("`init_image` is where the pixels start with `init=image`: send that too.")
        return self

    def only_fine(self) -> Sequence[str]:
        mine = ("style_masks", "keep", "init_image", "preview_every")
        return (*super().only_fine(), *(name for name in mine if getattr(self, name)))

    def has_start(self) -> bool:
        return self.init_image is not None

    def pictures(self, chosen: ChosenStyles) -> dict[str, bytes]:
        """Every file of the job by its name."""
        optional = {"keep": self.keep, "init_image": self.init_image}
        return {
            "content": self.content,
            **chosen.files,
            **self.masks(),
            **{name: data for name, data in optional.items() if data is not None},
        }

    def masks(self) -> dict[str, bytes]:
        return dict(numbered("style_masks", self.style_masks))


class EstimateQuery(Body):
    mode: StyleMode = Field(StyleMode.FAST, description="as it would be asked for")
    width: int = Field(ge=LEAST_SHORT_SIDE, le=MOST_SIDE, description="of the output, px")
    height: int = Field(ge=LEAST_SHORT_SIDE, le=MOST_SIDE, description="of the output, px")
    tiled: bool = Field(False, description="as it would be asked for")


class EstimateDocument(Document):
    memory_bytes: int = Field(description="that painting a picture of this size needs")
    budget_bytes: int = Field(description="that one stylisation may use")
    fits: bool = Field(description="whether such a stylisation would be accepted")
    largest_size: int = Field(
        description="long side, px, of the largest picture of this shape that is accepted; 0: none is"
    )
    largest_size_tiled: int = Field(description="the same with tiled=true")


@blueprint.get("/estimate")
@operation(Operation({200: EstimateDocument}, scope=Scope.STYLISE, query=EstimateQuery))
def estimate() -> Response:
    """What a stylisation of that size would need of a worker's memory."""
    asked, limits = read_query(EstimateQuery), context().settings.limits
    shape, budget = (asked.width, asked.height), limits.style_memory_bytes
    longest = longest_side(asked.mode, limits)
    work = Work(asked.mode, asked.tiled)
    needed = work.memory_bytes(*shape)
    found = EstimateDocument(
        memory_bytes=needed,
        budget_bytes=budget,
        fits=needed <= budget and max(shape) <= longest,
        largest_size=_largest_size(work, shape, budget, most=longest),
        largest_size_tiled=_largest_size(replace(work, tiled=True), shape, budget, most=longest),
    )
    return document(found)


def _largest_size(work: Work, shape: tuple[int, int], budget: int, *, most: int) -> int:
    """The largest `size`, px, that is accepted for a content of this shape; 0: it is too narrow at every one."""
    side = largest_side(work, shape, budget, most=most)
    return side if side >= LEAST_SIDE and short_side(shape, side) >= LEAST_SHORT_SIDE else 0


@blueprint.post("")
@accepts_job(Scope.STYLISE, Stylization)
def stylize() -> Response:
    """Paint a picture in the style of another one, or of several."""
    sent = read_body(Stylization)
    chosen = choose(sent, sent.mode)
    pictures = sent.pictures(chosen)
    sizes = context().uploads.check(pictures)
    masks = [name for name in (*sent.masks(), "keep") if name in pictures]
    size = style_options.check(
        sent, context().settings.limits, sizes["content"], styles=sent.styles_count, masks=len(masks)
    )
    if sent.mode is StyleMode.FINE:
        for name in chosen.files:
            check_shape(name, sizes[name], size)
    _check_masks(masks, sizes)
    _check_start(sizes)

    def payload(keys: Mapping[str, str]) -> StylizationPayload:
        inputs = _masked(chosen.stored(keys), [keys[name] for name in sent.masks()])
        more: dict[str, Any] = {
            "keep_key": keys.get("keep"),
            "init_key": keys.get("init_image"),
            "preview_every": sent.preview_every,
        }
        return style_options.payload(sent, size, content_key=keys["content"], styles=inputs, more=more)

    return accept(JobType.STYLIZATION, pictures, payload, sent.priority)


def _masked(inputs: Sequence[StyleInput], masks: Sequence[str]) -> list[StyleInput]:
    """The first masks belong to the first styles."""
    first = [one.model_copy(update={"mask_key": key}) for one, key in zip(inputs, masks, strict=False)]
    return [*first, *inputs[len(masks) :]]


def _check_masks(names: Sequence[str], sizes: Sizes) -> None:
    width, height = sizes["content"]
    for name in names:
        if sizes[name] != (width, height):
            found = "{} × {}".format(*sizes[name])
            raise InvalidField(
                f"`{name}` is {found} px and `content` is {width} × {height} px: "
                "a mask must have the size of the content that it lies on."
            )


def _check_start(sizes: Sizes) -> None:
    if "init_image" not in sizes:
        return
    (width, height), (w, h) = sizes["content"], sizes["init_image"]
    if abs((w / h) / (width / height) - 1) > SHAPE_TOLERANCE:
        raise InvalidField(
            f"`init_image` is {w} × {h} px and `content` is {width} × {height} px: crop it to the same shape."
        )
