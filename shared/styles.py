"""The style library: paintings and looks that come with Likeness, and each tenant's own pictures.

    styles/library/{id}.jpg  a painting that comes with it (shared/style_library/CREDITS.md)
    styles/tenants/{tenant}/index.json  a tenant's styles: what is not named here is not there
    styles/tenants/{tenant}/pictures/{id}/{version}  a picture as it was uploaded
    styles/tenants/{tenant}/pictures/{id}/{version}.thumbnail  a small JPEG of it

A tenant's index is replaced by compare and swap, after the pictures it names are stored: a style is listed when it is
whole, uploads of one id follow each other, and none slips past the limit. Each upload has a version of its own, so that
what it replaces can be deleted at once without touching what another upload is about to name. A gateway that is killed
between the two leaves a file that nothing names, never a name without its file.

No job reads a tenant's style from here: it would have to outlive the job. Whoever accepts a job gives it a copy
(`StyleLibrary.picture`), as if it had been sent along; deleted is deleted, and an accepted job has all it needs.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files

from pydantic import Field

from shared import images
from shared.errors import ObjectNotFound, StyleNotFound, StyleShared, TooManyStyles
from shared.images import ImageLimits
from shared.ml.style.looks import LOOKS
from shared.schemas import Id, Message, StyleMode
from shared.storage.store import ObjectStore

THUMBNAIL_SIDE = 256  # px
LEAST_SIDE = 64  # px: below it there is no texture to take over

_FOLDER = files("shared.style_library")
_NETWORK = "Magenta's multi-style network"
_SHIPPED_LIMITS = ImageLimits(max_bytes=2**20, max_pixels=2**20, max_side=2**10, min_side=LEAST_SIDE)


class StyleKind(StrEnum):
    """A painting is a picture, for both modes; a look is a row of the multi-style network, for the fast mode only."""

    PAINTING = "painting"
    LOOK = "look"


class Credits(Message):
    """Whose work a style is, and on which terms it may be used."""

    title: str
    artist: str | None = None
    year: str | None = None
    licence: str = "unknown"


class Style(Credits):
    """`key` is where its picture lies in the object store; a look has none."""

    id: Id
    kind: StyleKind = StyleKind.PAINTING
    shared: bool = False
    key: str | None = None
    media_type: str = "image/jpeg"
    width: int | None = None  # px, upright
    height: int | None = None
    created_at: datetime | None = None

    @property
    def modes(self) -> tuple[StyleMode, ...]:
        return tuple(StyleMode) if self.kind is StyleKind.PAINTING else (StyleMode.FAST,)

    def says(self, words: str) -> bool:
        """Whether each of these words is part of its id, title or artist."""
        text = f"{self.id} {self.title} {self.artist or ''}".casefold()
        return all(word in text for word in words.casefold().split())


class _Index(Message):
    styles: dict[str, Style] = Field(default_factory=dict)


@cache
def library() -> tuple[Style, ...]:
    """What comes with Likeness: the paintings, then the looks."""
    entries = json.loads(_FOLDER.joinpath("styles.json").read_text())
    paintings = (
        Style(**{"licence": "public domain", **entry}, shared=True, key=object_key(entry["id"])) for entry in entries
    )
    looks = (
        Style(id=look.id, title=look.title, artist=_NETWORK, licence="Apache-2.0", kind=StyleKind.LOOK, shared=True)
        for look in LOOKS
    )
    return (*paintings, *looks)


def object_key(style_id: str) -> str:
    """Where the picture of a painting of `library` lies in the object store."""
    return f"styles/library/{style_id}.jpg"


def seed(store: ObjectStore) -> None:
    """Put the shipped pictures into the object store, where workers read every picture from."""
    for style in library():
        if style.key:
            store.put(style.key, _shipped(style), style.media_type)


class StyleLibrary:
    """The styles that a tenant can choose from. Raises StorageUnavailable when the object store cannot be reached."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def styles(self, tenant: str, after: str = "", words: str = "") -> Iterator[Style]:
        """What comes with Likeness, then the tenant's own by id.

        Args:
            tenant: whose.
            after: start behind this id; it need not be there any more.
            words: only styles whose id, title or artist has all of them.
        """
        shipped = [style.id for style in library()]
        started = shipped.index(after) + 1 if after in shipped else len(shipped) if after else 0
        own = sorted(self._own(tenant).items())
        rest = (style for style_id, style in own if after in shipped or style_id > after)
        return (style for style in (*library()[started:], *rest) if style.says(words))

    def find(self, tenant: str, style_id: str) -> Style:
        """Raises StyleNotFound, naming those that come with Likeness."""
        found = _shared(style_id) or self._own(tenant).get(style_id)
        if found is None:
            known = ", ".join(style.id for style in library())
            raise StyleNotFound(
                f"There is no style {style_id!r}. GET /v1/styles lists yours; these come with Likeness: {known}."
            )
        return found

    def picture(self, tenant: str, style_id: str) -> tuple[Style, bytes]:
        """A style with its picture, to show or to give to a job.

        Raises:
            StyleNotFound: there is none, or it is a look.
        """
        style = self.find(tenant, style_id)
        if style.kind is StyleKind.LOOK:
            raise StyleNotFound(
                f"{style_id} is a look of {_NETWORK}: it has no picture. Its thumbnail shows what it makes of a photo."
            )
        return self._read(tenant, style)

    def thumbnail(self, tenant: str, style_id: str) -> bytes:
        """A JPEG of at most 256 px a side. Raises StyleNotFound."""
        style = self.find(tenant, style_id)
        return _shipped_thumbnail(style) if style.shared else self._read(tenant, style, ".thumbnail")[1]

    def put(
        self, tenant: str, style_id: str, described: Credits, picture: "StylePicture", *, most: int
    ) -> tuple[Style, bool]:
        """Create or replace a tenant's style; the style, and whether it is new.

        Raises:
            StyleShared: a style of that id comes with Likeness.
            TooManyStyles: the tenant would have more than `most`.
        """
        _refuse_shared(style_id)
        new = Style(
            **described.model_dump(),
            id=style_id,
            key=f"{_folder(tenant)}pictures/{style_id}/{uuid.uuid4().hex}",
            created_at=datetime.now(UTC),
            **picture.model_dump(exclude={"data", "thumbnail"}),
        )
        former: Style | None = None

        def insert(own: dict[str, Style]) -> None:
            nonlocal former
            if own.get(style_id) != new:  # it is there when the store's answer to the first attempt was lost
                former = own.get(style_id)
            if style_id not in own and len(own) >= most:
                raise TooManyStyles(f"There are {len(own):,} styles already, the most there may be: delete one first.")
            own[style_id] = new

        self._store.put(f"{new.key}", picture.data, picture.media_type)
        self._store.put(f"{new.key}.thumbnail", picture.thumbnail, "image/jpeg")
        try:
            self._change(tenant, insert)
        except TooManyStyles:
            self._forget(new)
            raise
        if former:
            self._forget(former)
        return new, former is None

    def delete(self, tenant: str, style_id: str) -> None:
        """Delete a tenant's style with its picture.

        Raises:
            StyleNotFound
            StyleShared: it comes with Likeness.
        """
        _refuse_shared(style_id)
        former: Style | None = None

        def remove(own: dict[str, Style]) -> None:
            nonlocal former
            former = own.pop(style_id, former)  # gone when the store's answer to the first attempt was lost

        self._change(tenant, remove)
        if former is None:
            raise StyleNotFound(f"You have no style {style_id!r}; GET /v1/styles lists those there are.")
        self._forget(former)

    def _own(self, tenant: str) -> dict[str, Style]:
        try:
            return _Index.model_validate_json(self._store.get(f"{_folder(tenant)}index.json")).styles
        except ObjectNotFound:
            return {}

    def _change(self, tenant: str, change: Callable[[dict[str, Style]], None]) -> None:
        key = f"{_folder(tenant)}index.json"

        def rewrite(former: bytes) -> bytes:
            own = dict(_Index.model_validate_json(former).styles)
            change(own)
            return _Index(styles=own).model_dump_json().encode()

        while True:
            try:
                self._store.update(key, rewrite)
            except ObjectNotFound:
                self._store.put_if_absent(key, _Index().model_dump_json().encode())
            else:
                return

    def _read(self, tenant: str, style: Style, suffix: str = "") -> tuple[Style, bytes]:
        """One of a style's files. A style that is replaced meanwhile is read as it is now."""
        while True:
            try:
                return style, self._store.get(f"{style.key}{suffix}")
            except ObjectNotFound:
                former, style = style, self.find(tenant, style.id)
                if style == former:
                    raise

    def _forget(self, style: Style) -> None:
        self._store.delete(f"{style.key}")
        self._store.delete(f"{style.key}.thumbnail")


