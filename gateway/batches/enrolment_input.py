"""Whom a batch is to enrol, and by which photos: the folders of an archive, or the lines of a manifest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic_core import PydanticCustomError

from gateway.batches.files import clean_name, id_of, untaken
from gateway.batches.input import manifest_lines, place
from gateway.context import context
from gateway.errors import InvalidBase64
from gateway.faces.enrollees import FaceLabel
from gateway.person_fields import PersonFields
from gateway.web.bodies import read_json
from gateway.web.inline_files import HOLDS_URL, URL, decode_base64
from gateway.web.references import REFERENCE, reader
from shared.archives import NamedFile, Read
from shared.errors import InvalidField, ObjectNotFound
from shared.faces.folders import Unclear, people_of
from shared.file_names import parts_of, shown_name
from shared.schemas import Id
from shared.settings import LimitSettings

LONGEST_PERSON = 255  # of what is said to be one: whether it can be an id is told of its item


class EnrolmentLine(PersonFields):
    """One photo to enrol; what else is said of the person is set as `PUT .../persons/{person}` sets it."""

    person: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PERSON)] = Field(description="his id")
    image: str = Field(description="path of a photo in `archive`; an upload's reference; without an archive, base64")
    label: FaceLabel = None
    custom_id: Id | None = Field(None, description="the item's own name; made from the person's id when left out")

    def changes(self) -> dict[str, Any]:
        """What the line says of the person. Raises InvalidField."""
        said = self.model_fields_set & PersonFields.model_fields.keys()
        return PersonFields.model_construct(said, **{name: getattr(self, name) for name in said}).changes()


@dataclass(frozen=True)
class Photo:
    """One photo of one person. `read` raises InvalidInput, NotFound or Conflict: what is wrong with this photo.

    Where it cannot be told whose photo it is, `person` is empty, and `unclear` says why in words that follow its name.
    """

    custom_id: str
    person: str
    read: Read
    name: str | None = None
    file: str | None = None  # by which it is found among those that were sent
    line: EnrolmentLine | None = None
    unclear: str | None = None


def photos_of(files: Sequence[NamedFile]) -> list[Photo]:
    """Every file of an archive; the folders that it lies in tell its person."""
    taken: dict[str, int] = {}

    def photo(file: NamedFile, person: str | Unclear) -> Photo:
        custom_id = id_of(file.name, taken)
        match person:
            case Unclear(reason=reason):
                return Photo(custom_id, "", file.read, file.shown, file.name, unclear=reason)
            case _:
                return Photo(custom_id, person, file.read, file.shown, file.name)

    return list(map(photo, files, people_of([file.parts for file in files])))


def read_enrolments(data: bytes, files: Mapping[str, Read] | None, limits: LimitSettings) -> list[Photo]:
    """The lines of a manifest; `files` are those of the archive that came with it.

    Raises:
        InvalidField, MalformedBody, InvalidId: naming the line.
    """
    lines = manifest_lines(data, partial(read_json, EnrolmentLine), limits.batch_items)
    taken: dict[str, int] = {}
    named: set[str] = set()
    for number, line in lines:
        if files is not None or line.image.startswith(REFERENCE):
            photo = clean_name(line.image)
            if photo in named:  # each item has a copy of its own: one file could fill the object store
                raise InvalidField(f"{place(number)}: its `image` is another line's too: each photo is enrolled once.")
            named.add(photo)
        if line.custom_id is not None and untaken(line.custom_id, taken) != line.custom_id:
            raise InvalidField(f"{place(number)}: the custom_id {line.custom_id!r} is there twice.")
    return [_photo(line, files, taken) for _, line in lines]


def _photo(line: EnrolmentLine, files: Mapping[str, Read] | None, taken: dict[str, int]) -> Photo:
    in_archive = files is not None and not line.image.startswith(REFERENCE)
    return Photo(
        custom_id=line.custom_id or id_of(f"{line.person}.", taken),
        person=line.person,
        read=_reader(line.image, files),
        name=shown_name(parts_of(line.image)) if in_archive else None,
        file=clean_name(line.image) if in_archive else None,
        line=line,
    )


def _reader(image: str, files: Mapping[str, Read] | None) -> Read:
    if image.startswith(REFERENCE):
        return reader(image, "image", context().settings.limits.image_bytes)
    if files is None:
        return partial(_decoded, image)
    return files.get(clean_name(image)) or partial(_missing, image)


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except PydanticCustomError as error:
        raise InvalidBase64(f"`image` {error.message()}") from None


def _missing(image: str) -> bytes:
    wrong = f"`image` {HOLDS_URL}" if URL.match(image) else "There is no such file in the archive."
    raise ObjectNotFound(wrong)


def names_of(photos: Iterable[Photo]) -> set[str]:
    """The files that these photos are, by which they were found among those that were sent."""
    return {photo.file for photo in photos if photo.file is not None}


def persons_of(photos: Iterable[Photo]) -> dict[str, list[Photo]]:
    """Each person's photos, in their order."""
    found: dict[str, list[Photo]] = {}
    for photo in photos:
        found.setdefault(photo.person, []).append(photo)
    return found
