"""`/v1/galleries/{gallery}/persons`: who is in a gallery, and the faces (templates) they are known by."""

from datetime import datetime
from typing import Literal, Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator

from gateway.auth import PEOPLE, Scope
from gateway.context import caller, context, services, trace_id
from gateway.faces.enrollees import FaceLabel, Overriding, Stricter, enrollee, of_one_mind, undoes_person
from gateway.faces.likeness import like_others
from gateway.faces.person_limits import enrolment
from gateway.faces.photos import OnePhoto
from gateway.person_fields import PersonDocument, PersonFields, changed, check_for_new, view
from gateway.policies import Device
from gateway.telling import tell
from gateway.web.bodies import Body, read_body, read_query
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.responses import Document, accept, document
from shared.erasures.eraser import ErasureReport
from shared.erasures.log import ErasureReason
from shared.errors import ObjectNotFound, PersonNotFound
from shared.galleries.persons import PersonQuery
from shared.galleries.store import Template
from shared.jobs import NewJob
from shared.schemas import EnrolmentPayload, FaceSource, Gallery, Id, JobType, Person, Priority
from shared.schemas.texts import Label, Text, Words

blueprint = APIBlueprint("persons", __name__, url_prefix="/v1/galleries/<id:gallery>/persons")


class PersonPage(Body):
    cursor: Id | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="most people on the page")
    q: Words | None = Field(
        None, description="text of 1 to 200 characters that the id, the name or the external id contains, in any case"
    )
    tag: Label | None = Field(None, description="a tag, text of 1 to 64 characters")
    group: Id | None = None
    faces: Literal["none", "some"] | None = Field(None, description="only people without a face, or with one")
    external_id: Text | None = Field(None, description="an external id, text of 1 to 200 characters, exactly")


class Enrolment(OnePhoto):
    label: FaceLabel = None
    conflicts: Stricter = None
    override: Overriding = None
    device: Device = None
    priority: Priority = Priority.INTERACTIVE

    @model_validator(mode="after")
    def _of_one_mind(self) -> Self:
        return of_one_mind(self)


class FaceDeletion(Body):
    undo: bool = Field(
        False, description="take an enrolment of the last day back: the person goes too when it made them"
    )


class FaceDocument(Document):
    id: str
    created_at: datetime
    quality: float = Field(description="0 to 1")
    model: str = Field(description="digest of the model that embedded it")
    label: str | None = Field(None, description="what was said of the photo when it was enrolled")
    source: FaceSource | None = Field(None, description="how it came here; null: before this was noted")
    thumbnail: str | None = Field(None, description="path of a small JPEG, where the gallery keeps one of this face")
    like_others: bool | None = Field(
        None,
        description="whether it looks like the person's other faces, as an enrolment would see it; null: it is alone",
    )


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
    wanted = PersonQuery(
        text=page.q,
        tag=page.tag,
        group=page.group,
        external_id=page.external_id,
        has_face=None if page.faces is None else page.faces == "some",
    )
    found = services().galleries.find_persons(
        caller().tenant, gallery, wanted, after=page.cursor or "", limit=page.limit
    )
    persons = [view(person, faces) for person, faces in zip(found.persons, found.faces, strict=True)]
    return document(PersonList(persons=persons, next_cursor=found.cursor))


