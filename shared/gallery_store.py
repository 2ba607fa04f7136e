"""Galleries, persons and templates: one object each in the object store, and a stream of what changed.

    galleries/{tenant}/{gallery}/gallery.json
    galleries/{tenant}/{gallery}/persons/{person}.json
    galleries/{tenant}/{gallery}/templates/{person}/{model digest}/{face}.json

Put, get and delete of an object are atomic, so there is nothing to corrupt. A worker that keeps a gallery in
memory reads the stream before each search and so sees what any other process has finished.
"""

import base64
import uuid
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import field_serializer, field_validator
from redis import Redis

from shared.errors import (
    FaceNotFound,
    GalleryExists,
    GalleryNotFound,
    ObjectNotFound,
    PersonNotFound,
)
from shared.gallery_changes import Change, ChangeKind, Changes, ChangeStream, Position
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.schemas import Gallery, GalleryRules, Message, Model, Person
from shared.storage import ObjectStore

READERS = 8  # parallel reads; a thousand small objects take 0.8 s


class Template(Message):
    """An enrolled embedding: unit length, float32, of the model whose digest it carries."""

    person: str
    face: str
    embedding: tuple[float, ...]
    model_digest: str
    quality: float
    created_at: datetime

    @field_serializer("embedding")
    def _pack(self, value: tuple[float, ...]) -> str:
        return base64.b64encode(array("f", value).tobytes()).decode()

    @field_validator("embedding", mode="before")
    @classmethod
    def _unpack(cls, value: Any) -> Any:
        return tuple(array("f", base64.b64decode(value))) if isinstance(value, str) else value


