"""The durable galleries of every tenant; where each object lies is said in shared/galleries/objects.py.

A worker that keeps a gallery in memory reads the stream of changes before each search and so sees what any other
process has finished.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice

from shared.errors import GalleryExists, GalleryNotFound, ObjectNotFound
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.objects import EXPIRING, gallery_key, no_gallery, persons_folder, root, vanishing_key
from shared.galleries.persons import PersonStore
from shared.galleries.templates import Template
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.schemas import Gallery, GalleryRules, Model

__all__ = ["GalleryStore", "Template"]


class GalleryStore(PersonStore):
    """Galleries, the people in them and their templates.

    Methods raise GalleryNotFound, PersonNotFound or FaceNotFound for what is not there, StorageUnavailable or
    QueueUnavailable when a server cannot be reached.
    """

    def create_gallery(
        self, tenant: str, gallery: str, *, model: Model | None = None, rules: GalleryRules | None = None
    ) -> Gallery:
        """Raises GalleryExists; of concurrent calls one succeeds."""
        self.require_new(tenant, gallery)
        default = Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)
        chosen = (rules or GalleryRules()).model_dump()
        created = Gallery(id=gallery, created_at=datetime.now(UTC), model=model or default, **chosen)
        if not self._store.put_if_absent(gallery_key(tenant, gallery), created.model_dump_json().encode()):
            raise _exists(gallery)
        return created

    def require_new(self, tenant: str, gallery: str) -> None:
        """Raises GalleryExists, also while a deletion is under way: it would take the new gallery with the old one."""
        with suppress(GalleryNotFound):
            self.get_gallery(tenant, gallery)
            raise _exists(gallery)
        there = gallery_key(tenant, gallery)  # since then
        if any(key != there for key in self._store.keys(root(tenant, gallery))):
            raise GalleryExists(
                f"The former gallery {gallery!r} is not wholly deleted yet: wait, or DELETE it again if that broke off."
            )

    def update_gallery(self, tenant: str, gallery: str, change: Callable[[Gallery], Gallery]) -> Gallery:
        """Change what is known of a gallery; `change` may be called again when somebody else came between."""

        def changed(data: bytes) -> bytes:
            return change(Gallery.model_validate_json(data)).model_dump_json().encode()

        try:
            return Gallery.model_validate_json(self._store.update(gallery_key(tenant, gallery), changed))
        except ObjectNotFound:
            raise no_gallery(gallery) from None

    def galleries(self, tenant: str, *, after: str = "") -> Iterator[Gallery]:
        """In the order of their ids, from the one that comes after this id; each is read when it is asked for."""
        for name in self.gallery_names(tenant):
            if name > after:
                with suppress(GalleryNotFound):  # deleted while we listed
                    yield self.get_gallery(tenant, name)

    def delete_gallery(self, tenant: str, gallery: str) -> None:
        """Delete a gallery with its people. Repeating an interrupted deletion completes it."""
        folder = root(tenant, gallery)
        if not any(True for _ in islice(self._store.keys(folder), 1)):
            raise GalleryNotFound(f"There is no gallery {gallery!r}.")
        self._store.put(vanishing_key(tenant, gallery), b"{}")
        # Persons go before templates: an enrolment under way then finds his gone and takes its template back.
        self._store.delete(gallery_key(tenant, gallery))
        self._store.delete_prefix(persons_folder(tenant, gallery))
        for mark in self._store.keys(EXPIRING):
            if mark.split("/")[2:4] == [tenant, gallery]:
                self._store.delete(mark)
        self._store.delete_prefix(folder)
        self.announce(tenant, gallery, Change(ChangeKind.GALLERY_DELETED))


def _exists(gallery: str) -> GalleryExists:
    return GalleryExists(f"The gallery {gallery!r} exists already.")
