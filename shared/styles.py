"""The style library: public-domain paintings shipped with the project (shared/style_library/CREDITS.md)."""

import json
from functools import cache
from importlib.resources import files

from shared.errors import StyleNotFound
from shared.schemas import Id, Message
from shared.storage import ObjectStore

_FOLDER = files("shared.style_library")


class Style(Message):
    id: Id
    title: str
    artist: str
    year: str | None = None
    licence: str = "public domain"


@cache
def library() -> tuple[Style, ...]:
    entries = json.loads(_FOLDER.joinpath("styles.json").read_text())
    return tuple(Style.model_validate(entry) for entry in entries)


def find(style_id: str) -> Style:
    """Raises StyleNotFound, naming the styles there are."""
    for style in library():
        if style.id == style_id:
            return style
    known = ", ".join(style.id for style in library())
    raise StyleNotFound(f"There is no style {style_id!r}. The library has: {known}.")


def object_key(style_id: str) -> str:
    """Where a style's picture lies in the object store."""
    return f"styles/library/{style_id}.jpg"


def seed(store: ObjectStore) -> None:
    """Put the shipped pictures into the object store, where workers read every picture from."""
    for style in library():
        store.put(object_key(style.id), _FOLDER.joinpath(f"{style.id}.jpg").read_bytes(), "image/jpeg")
