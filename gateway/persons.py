"""`/v1/galleries/{gallery}/persons`: who is in a gallery, and the faces (templates) he is known by."""

from datetime import datetime

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import PEOPLE, Scope
from gateway.context import caller, context, request_id, services
from gateway.person_fields import PersonDocument, PersonFields, changed, check_for_new, view
from gateway.policies import Device
from gateway.telling import tell
from gateway.web.bodies import Body, ImageFile, read_body, read_query
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.responses import Document, accept, document
from shared.erasures.eraser import ErasureReport
from shared.erasures.log import ErasureReason
from shared.errors import PersonNotFound
from shared.galleries.persons import PersonQuery
from shared.galleries.store import Template
from shared.jobs import NewJob
from shared.schemas import EnrolmentPayload, Gallery, Id, JobType, Person, Priority
from shared.schemas.texts import Label, Text

blueprint = APIBlueprint("persons", __name__, url_prefix="/v1/galleries/<id:gallery>/persons")


class PersonPage(Body):
    cursor: Id | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="most people on the page")
    q: Text | None = Field(
        None, description="text of 1 to 200 characters that the id, the name or the external id contains, in any case"
    )
    tag: Label | None = Field(None, description="a tag, text of 1 to 64 characters")
    group: Id | None = None
    external_id: Text | None = Field(None, description="an external id, text of 1 to 200 characters, exactly")


class Enrolment(Body):
    image: ImageFile
    device: Device = None
    priority: Priority = Priority.INTERACTIVE


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
@operation(Operation({200: PersonList}, scopes=PEOPLE, query=PersonPage))
def list_persons(gallery: str) -> Response:
    """List the people of a gallery, in the order of their ids, all or those who match.

    A page of a search may hold fewer people than there is room for, even none, and not be the last: follow
    `next_cursor`.
    """
    page = read_query(PersonPage)
    wanted = PersonQuery(text=page.q, tag=page.tag, group=page.group, external_id=page.external_id)
    found = services().galleries.find_persons(
        caller().tenant, gallery, wanted, after=page.cursor or "", limit=page.limit
    )
    return document(PersonList(persons=[view(person) for person in found.persons], next_cursor=found.cursor))


@blueprint.put("/<id:person>")
@operation(
    Operation({200: PersonDocument, 201: PersonDocument}, scope=Scope.ENROL, body=PersonFields, body_optional=True)
)
def put_person(gallery: str, person: str) -> Response:
    """Create a person, or change what is known of one: what is left out stays, null removes it.

    Enrolling a face creates the person too, so this is needed for the fields only.
    """
    changes = read_body(PersonFields, optional=True).changes()
    galleries, tenant = services().galleries, caller().tenant
    try:
        found, status = galleries.get_person(tenant, gallery, person), 200
        changed(found, changes)  # only what will be done is told
    except PersonNotFound:
        check_for_new(person, changes)
        found, status = galleries.ensure_person(tenant, gallery, person), 201
    if changes:
        tell("person.changed", gallery=gallery, uid=found.uid, fields=sorted(changes))
        found = galleries.update_person(tenant, gallery, person, lambda former: changed(former, changes))
    return document(view(found), status)


@blueprint.get("/<id:person>")
@operation(Operation({200: PersonWithFaces}, scopes=PEOPLE))
def get_person(gallery: str, person: str) -> Response:
    """Read a person with his faces. Embeddings are in no answer but a gallery's export."""
    galleries, tenant = services().galleries, caller().tenant
    found = galleries.get_person(tenant, gallery, person)
    return document(with_faces(galleries.get_gallery(tenant, gallery), found))


@blueprint.delete("/<id:person>")
@operation(Operation({200: ErasureReport}, scope=Scope.ADMIN))
def delete_person(gallery: str, person: str) -> Response:
    """Erase a person: his record, his faces in every model, the jobs that name him with their results and uploads.

    He is found nowhere from the first moment on. The answer reports what there was; repeating an erasure that was
    interrupted completes it and reports the rest. GET /v1/erasures has the log that keeps a backup from bringing
    him back.
    """
    asked = caller()
    report = services().eraser.erase(
        asked.tenant, gallery, person, reason=ErasureReason.REQUESTED, actor=asked.id, trace=request_id()
    )
    return document(report)


@blueprint.post("/<id:person>/faces")
@accepts_job(Scope.ENROL, Enrolment)
def enrol_face(gallery: str, person: str) -> Response:
    """Enrol a face: one photo is enough, more make it better.

    `warnings` tell when the face resembles another person (`lookalike`; the gallery may refuse those) or
    does not resemble the person's other faces (`identity_conflict`).
    The person is created when he is not there, and stays without a face when the photo is refused.
    The photo is deleted as soon as its face is embedded.
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
            device=sent.device,
        ),
        sent.priority,
    )


@blueprint.delete("/<id:person>/faces/<id:face>")
@operation(Operation({204: None}, scope=Scope.ENROL))
def delete_face(gallery: str, person: str, face: str) -> Response:
    """Delete one face of a person."""
    tenant, galleries = caller().tenant, services().galleries
    found = galleries.get_person(tenant, gallery, person)
    galleries.require_face(tenant, gallery, person, face)
    tell("face.deleted", gallery=gallery, uid=found.uid, face=face)
    galleries.delete_template(tenant, gallery, person, face)
    return Response(status=204)


def with_faces(gallery: Gallery, person: Person) -> PersonWithFaces:
    """A person with his faces of the model in use."""
    found = services().galleries.templates_of(caller().tenant, gallery.id, person, gallery.model.digest)
    return PersonWithFaces(**view(person).model_dump(), faces=[_face_view(template) for template in found])


def _face_view(template: Template) -> FaceDocument:
    return FaceDocument(
        id=template.face,
        created_at=template.created_at,
        quality=template.quality,
        model=template.model_digest,
    )
