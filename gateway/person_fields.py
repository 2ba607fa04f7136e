"""What is known of a person beside his faces: the fields of a request, and of an answer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field

from gateway.web.bodies import JSON_LIST, JSON_OBJECT, Body
from gateway.web.responses import Document
from shared.errors import InvalidField
from shared.schemas import Consent, Person
from shared.schemas.texts import Attributes, Groups, Moment, Tags, Text


class ConsentBody(Body):
    reference: Text
    given_at: Moment | None = None


class PersonFields(Body):
    """What is left out stays as it is; null removes it."""

    name: Text | None = Field(
        None, description="text of 1 to 200 characters, not only blanks, none of them a control character"
    )
    external_id: Text | None = Field(
        None,
        description="text of 1 to 200 characters, not only blanks: the number of the person in another system, by "
        "which they are found; several people may have the same",
    )
    tags: Annotated[Tags | None, JSON_LIST] = Field(
        None, description='a list of at most 20 texts of 1 to 64 characters, such as ["night shift"]'
    )
    groups: Annotated[Groups | None, JSON_LIST] = Field(
        None, description='a list of at most 20 ids, such as ["staff"]: who may pass which door follows them'
    )
    attributes: Annotated[Attributes | None, JSON_OBJECT] = Field(
        None,
        description='an object of at most 50 texts (up to 500 characters), numbers, true or false: {"badge": 4711}',
    )
    valid_from: Moment | None = Field(None, description="a time with its zone from which the person may pass")
    valid_until: Moment | None = Field(None, description="a time with its zone until which the person may pass")
    expires_at: Moment | None = Field(
        None, description="a time to come, with its zone, at which the person and all that is kept of him is erased"
    )
    consent: Annotated[ConsentBody | None, JSON_OBJECT] = Field(
        None, description='an object that says where his consent is on record: {"reference": "form 12", "given_at"?}'
    )

    def changes(self) -> dict[str, Any]:
        """The fields that were sent; what null removes is empty.

        Raises:
            InvalidField: the person would be erased at once.
        """
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            raise InvalidField("`expires_at` must be a time to come: DELETE the person to erase him now.")
        empty = Person(id="x", uid="", created_at=datetime.min)
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        sent = {name: getattr(empty, name) if value is None else value for name, value in sent.items()}
        if self.consent is not None:
            sent["consent"] = Consent(**self.consent.model_dump())
        return sent


def changed(person: Person, changes: Mapping[str, Any]) -> Person:
    """Raises InvalidField when nobody could ever pass."""
    now = person.model_copy(update=dict(changes))
    if now.valid_from is not None and now.valid_until is not None and now.valid_from >= now.valid_until:
        raise InvalidField("`valid_until` must be later than `valid_from`.")
    return now


def check_for_new(person: str, changes: Mapping[str, Any]) -> None:
    """Before somebody is made, for nobody is made for what is refused. Raises InvalidField."""
    described(person, changes)


def described(person: str, changes: Mapping[str, Any]) -> Person:
    """Somebody who is not there yet, of whom this is said. Raises InvalidField when nobody could ever pass."""
    return changed(Person(id=person, uid="", created_at=datetime.min), changes)


class PersonDocument(Document):
    id: str
    uid: str = Field(description="pseudonym, for ever of this person alone; the audit and webhooks name him by it")
    created_at: datetime
    face_count: int = Field(description="faces of the gallery's model")
    name: str | None = None
    external_id: str | None = None
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    attributes: dict[str, str | bool | int | float] = Field(default_factory=dict)
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    expires_at: datetime | None = Field(None, description="when he is erased")
    consent: Consent | None = None


def view(person: Person, faces: int) -> PersonDocument:
    """What is told of a person who has so many faces."""
    known = {name: getattr(person, name) for name in PersonDocument.model_fields.keys() & Person.model_fields.keys()}
    return PersonDocument(**known, face_count=faces)