@blueprint.put("/<id:person>")
@operation(
    Operation({200: PersonDocument, 201: PersonDocument}, scope=Scope.ENROL, body=PersonFields, body_optional=True)
)
def put_person(gallery: str, person: str) -> Response:
    """Create a person, or change what is known of one: what is left out stays, null removes it.

    The first face that is enrolled creates the person too, so this is needed for the fields, and for somebody whose
    photo is to come.
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
    digest = galleries.get_gallery(tenant, gallery).model.digest
    return document(view(found, galleries.face_count(tenant, gallery, person, digest)), status)


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
        asked.tenant, gallery, person, reason=ErasureReason.REQUESTED, actor=asked.id, trace=trace_id()
    )
    return document(report)


@blueprint.post("/<id:person>/faces")
@accepts_job(Scope.ENROL, Enrolment)
def enrol_face(gallery: str, person: str) -> Response:
    """Enrol a face: one photo is enough, more make it better.

    The first face that is stored creates the person; a photo that is refused creates nobody. A face that does not
    look like the person's other faces is refused (`identity_conflict`) or, by the gallery's rule, stored with a
    warning; `override=identity_conflict` (scope `admin`) stores it all the same. One that resembles another person is
    stored with the warning `lookalike`, or refused. The same photo again is `already_enrolled` and changes nothing.
    The photo is deleted as soon as its face is embedded. A person's enrolments have a limit a day
    (`too_many_enrolments`), whatever becomes of them.
    """
    sent = read_body(Enrolment)
    if sent.override is not None:
        caller().require(Scope.ADMIN)
    pictures = {"image": sent.image}
    context().uploads.check(pictures)
    tenant, galleries = caller().tenant, services().galleries
    found = galleries.get_gallery(tenant, gallery)
    meant = enrollee(found, galleries.present_person(tenant, gallery, person))
    with enrolment(found, person):
        return accept(
            JobType.ENROLMENT,
            pictures,
            lambda keys: EnrolmentPayload(
                gallery=gallery,
                person=person,
                person_uid=meant.uid,
                new_person=meant.new,
                face=NewJob.new_id(),
                image_key=keys["image"],
                choice=sent.choice,
                device=sent.device,
                label=sent.label,
                conflicts=sent.conflicts,
                override=sent.override,
            ),
            sent.priority,
        )


@blueprint.delete("/<id:person>/faces/<id:face>")
@operation(Operation({204: None}, scope=Scope.ENROL, query=FaceDeletion, problems=(409,)))
def delete_face(gallery: str, person: str, face: str) -> Response:
    """Delete one face of a person.

    With `undo=true` an enrolment of the last day is taken back: when it created the person, and they have no other
    face, they are erased as well. What it has replaced does not come back.

    Whoever is enrolled next as somebody without a face is them from then on. So only keys with the scope `admin` delete
    a person's only face, but for an enrolment that is taken back before a verification of the person has failed.
    """
    tenant, galleries = caller().tenant, services().galleries
    undo = read_query(FaceDeletion).undo
    found = galleries.get_person(tenant, gallery, person)
    templates = galleries.templates_of(tenant, gallery, found)
    alone = undo and undoes_person(templates, face)
    galleries.require_face(tenant, gallery, person, face)
    if {template.face for template in templates} == {face}:
        _require_to_empty(gallery, person, undo=undo)
    tell("face.deleted", gallery=gallery, uid=found.uid, face=face, **({"undo": True} if undo else {}))
    if alone:
        services().eraser.erase(
            tenant, gallery, person, reason=ErasureReason.REQUESTED, actor=caller().id, trace=trace_id()
        )
    else:
        galleries.delete_template(tenant, gallery, person, face)
    return Response(status=204)


def _require_to_empty(gallery: str, person: str, *, undo: bool) -> None:
    """Raises Forbidden."""
    if not undo:
        why = "This is the person's only face, and whoever is enrolled next would be them: enrol a new photo first."
        caller().require(Scope.ADMIN, why=why)
    elif services().attempts.has_failed(caller().tenant, gallery, person):
        why = "Verifications of this person have failed today, which is not to be forgotten by enrolling them anew."
        caller().require(Scope.ADMIN, why=why)


@blueprint.get("/<id:person>/faces/<id:face>/thumbnail")
@operation(Operation({200: "image/jpeg"}, scopes=PEOPLE))
def get_thumbnail(gallery: str, person: str, face: str) -> Response:
    """A small picture of an enrolled face, where the gallery's rule `thumbnails` had one kept."""
    tenant, galleries = caller().tenant, services().galleries
    rules = galleries.get_gallery(tenant, gallery)
    owner = galleries.get_person(tenant, gallery, person)
    template = galleries.get_template(tenant, gallery, person, rules.model.digest, face)
    if not rules.thumbnails or template.thumbnail is None or not template.is_of(owner):
        raise ObjectNotFound("No thumbnail is kept of this face.")
    return Response(template.thumbnail, mimetype="image/jpeg")


def with_faces(gallery: Gallery, person: Person) -> PersonWithFaces:
    """A person with their faces of the model in use."""
    tenant = caller().tenant
    found = services().galleries.templates_of(tenant, gallery.id, person, gallery.model.digest)
    alike = like_others(found, services().face_models.card(tenant, gallery.model.digest))
    faces = [_face_view(gallery, template, like) for template, like in zip(found, alike, strict=True)]
    return PersonWithFaces(**view(person, len(faces)).model_dump(), faces=faces)


def _face_view(gallery: Gallery, template: Template, like_others: bool | None) -> FaceDocument:
    shown = gallery.thumbnails and template.thumbnail is not None
    path = f"/v1/galleries/{gallery.id}/persons/{template.person}/faces/{template.face}/thumbnail"
    return FaceDocument(
        id=template.face,
        created_at=template.created_at,
        quality=template.quality,
        model=template.model_digest,
        label=template.label,
        source=template.source,
        thumbnail=path if shown else None,
        like_others=like_others,
    )
