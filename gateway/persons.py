"""`/v1/galleries/{gallery}/persons`: who is in a gallery, and the faces (templates) he is known by."""

from datetime import datetime
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, StringConstraints

from gateway.auth import Scope
from gateway.bodies import Body, ImageFile, read_body, read_query
from gateway.context import caller, context, services
from gateway.operations import Operation, accepts_job, operation
from gateway.responses import Document, accept, document
from shared.errors import PersonNotFound
from shared.gallery_store import Template
from shared.jobs import NewJob
from shared.schemas import EnrolmentPayload, Id, JobType, Person, Priority

blueprint = APIBlueprint("persons", __name__, url_prefix="/v1/galleries/<id:gallery>/persons")


class PersonPage(Body):
    cursor: Id | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="most people on the page")


class PersonFields(Body):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Enrolment(Body):
    image: ImageFile
    priority: Priority = Priority.INTERACTIVE


class PersonDocument(Document):
    id: str
    name: str | None = None
    created_at: datetime


class FaceDocument(Document):
    id: str
    created_at: datetime
    quality: float = Field(description="0 to 1")
    model: str = Field(description="digest of the model that embedded it")


class PersonWithFaces(PersonDocument):
    faces: list[FaceDocument]


class PersonList(Document):
    persons: list[PersonDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.get("")
@operation(Operation({200: PersonList}, query=PersonPage))
def list_persons(gallery: str) -> Response:
    """List the people of a gallery, in the order of their ids."""
    page = read_query(PersonPage)
    found = services().galleries.list_persons(caller().tenant, gallery, after=page.cursor or "", limit=page.limit + 1)
    shown = found[: page.limit]
    more = shown[-1].id if len(found) > page.limit else None
    return document(PersonList(persons=[_view(person) for person in shown], next_cursor=more))


@blueprint.put("/<id:person>")
@operation(
    Operation({200: PersonDocument, 201: PersonDocument}, scope=Scope.ENROL, body=PersonFields, body_optional=True)
)
def put_person(gallery: str, person: str) -> Response:
    """Create a person, or set the name of one.

    Enrolling a face creates the person too, so this is needed for names only.
    """
    fields = read_body(PersonFields, optional=True)
    galleries, tenant = services().galleries, caller().tenant
    try:
        found, status = galleries.get_person(tenant, gallery, person), 200
    except PersonNotFound:
        found, status = galleries.ensure_person(tenant, gallery, person), 201
    if "name" in fields.model_fields_set and fields.name != found.name:
        found = found.model_copy(update={"name": fields.name})
        galleries.update_person(tenant, gallery, found)
    return document(_view(found), status)


@blueprint.get("/<id:person>")
@operation(Operation({200: PersonWithFaces}))
def get_person(gallery: str, person: str) -> Response:
    """Read a person with his faces; embeddings never leave the service."""
    galleries, tenant = services().galleries, caller().tenant
    found = galleries.get_person(tenant, gallery, person)
    model = galleries.get_gallery(tenant, gallery).model
    faces = [_face_view(t) for t in galleries.person_templates(tenant, gallery, person, model.digest)]
    return document(PersonWithFaces(**_view(found).model_dump(), faces=faces))


@blueprint.delete("/<id:person>")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def delete_person(gallery: str, person: str) -> Response:
    """Delete a person with all his faces.

    Repeating a deletion that was interrupted completes it.
    """
    services().galleries.delete_person(caller().tenant, gallery, person)
    return Response(status=204)


@blueprint.post("/<id:person>/faces")
@accepts_job(Scope.ENROL, Enrolment)
def enrol_face(gallery: str, person: str) -> Response:
    """Enrol a face: one photo is enough, more make it better.

    `warnings` tell when the face resembles another person (`lookalike`; the gallery may refuse those) or
    does not resemble the person's other faces (`identity_conflict`).
    The person is created when he is not there. The photo is deleted as soon as its face is embedded.
    """
    sent = read_body(Enrolment)
    pictures = {"image": sent.image}
    context().uploads.check(pictures)
    found = services().galleries.ensure_person(caller().tenant, gallery, person)
    return accept(
        JobType.ENROLMENT,
        pictures,
        lambda keys: EnrolmentPayload(
            gallery=gallery,
            person=person,
            person_uid=found.uid,
            face=NewJob.new_id(),
            image_key=keys["image"],
        ),
        sent.priority,
    )


@blueprint.delete("/<id:person>/faces/<id:face>")
@operation(Operation({204: None}, scope=Scope.ENROL))
def delete_face(gallery: str, person: str, face: str) -> Response:
    """Delete one face of a person."""
    services().galleries.get_person(caller().tenant, gallery, person)
    services().galleries.delete_template(caller().tenant, gallery, person, face)
    return Response(status=204)


def _view(person: Person) -> PersonDocument:
    return PersonDocument(id=person.id, name=person.name, created_at=person.created_at)


def _face_view(template: Template) -> FaceDocument:
    return FaceDocument(
        id=template.face,
        created_at=template.created_at,
        quality=template.quality,
        model=template.model_digest,
    )