class GalleryStore:
    """The durable galleries of every tenant.

    Methods raise GalleryNotFound, PersonNotFound or FaceNotFound for what is not there, StorageUnavailable or
    QueueUnavailable when a server cannot be reached.
    """

    def __init__(self, store: ObjectStore, redis: Redis, prefix: str) -> None:
        self._store = store
        self._stream = ChangeStream(redis, prefix)

    # --- galleries ---

    def create_gallery(
        self, tenant: str, gallery: str, *, model: Model | None = None, rules: GalleryRules | None = None
    ) -> Gallery:
        """Raises GalleryExists; of concurrent calls one succeeds."""
        default = Model(name=DEFAULT_MODEL.name, digest=DEFAULT_MODEL.digest)
        chosen = (rules or GalleryRules()).model_dump()
        created = Gallery(id=gallery, created_at=datetime.now(UTC), model=model or default, **chosen)
        if not self._store.put_if_absent(_gallery_key(tenant, gallery), created.model_dump_json().encode()):
            raise GalleryExists(f"The gallery {gallery!r} exists already.")
        return created

    def update_gallery(self, tenant: str, gallery: str, change: Callable[[Gallery], Gallery]) -> Gallery:
        """Change what is known of a gallery; `change` may be called again when somebody else came between."""

        def changed(data: bytes) -> bytes:
            return change(Gallery.model_validate_json(data)).model_dump_json().encode()

        try:
            return Gallery.model_validate_json(self._store.update(_gallery_key(tenant, gallery), changed))
        except ObjectNotFound:
            raise _no_gallery(gallery) from None

    def get_gallery(self, tenant: str, gallery: str) -> Gallery:
        try:
            return Gallery.model_validate_json(self._store.get(_gallery_key(tenant, gallery)))
        except ObjectNotFound:
            raise _no_gallery(gallery) from None

    def list_galleries(self, tenant: str) -> list[Gallery]:
        names = self._store.folders(f"galleries/{tenant}/")
        found = []
        for name in names:
            try:
                found.append(self.get_gallery(tenant, name))
            except GalleryNotFound:
                continue  # deleted while we listed
        return found

    def delete_gallery(self, tenant: str, gallery: str) -> None:
        """Delete a gallery with its people. Repeating an interrupted deletion completes it."""
        root = _root(tenant, gallery)
        if not any(True for _ in islice(self._store.keys(root), 1)):
            raise GalleryNotFound(f"There is no gallery {gallery!r}.")
        # Persons go before templates: an enrolment under way then finds his gone and takes its template back.
        self._store.delete(_gallery_key(tenant, gallery))
        self._store.delete_prefix(f"{root}persons/")
        self._store.delete_prefix(root)
        self.announce(tenant, gallery, Change(ChangeKind.GALLERY_DELETED))

    # --- persons ---

    def ensure_person(self, tenant: str, gallery: str, person: str) -> Person:
        """The person, created now when he is not there."""
        self.get_gallery(tenant, gallery)
        new = Person(id=person, uid=uuid.uuid4().hex, created_at=datetime.now(UTC))
        if self._store.put_if_absent(_person_key(tenant, gallery, person), new.model_dump_json().encode()):
            return new
        return self.get_person(tenant, gallery, person)

    def update_person(self, tenant: str, gallery: str, person: Person) -> None:
        self._store.put(_person_key(tenant, gallery, person.id), person.model_dump_json().encode())

    def get_person(self, tenant: str, gallery: str, person: str) -> Person:
        try:
            return Person.model_validate_json(self._store.get(_person_key(tenant, gallery, person)))
        except ObjectNotFound:
            self.get_gallery(tenant, gallery)
            raise PersonNotFound(f"There is no person {person!r} in the gallery {gallery!r}.") from None

    def list_persons(self, tenant: str, gallery: str, *, after: str = "", limit: int = 100) -> list[Person]:
        """People in the order of their ids, from the first id after `after`."""
        self.get_gallery(tenant, gallery)
        prefix = f"{_root(tenant, gallery)}persons/"
        keys = self._store.keys(prefix, f"{prefix}{after}.json" if after else "")
        return [Person.model_validate_json(data) for data in self._get_all(islice(keys, limit))]

    def delete_person(self, tenant: str, gallery: str, person: str) -> int:
        """Delete a person and his templates; how many templates.

        Repeating an interrupted call completes it.
        """
        self.get_gallery(tenant, gallery)
        templates = _templates(tenant, gallery, person)
        existed = self._exists(_person_key(tenant, gallery, person))
        # The person goes first: an enrolment under way then finds him gone and takes its template back.
        self._store.delete(_person_key(tenant, gallery, person))
        deleted = self._store.delete_prefix(templates)
        if not existed and not deleted:
            raise PersonNotFound(f"There is no person {person!r} in the gallery {gallery!r}.")
        self.announce(tenant, gallery, Change(ChangeKind.PERSON_DELETED, person))
        return deleted

    # --- templates ---

    def put_template(self, tenant: str, gallery: str, template: Template) -> None:
        """Store a template and announce it. Repeating it changes nothing."""
        key = _template_key(tenant, gallery, template.person, template.model_digest, template.face)
        self._store.put(key, template.model_dump_json().encode(), "application/json")
        change = Change(ChangeKind.FACE_PUT, template.person, template.face, template.model_digest)
        self.announce(tenant, gallery, change)

    def get_template(self, tenant: str, gallery: str, person: str, digest: str, face: str) -> Template:
        """One template of one model."""
        try:
            data = self._store.get(_template_key(tenant, gallery, person, digest, face))
        except ObjectNotFound:
            raise FaceNotFound(f"The person {person!r} has no face {face!r}.") from None
        return Template.model_validate_json(data)

    def delete_template(self, tenant: str, gallery: str, person: str, face: str) -> None:
        """Delete a face: its templates of every model.

        Raises:
            FaceNotFound
        """
        if not self._template_keys_of_face(tenant, gallery, person, face):
            raise FaceNotFound(f"The person {person!r} has no face {face!r}.")
        self.withdraw_template(tenant, gallery, person, face)

    def withdraw_template(self, tenant: str, gallery: str, person: str, face: str, *, digest: str = "") -> None:
        """Undo `put_template`, for one model or for all, whether or not anything of it is left."""
        for key in self._template_keys_of_face(tenant, gallery, person, face):
            if not digest or _digest_of(key) == digest:
                self._store.delete(key)
        self.announce(tenant, gallery, Change(ChangeKind.FACE_DELETED, person, face, digest))

    def person_templates(self, tenant: str, gallery: str, person: str, digest: str) -> list[Template]:
        """A person's templates of one model, in the order of their ids."""
        keys = self._store.keys(f"{_templates(tenant, gallery, person)}{digest}/")
        return [Template.model_validate_json(data) for data in self._get_all(keys)]

    def all_templates(self, tenant: str, gallery: str, digest: str) -> Iterator[Template]:
        """Everybody's templates of one model."""
        found = self._store.keys(f"{_root(tenant, gallery)}templates/")
        keys = (key for key in found if _digest_of(key) == digest)
        return (Template.model_validate_json(data) for data in self._get_all(keys))

    def persons_with_templates(self, tenant: str, gallery: str, digest: str) -> set[str]:
        """Who has a template of this model."""
        found = (key.split("/") for key in self._store.keys(f"{_root(tenant, gallery)}templates/"))
        return {parts[-3] for parts in found if parts[-2] == digest}

    def delete_model_templates(self, tenant: str, gallery: str, digest: str) -> int:
        """Delete everybody's templates of one model; how many."""
        found = self._store.keys(f"{_root(tenant, gallery)}templates/")
        keys = [key for key in found if _digest_of(key) == digest]
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self._store.delete, keys))
        self.announce(tenant, gallery, Change(ChangeKind.MODEL_DELETED, digest=digest))
        return len(keys)

    def _template_keys_of_face(self, tenant: str, gallery: str, person: str, face: str) -> list[str]:
        keys = self._store.keys(_templates(tenant, gallery, person))
        return [key for key in keys if key.endswith(f"/{face}.json")]

    # --- changes ---

    def announce(self, tenant: str, gallery: str, change: Change) -> None:
        """Tell every worker; raises QueueUnavailable."""
        self._stream.append(tenant, gallery, change)

    def changes(self, tenant: str, gallery: str, since: Position | None) -> Changes:
        """What happened since a position; raises QueueUnavailable."""
        return self._stream.read(tenant, gallery, since)

    def _exists(self, key: str) -> bool:
        try:
            self._store.get(key)
        except ObjectNotFound:
            return False
        return True

    def _get_all(self, keys: Iterator[str]) -> Iterator[bytes]:
        """Read objects in parallel; those deleted in the meantime are left out."""

        def read(key: str) -> bytes | None:
            try:
                return self._store.get(key)
            except ObjectNotFound:
                return None

        with ThreadPoolExecutor(READERS) as pool:
            yield from (data for data in pool.map(read, keys) if data is not None)


def _digest_of(template_key: str) -> str:
    return template_key.split("/")[-2]


def _root(tenant: str, gallery: str) -> str:
    return f"galleries/{tenant}/{gallery}/"


def _gallery_key(tenant: str, gallery: str) -> str:
    return f"{_root(tenant, gallery)}gallery.json"


def _person_key(tenant: str, gallery: str, person: str) -> str:
    return f"{_root(tenant, gallery)}persons/{person}.json"


def _templates(tenant: str, gallery: str, person: str) -> str:
    return f"{_root(tenant, gallery)}templates/{person}/"


def _template_key(tenant: str, gallery: str, person: str, digest: str, face: str) -> str:
    return f"{_templates(tenant, gallery, person)}{digest}/{face}.json"


def _no_gallery(gallery: str) -> GalleryNotFound:
    return GalleryNotFound(f"There is no gallery {gallery!r}. Create it with POST /v1/galleries.")
