"""Templates: the enrolled embeddings, one object each."""

import base64
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pydantic import field_serializer, field_validator

from shared.errors import FaceNotFound, ObjectNotFound
from shared.galleries.changes import Change, ChangeKind
from shared.galleries.objects import GalleryObjects, digest_of, template_key, templates_folder
from shared.schemas import FaceSource, Message, Person
from shared.storage.reading import READERS, get_all

KEYS_EACH = 16  # read to count the faces of one person; a listing has a thousand
CLOCKS = timedelta(minutes=1)  # by which those of two machines may differ


class Template(Message):
    """An enrolled embedding: unit length, float32, of the model whose digest it carries.

    `person_uid` says which person of that id it is of; older templates do not know. `made_person`: with this face the
    person came into being. `thumbnail` is a small JPEG of the face, where the gallery keeps such; it lies in here so
    that whatever deletes the template deletes it too.
    """

    person: str
    face: str
    embedding: tuple[float, ...]
    model_digest: str
    quality: float
    created_at: datetime
    person_uid: str | None = None
    label: str | None = None
    source: FaceSource | None = None
    made_person: bool = False
    thumbnail: bytes | None = None

    @field_serializer("embedding")
    def _pack(self, value: tuple[float, ...]) -> str:
        return base64.b64encode(array("f", value).tobytes()).decode()

    @field_validator("embedding", mode="before")
    @classmethod
    def _unpack(cls, value: Any) -> Any:
        return tuple(array("f", base64.b64decode(value))) if isinstance(value, str) else value

    @field_serializer("thumbnail")
    def _pack_thumbnail(self, value: bytes | None) -> str | None:
        return None if value is None else base64.b64encode(value).decode()

    @field_validator("thumbnail", mode="before")
    @classmethod
    def _unpack_thumbnail(cls, value: Any) -> Any:
        return base64.b64decode(value) if isinstance(value, str) else value

    def without_thumbnail(self) -> "Template":
        return self if self.thumbnail is None else self.model_copy(update={"thumbnail": None})

    def is_of(self, person: Person) -> bool:
        """Whether it is this person's and not that of a former one who had the same id.

        One that does not know cannot be older than its person, for it is made after him.
        """
        if self.person_uid is not None:
            return (self.person, self.person_uid) == (person.id, person.uid)
        return self.person == person.id and self.created_at >= person.created_at - CLOCKS


