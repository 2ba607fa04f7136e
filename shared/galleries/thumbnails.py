"""Thumbnails that a gallery is to keep no longer: noted when its rule is turned off, deleted some at a time.

thumbnails-off/{tenant}/{gallery}.json    a deletion under way, and up to which template it has come
"""

import uuid
from contextlib import suppress

from shared.errors import GalleryNotFound, ObjectNotFound
from shared.galleries.store import GalleryStore
from shared.schemas import Message
from shared.storage.store import ObjectStore

OFF = "thumbnails-off/"
AT_ONCE = 2000  # templates looked at in a round: some seconds


class _Deletion(Message):
    id: str
    after: str = ""
    done: bool = False


class ThumbnailDeletion:
    """Raises StorageUnavailable."""

    def __init__(self, store: ObjectStore, galleries: GalleryStore) -> None:
        self._store = store
        self._galleries = galleries

    def begin(self, tenant: str, gallery: str) -> None:
        """Have all of a gallery's thumbnails deleted, unless its rule is turned on again before."""
        self._store.put(_key(tenant, gallery), _Deletion(id=uuid.uuid4().hex).model_dump_json().encode())

    def run(self) -> int:
        """Go on with every deletion that was begun; how many thumbnails that were."""
        return sum(self._go_on(key) for key in list(self._store.keys(OFF)))

    def _go_on(self, key: str) -> int:
        tenant, gallery = key.removeprefix(OFF).removesuffix(".json").split("/")
        try:
            before = self._store.get(key)
        except ObjectNotFound:
            return 0
        count, last = 0, None
        begun = _Deletion.model_validate_json(before)
        with suppress(GalleryNotFound):
            if not self._galleries.get_gallery(tenant, gallery).thumbnails:
                count, last = self._galleries.drop_thumbnails(tenant, gallery, after=begun.after, most=AT_ONCE)
        now = begun.model_copy(update={"after": last or "", "done": last is None}).model_dump_json().encode()
        # Left as it is when it was begun anew meanwhile: from the first template on.
        if self._store.update(key, lambda data: now if data == before else data) == now and last is None:
            self._store.delete(key)
        return count


def _key(tenant: str, gallery: str) -> str:
    return f"{OFF}{tenant}/{gallery}.json"
