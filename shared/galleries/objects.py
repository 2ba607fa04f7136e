"""What the objects of a gallery are called, and what every part of the gallery store is made of.

    galleries/{tenant}/{gallery}/gallery.json
    galleries/{tenant}/{gallery}/persons/{person}.json
    galleries/{tenant}/{gallery}/external-ids/{hash of an external id}/{person}       whom a search for it may find
    galleries/{tenant}/{gallery}/templates/{person}/{model digest}/{face}.json
    galleries/{tenant}/{gallery}/vanishing                                            while the gallery is deleted
    expiring/{time}/{tenant}/{gallery}/{person}                                       who may have to go then
    thumbnails-off/{tenant}/{gallery}.json                                            while its thumbnails are deleted

Put, get and delete of an object are atomic, so there is nothing to corrupt. Marks of external ids and of expiry
only say where to look: what counts is the person's record.
"""

import hashlib
from datetime import UTC, datetime

from redis import Redis

from shared.erasures.log import ErasureLog
from shared.errors import GalleryNotFound, ObjectNotFound
from shared.galleries.changes import Change, Changes, ChangeStream, Position
from shared.schemas import Gallery
from shared.storage.store import ObjectStore

EXPIRING = "expiring/"


class GalleryObjects:
    """Objects, the stream of what changed, and the log of who was erased."""

    def __init__(self, store: ObjectStore, redis: Redis, prefix: str) -> None:
        self._store = store
        self._stream = ChangeStream(redis, prefix)
        self.erasures = ErasureLog(store)

    def get_gallery(self, tenant: str, gallery: str) -> Gallery:
        """Raises GalleryNotFound."""
        try:
            return Gallery.model_validate_json(self._store.get(gallery_key(tenant, gallery)))
        except ObjectNotFound:
            raise no_gallery(gallery) from None

    def gallery_names(self, tenant: str) -> list[str]:
        """Of every gallery of a tenant; one that is being deleted may be among them."""
        return list(self._store.folders(f"galleries/{tenant}/"))

    def announce(self, tenant: str, gallery: str, change: Change) -> None:
        """Tell every worker; raises QueueUnavailable."""
        self._stream.append(tenant, gallery, change)

    def forget_changes(self, tenant: str, gallery: str, person: str) -> None:
        """Take a person out of what is told; raises QueueUnavailable."""
        self._stream.forget(tenant, gallery, person)

    def changes(self, tenant: str, gallery: str, since: Position | None) -> Changes:
        """What happened since a position; raises QueueUnavailable."""
        return self._stream.read(tenant, gallery, since)


def root(tenant: str, gallery: str) -> str:
    return f"galleries/{tenant}/{gallery}/"


def gallery_key(tenant: str, gallery: str) -> str:
    return f"{root(tenant, gallery)}gallery.json"


def vanishing_key(tenant: str, gallery: str) -> str:
    """Keeps the name taken; it sorts behind all else, so it goes last."""
    return f"{root(tenant, gallery)}vanishing"


def persons_folder(tenant: str, gallery: str) -> str:
    return f"{root(tenant, gallery)}persons/"


def person_key(tenant: str, gallery: str, person: str) -> str:
    return f"{persons_folder(tenant, gallery)}{person}.json"


def external_folder(tenant: str, gallery: str, external_id: str) -> str:
    """An external id may hold what a key may not, and be as long as it likes."""
    return f"{root(tenant, gallery)}external-ids/{hashlib.sha256(external_id.encode()).hexdigest()[:32]}/"


def expiry_key(moment: datetime, tenant: str, gallery: str, person: str) -> str:
    """Keys sort as their times do."""
    return f"{EXPIRING}{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}/{tenant}/{gallery}/{person}"


def templates_folder(tenant: str, gallery: str, person: str = "") -> str:
    """A person's, or everybody's."""
    everybody = f"{root(tenant, gallery)}templates/"
    return f"{everybody}{person}/" if person else everybody


def template_key(tenant: str, gallery: str, person: str, digest: str, face: str) -> str:
    return f"{templates_folder(tenant, gallery, person)}{digest}/{face}.json"


def digest_of(template: str) -> str:
    """The digest in a template's key."""
    return template.split("/")[-2]


def require_same(now: Gallery, before: Gallery) -> Gallery:
    """Raises GalleryNotFound when the gallery was deleted meanwhile, even if another has its name."""
    if now.created_at != before.created_at:
        raise GalleryNotFound(f"The gallery {before.id!r} was deleted meanwhile.")
    return now


def no_gallery(gallery: str) -> GalleryNotFound:
    return GalleryNotFound(f"There is no gallery {gallery!r}. Create it with POST /v1/galleries.")