class TemplateStore(GalleryObjects):
    """The templates of every gallery, as they lie there; whose they are is said by `PersonStore`."""

    def put_template(self, tenant: str, gallery: str, template: Template) -> None:
        """Store a template and announce it. Repeating it changes nothing."""
        self.store_template(tenant, gallery, template)
        self.announce_template(tenant, gallery, template)

    def announce_template(self, tenant: str, gallery: str, template: Template) -> None:
        """Tell every worker of a template that was stored, and whose person is there."""
        change = Change(ChangeKind.FACE_PUT, template.person, template.face, template.model_digest)
        self.announce(tenant, gallery, change)

    def store_template(self, tenant: str, gallery: str, template: Template) -> None:
        """Store one, for whoever announces it, or `RELOAD` for many, when they are done."""
        key = template_key(tenant, gallery, template.person, template.model_digest, template.face)
        self._store.put(key, _packed(template), "application/json")

    def get_template(self, tenant: str, gallery: str, person: str, digest: str, face: str) -> Template:
        """One template of one model."""
        try:
            data = self._store.get(template_key(tenant, gallery, person, digest, face))
        except ObjectNotFound:
            raise FaceNotFound(f"The person {person!r} has no face {face!r}.") from None
        return Template.model_validate_json(data)

    def delete_template(self, tenant: str, gallery: str, person: str, face: str) -> None:
        """Delete a face: its templates of every model.

        Raises:
            FaceNotFound
        """
        self.require_face(tenant, gallery, person, face)
        self.withdraw_template(tenant, gallery, person, face)

    def require_face(self, tenant: str, gallery: str, person: str, face: str) -> None:
        """Raises FaceNotFound unless there is a template of it, of any model."""
        if not self._keys_of_face(tenant, gallery, person, face):
            raise FaceNotFound(f"The person {person!r} has no face {face!r}.")

    def withdraw_template(self, tenant: str, gallery: str, person: str, face: str, *, digest: str = "") -> None:
        """Undo `put_template`, for one model or for all, whether or not anything of it is left."""
        for key in self._keys_of_face(tenant, gallery, person, face):
            if not digest or digest_of(key) == digest:
                self._store.delete(key)
        self.announce(tenant, gallery, Change(ChangeKind.FACE_DELETED, person, face, digest))

    def remove_template(self, tenant: str, gallery: str, template: Template) -> None:
        """Delete one of many, for whoever announces it when he is done."""
        self._store.delete(template_key(tenant, gallery, template.person, template.model_digest, template.face))

    def templates_under(self, tenant: str, gallery: str, person: str, digest: str = "") -> list[Template]:
        """What lies under a person's id, of one model or of all, in the order of its keys, whosoever it was."""
        folder = templates_folder(tenant, gallery, person)
        keys = self._store.keys(f"{folder}{digest}/" if digest else folder)
        return [Template.model_validate_json(data) for data in get_all(self._store, keys)]

    def all_templates(self, tenant: str, gallery: str, digest: str) -> Iterator[Template]:
        """Everybody's templates of one model, without thumbnails, but not those of whom the log says: erased."""
        found = self._store.keys(templates_folder(tenant, gallery))
        keys = (key for key in found if digest_of(key) == digest)
        erased = self.erasures.uids(tenant)
        every = (Template.model_validate_json(data) for data in get_all(self._store, keys))
        return (template.without_thumbnail() for template in every if template.person_uid not in erased)

    def face_count(self, tenant: str, gallery: str, person: str, digest: str) -> int:
        """How many faces lie under a person's id, of one model: their keys are counted, none is read."""
        return sum(1 for _ in self._store.keys(f"{templates_folder(tenant, gallery, person)}{digest}/"))

    def face_counts(self, tenant: str, gallery: str, persons: Collection[str], digest: str) -> list[int]:
        """The same of several people, in their order: one listing of those who lie close together, else one each."""
        counts, beyond = self._counts_on_the_way(tenant, gallery, persons, digest)
        with ThreadPoolExecutor(READERS) as pool:
            counted = pool.map(lambda person: self.face_count(tenant, gallery, person, digest), beyond)
            one_by_one = dict(zip(beyond, counted, strict=True))
        return [one_by_one.get(person, counts[person]) for person in persons]

    def _counts_on_the_way(
        self, tenant: str, gallery: str, persons: Collection[str], digest: str
    ) -> tuple[Counter[str], list[str]]:
        """From the first one's key to the last one's, and who lies beyond the keys that are worth reading."""
        counts: Counter[str] = Counter()
        if not persons:
            return counts, []
        folders = {templates_folder(tenant, gallery, person): person for person in persons}
        first, last = min(folders), max(folders)
        worth, read = KEYS_EACH * len(persons), 0
        for read, key in enumerate(self._store.keys(templates_folder(tenant, gallery), first), 1):
            folder, model, _ = key.rsplit("/", 2)
            if f"{folder}/" > last:
                break
            if read > worth:
                return counts, [person for name, person in folders.items() if name >= f"{folder}/"]
            if model == digest and (person := folders.get(f"{folder}/")):
                counts[person] += 1
        return counts, []

    def persons_with_templates(self, tenant: str, gallery: str, digest: str) -> set[str]:
        """Who has a template of this model."""
        found = (key.split("/") for key in self._store.keys(templates_folder(tenant, gallery)))
        return {parts[-3] for parts in found if parts[-2] == digest}

    def delete_model_templates(self, tenant: str, gallery: str, digest: str) -> int:
        """Delete everybody's templates of one model; how many."""
        found = self._store.keys(templates_folder(tenant, gallery))
        keys = [key for key in found if digest_of(key) == digest]
        with ThreadPoolExecutor(READERS) as pool:
            list(pool.map(self._store.delete, keys))
        self.announce(tenant, gallery, Change(ChangeKind.MODEL_DELETED, digest=digest))
        return len(keys)

    def drop_thumbnails(self, tenant: str, gallery: str, *, after: str, most: int) -> tuple[int, str | None]:
        """Delete the thumbnails of at most so many templates behind a key; how many, and the last key.

        The key is None when there is nothing behind it.
        """
        keys = list(islice(self._store.keys(templates_folder(tenant, gallery), after), most))

        def drop(key: str) -> bool:
            try:
                found = Template.model_validate_json(self._store.get(key))
                if found.thumbnail is not None:
                    self._store.update(key, _without_thumbnail)
            except ObjectNotFound:
                return False
            return found.thumbnail is not None

        with ThreadPoolExecutor(READERS) as pool:
            count = sum(pool.map(drop, keys))
        return count, keys[-1] if len(keys) == most else None

    def delete_where(self, tenant: str, gallery: str, unwanted: Callable[[Template], bool]) -> int:
        """Delete templates by what is in them, of whatever model; how many."""
        found = (
            Template.model_validate_json(data)
            for data in get_all(self._store, self._store.keys(templates_folder(tenant, gallery)))
        )
        count = 0
        for template in filter(unwanted, found):
            self.remove_template(tenant, gallery, template)
            count += 1
        return count

    def _keys_of_face(self, tenant: str, gallery: str, person: str, face: str) -> list[str]:
        keys = self._store.keys(templates_folder(tenant, gallery, person))
        return [key for key in keys if key.endswith(f"/{face}.json")]


def _without_thumbnail(data: bytes) -> bytes:
    return _packed(Template.model_validate_json(data).without_thumbnail())


def _packed(template: Template) -> bytes:
    return template.model_dump_json(exclude_defaults=True).encode()