class StylePicture(Message):
    """A picture that can be a style, as it was sent, and what there is to know about it."""

    data: bytes
    thumbnail: bytes
    media_type: str
    width: int
    height: int

    @classmethod
    def read(cls, data: bytes, limits: ImageLimits) -> "StylePicture":
        """Raises EmptyImage, UnsupportedImage, CorruptImage, ImageTooLarge or ImageTooSmall (below 64 px a side)."""
        image = images.decode(data, replace(limits, min_side=LEAST_SIDE))
        return cls(
            data=data,
            thumbnail=images.thumbnail(image, THUMBNAIL_SIDE),
            media_type=images.media_type(data),
            width=image.width,
            height=image.height,
        )


def _shared(style_id: str) -> Style | None:
    return next((style for style in library() if style.id == style_id), None)


def _refuse_shared(style_id: str) -> None:
    if _shared(style_id):
        raise StyleShared(f"The style {style_id!r} comes with Likeness and stays as it is: take another id.")


def _shipped(style: Style) -> bytes:
    """A painting, or what a look makes of a photo."""
    name = f"{style.id}.jpg" if style.kind is StyleKind.PAINTING else f"looks/{style.id}.jpg"
    return _FOLDER.joinpath(name).read_bytes()


@cache
def _shipped_thumbnail(style: Style) -> bytes:
    return images.thumbnail(images.decode(_shipped(style), _SHIPPED_LIMITS), THUMBNAIL_SIDE)


def _folder(tenant: str) -> str:
    return f"styles/tenants/{tenant}/"
