"""Which styles a picture is painted in: pictures that are sent, ids of the library, several of either."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self, TypeVar

from pydantic import Field, model_validator

from gateway.context import caller, services
from gateway.style_options import ListedWeight
from gateway.web.bodies import JSON_LIST, AnyIds, AnyImageFiles, Body
from shared.errors import InvalidField
from shared.schemas import StyleInput, StyleMode
from shared.styles import StyleKind

MOST_STYLES = 8
WEIGHTS_ARE = "a JSON list with a number of 0 or more for each style, such as [0.7, 0.3]; default: all alike"

T = TypeVar("T")


class StyleChoice(Body):
    """One style or several; in their order those of `style_id` come before those of `style`."""

    style: AnyImageFiles = Field((), description="style image; several: repeat it (a list in JSON)")
    style_id: AnyIds = Field((), description="id of a style of GET /v1/styles; several: repeat it (a list in JSON)")
    style_weights: Annotated[tuple[ListedWeight, ...] | None, JSON_LIST] = Field(None, description=WEIGHTS_ARE)

    @property
    def styles_count(self) -> int:
        return len(self.style_id) + len(self.style)

    @model_validator(mode="after")
    def _is_a_choice(self) -> Self:
        count, weights = self.styles_count, self.style_weights
        if not 1 <= count <= MOST_STYLES:
            raise InvalidField(
                f"There are {count} styles: give from 1 to {MOST_STYLES}, each as `style` (an image) or as "
                "`style_id` (of GET /v1/styles)."
            )
        if weights is not None and len(weights) != count:
            raise InvalidField(
                f"`style_weights` has {len(weights)} numbers for {count} styles: give one for each, "
                "those of `style_id` first."
            )
        if weights is not None and sum(weights) == 0:
            raise InvalidField("`style_weights` sum to zero: no style is left. Make one of them larger than 0.")
        return self


@dataclass(frozen=True)
class ChosenStyles:
    """The styles in their order. Of those in `files` the key is the name of the file, until it is stored."""

    inputs: tuple[StyleInput, ...]
    files: Mapping[str, bytes]

    def stored(self, keys: Mapping[str, str]) -> tuple[StyleInput, ...]:
        """The styles, given the object key of each file."""
        return tuple(one.model_copy(update={"key": keys.get(one.key or "", one.key)}) for one in self.inputs)


def choose(sent: StyleChoice, mode: StyleMode) -> ChosenStyles:
    """Look the styles of the library up. A tenant's own becomes a file of the job: it may be deleted meanwhile.

    Raises:
        StyleNotFound: naming those there are.
        InvalidField: a look, which mode=fine cannot paint in nor anybody blend with pictures.
    """
    inputs: list[StyleInput] = []
    files = dict(numbered("style", sent.style))
    for style_id in sent.style_id:
        found = services().styles.find(caller().tenant, style_id)
        if found.kind is StyleKind.LOOK:
            inputs.append(StyleInput(look=found.id, style_id=found.id))
        elif found.shared:
            inputs.append(StyleInput(key=found.key, style_id=found.id))
        else:
            name = f"style_id-{found.id}"
            files[name] = services().styles.picture(caller().tenant, style_id)[1]
            inputs.append(StyleInput(key=name, style_id=found.id))
    inputs += [StyleInput(key=name) for name, _ in numbered("style", sent.style)]
    _check_looks(inputs, mode)
    weights = sent.style_weights or (1.0,) * len(inputs)
    weighted = (one.model_copy(update={"weight": weight}) for one, weight in zip(inputs, weights, strict=True))
    return ChosenStyles(tuple(weighted), files)


def _check_looks(inputs: Sequence[StyleInput], mode: StyleMode) -> None:
    looks = [one.look for one in inputs if one.look]
    if looks and mode is StyleMode.FINE:
        raise InvalidField(
            f"{looks[0]} is a look of a fast network, not a picture: ask for mode=fast, or take a painting."
        )
    if looks and len(looks) < len(inputs):
        raise InvalidField(
            "Looks and pictures are painted by different networks: blend looks with looks, pictures with pictures."
        )


def numbered(name: str, values: Sequence[T]) -> Iterator[tuple[str, T]]:
    """`style`, `style-2`, `style-3`, ... with their values."""
    for number, value in enumerate(values, start=1):
        yield (name if number == 1 else f"{name}-{number}"), value
