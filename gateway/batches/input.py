"""Which pictures a batch is to paint, and how: every file that is sent, or what a manifest says."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from pydantic import Field, model_validator

from gateway.batches.files import clean_name, id_of
from gateway.errors import MalformedBody
from gateway.style_options import StyleOptions
from gateway.web.bodies import AnyIds, Body, parse_json, read_json
from shared.errors import InvalidField, InvalidInput
from shared.schemas import Id
from shared.settings import LimitSettings

T = TypeVar("T")


class StoredImage(Body):
    """A picture that is in the object store already."""

    job: Id | None = Field(None, description="a stylisation of yours: the picture that it made")
    key: str | None = Field(None, description="an object below inbox/{tenant}/; at most 1,024 bytes")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.job is None) == (self.key is None):
            raise InvalidField('`image` must be a file name, {"job": "..."} or {"key": "..."}.')
        return self


class ManifestLine(StyleOptions):
    """One picture to paint; options that it does not name are the batch's."""

    custom_id: Id
    image: str | StoredImage = Field(
        description="name of a file that is sent, an upload's reference, or a stored picture"
    )
    style_id: AnyIds = Field((), description="instead of the batch's style")


@dataclass(frozen=True)
class Wanted:
    """`line` is None where nothing but the file was sent; `number` is that of the line, from 1."""

    custom_id: str
    image: str | StoredImage
    line: ManifestLine | None = None
    number: int = 0

    @property
    def place(self) -> str:
        """Where a manifest asks for it."""
        return place(self.number)


def wanted_of(names: Iterable[str]) -> list[Wanted]:
    """Every file that was sent, under an id made of its name."""
    taken: dict[str, int] = {}
    return [Wanted(id_of(name, taken), name) for name in names]


def read_manifest(data: bytes, given: Mapping[str, Any], limits: LimitSettings) -> list[Wanted]:
    """The lines of a manifest, each completed by the batch's own options.

    Args:
        data: JSON lines.
        given: the options that were sent with the batch, as JSON has them.
        limits: how many lines there may be.

    Raises:
        InvalidField, MalformedBody, InvalidId: naming the line.
    """
    found: dict[str, Wanted] = {}
    for number, line in manifest_lines(data, lambda text: _read_line(text, given), limits.batch_items):
        if line.custom_id in found:
            raise InvalidField(f"{place(number)}: the custom_id {line.custom_id!r} is there twice.")
        image = clean_name(line.image) if isinstance(line.image, str) else line.image
        found[line.custom_id] = Wanted(line.custom_id, image, line, number)
    return list(found.values())


def _read_line(text: bytes, given: Mapping[str, Any]) -> ManifestLine:
    sent = parse_json(text)
    if not isinstance(sent, dict):
        raise InvalidField("It must be a JSON object with `custom_id` and `image`.")
    return read_json(ManifestLine, json.dumps({**given, **sent}).encode())


def manifest_lines(data: bytes, read: Callable[[bytes], T], most: int) -> list[tuple[int, T]]:
    """The lines of a manifest with their numbers, from 1; empty ones are passed over, up to as many as there may be.

    Raises:
        InvalidField, MalformedBody, InvalidId: naming the line.
    """
    parts = data.split(b"\n", 2 * most + 1)  # no more of them: objects for millions of lines would fill the memory
    few = len(parts) <= 2 * most + 1
    lines = [(number, line) for number, line in enumerate(parts, 1) if line.strip()] if few else []
    if not 1 <= len(lines) <= most:
        raise InvalidField(f"`manifest` must have from 1 to {most:,} lines.")
    found = []
    for number, text in lines:
        try:
            found.append((number, read(text)))
        except MalformedBody:
            raise MalformedBody(f"{place(number)}: It is not valid JSON.") from None
        except InvalidInput as error:
            raise type(error)(f"{place(number)}: {error}") from None
    return found


def place(number: int) -> str:
    return f"Line {number} of `manifest`"
