"""`/v1/galleries/{gallery}/migrations`: a gallery moves to another face model while it is being searched.

Photos are not kept, so the people's photos are supplied again. Until the cut-over searches use the former
model's templates, from it on the new model's, in one step for all; new enrolments are embedded with both
models from the start to the completion, so that a roll-back finds everybody.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field, model_validator

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.faces.enrollees import FaceLabel, Overriding, Stricter, of_one_mind
from gateway.faces.person_limits import enrolment
from gateway.faces.photos import OnePhoto
from gateway.telling import tell
from gateway.web.bodies import Body, read_body
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.responses import Document, accept, document
from shared.errors import Conflict, MigrationIncomplete, MigrationNotFound, MigrationUnderWay
from shared.jobs import NewJob
from shared.schemas import Gallery, Id, JobType, Migration, MigrationState, Model, Priority, ReembeddingPayload

blueprint = APIBlueprint("migrations", __name__, url_prefix="/v1/galleries/<id:gallery>/migrations")

MOST_NAMED = 100


class NewMigration(Body):
    model: Id = Field(description="name or digest of the face model to move to; GET /v1/models lists them")


class Reembedding(OnePhoto):
    person: Id
    label: FaceLabel = None
    conflicts: Stricter = None
    override: Overriding = None
    priority: Priority = Priority.BULK

    @model_validator(mode="after")
    def _of_one_mind(self) -> Self:
        return of_one_mind(self)


class CutOver(Body):
    leave_behind: bool = Field(
        False, description="cut over although some people have no template of the new model; they are not found then"
    )


class MigrationDocument(Document):
    id: str
    state: MigrationState
    source: Model
    target: Model
    created_at: datetime
    persons: int = Field(description="people with a template of the source model")
    migrated: int = Field(description="how many of them have one of the target model")
    missing: list[str] = Field(description="the first 100 of the others")


@blueprint.post("")
@operation(Operation({201: MigrationDocument}, scope=Scope.ADMIN, body=NewMigration, problems=(409,)))
def start_migration(gallery: str) -> Response:
    """Begin to move a gallery to another model: from now on faces are enrolled for both."""
    tenant = caller().tenant
    target = services().face_models.find(tenant, read_body(NewMigration).model)

    def begin(found: Gallery) -> Gallery:
        if found.migration is not None:
            raise MigrationUnderWay(f"The migration {found.migration.id!r} is under way: complete or abandon it first.")
        if found.model == target:
            raise Conflict(f"The gallery's model is {target.name} already.")
        new = Migration(
            id=f"mig-{uuid.uuid4().hex[:12]}",
            state=MigrationState.OPEN,
            source=found.model,
            target=target,
            created_at=datetime.now(UTC),
        )
        return found.model_copy(update={"migration": new})

    begin(services().galleries.get_gallery(tenant, gallery))  # only what will be done is told
    tell("migration.started", gallery=gallery, model=target.digest)
    changed = services().galleries.update_gallery(tenant, gallery, begin)
    view = _view(tenant, changed)
    return document(view, 201, headers={"Location": f"/v1/galleries/{gallery}/migrations/{view.id}"})


@blueprint.get("/<id:migration>")
@operation(Operation({200: MigrationDocument}, scopes=(Scope.ENROL, Scope.ADMIN)))
def get_migration(gallery: str, migration: str) -> Response:
    """Read how far a migration is, and who still needs a photo."""
    tenant = caller().tenant
    found = services().galleries.get_gallery(tenant, gallery)
    _require(found, migration)
    return document(_view(tenant, found))


@blueprint.post("/<id:migration>/faces")
@accepts_job(Scope.ENROL, Reembedding)
def reembed(gallery: str, migration: str) -> Response:
    """Supply a photo of a person again, to be embedded with the new model.

    It must show the person: it is compared with their templates first, and refused (`identity_conflict`) or flagged as
    an enrolment is.
    """
    sent = read_body(Reembedding)
    if sent.override is not None:
        caller().require(Scope.ADMIN)
    pictures = {"image": sent.image}
    context().uploads.check(pictures)
    tenant = caller().tenant
    found = services().galleries.get_gallery(tenant, gallery)
    _require(found, migration)
    person = services().galleries.get_person(tenant, gallery, sent.person)
    with enrolment(found, person.id):
        return accept(
            JobType.REEMBEDDING,
            pictures,
            lambda keys: ReembeddingPayload(
                gallery=gallery,
                migration=migration,
                person=person.id,
                person_uid=person.uid,
                face=NewJob.new_id(),
                image_key=keys["image"],
                label=sent.label,
                conflicts=sent.conflicts,
                override=sent.override,
                choice=sent.choice,
            ),
            sent.priority,
        )


@blueprint.post("/<id:migration>/cut-over")
@operation(Operation({200: MigrationDocument}, scope=Scope.ADMIN, body=CutOver, body_optional=True, problems=(409,)))
def cut_over(gallery: str, migration: str) -> Response:
    """Search with the new model from now on: one step, for all workers and all people."""
    leave_behind = read_body(CutOver, optional=True).leave_behind
    tenant = caller().tenant
    found = services().galleries.get_gallery(tenant, gallery)
    _require(found, migration)
    view = _view(tenant, found)
    if (lost := view.persons - view.migrated) and not leave_behind:
        raise MigrationIncomplete(
            f"{lost} of {view.persons} people have no template of {view.target.name} yet, for example "
            f"{', '.join(view.missing[:3])}. Supply their photos, or send leave_behind=true."
        )
    return _change(gallery, migration, lambda open_: {"model": open_.target, "state": MigrationState.CUT_OVER})


@blueprint.post("/<id:migration>/roll-back")
@operation(Operation({200: MigrationDocument}, scope=Scope.ADMIN, problems=(409,)))
def roll_back(gallery: str, migration: str) -> Response:
    """Search with the former model again; the migration stays open."""
    return _change(gallery, migration, lambda done: {"model": done.source, "state": MigrationState.OPEN})


@blueprint.post("/<id:migration>/complete")
@operation(Operation({204: None}, scope=Scope.ADMIN, problems=(409,)))
def complete(gallery: str, migration: str) -> Response:
    """End a migration that was cut over: the former model's templates are deleted; there is no way back.

    Repeating a completion that was interrupted completes it.
    """
    return _end(gallery, migration, MigrationState.CUT_OVER, "Cut over first: searches still use the former model.")


@blueprint.delete("/<id:migration>")
@operation(Operation({204: None}, scope=Scope.ADMIN, problems=(409,)))
def abandon(gallery: str, migration: str) -> Response:
    """Give a migration up before its cut-over: the new model's templates are deleted.

    Repeating a call that was interrupted completes it.
    """
    return _end(gallery, migration, MigrationState.OPEN, "Roll back first: searches use the new model.")


def _end(gallery: str, migration: str, state: MigrationState, otherwise: str) -> Response:
    """From the state in which it may end, through `ending`, in which nothing is embedded with the model that goes."""
    tenant, galleries = caller().tenant, services().galleries

    def ending(found: Gallery) -> Gallery:
        under_way = _require(found, migration)
        if under_way.state not in {state, MigrationState.ENDING}:
            raise Conflict(otherwise)
        moved = under_way.model_copy(update={"state": MigrationState.ENDING})
        return found.model_copy(update={"migration": moved})

    def ended(found: Gallery) -> Gallery:
        _require(found, migration)
        return found.model_copy(update={"migration": None})

    found = galleries.update_gallery(tenant, gallery, ending)
    under_way = _require(found, migration)
    goes = under_way.source if found.model == under_way.target else under_way.target
    tell("migration.ended", gallery=gallery, migration=migration, model=goes.digest)  # whose templates are deleted
    galleries.delete_model_templates(tenant, gallery, goes.digest)
    galleries.update_gallery(tenant, gallery, ended)
    return Response(status=204)


def _change(gallery: str, migration: str, step: Callable[[Migration], dict[str, object]]) -> Response:
    """Change model and state together: one write, so no search sees half of it."""

    def change(found: Gallery) -> Gallery:
        under_way = _require(found, migration)
        if under_way.state is MigrationState.ENDING:
            raise Conflict("The migration is ending: complete it, or begin another.")
        new = step(under_way)
        moved = under_way.model_copy(update={"state": new["state"]})
        return found.model_copy(update={"model": new["model"], "migration": moved})

    tenant, galleries = caller().tenant, services().galleries
    model = change(galleries.get_gallery(tenant, gallery)).model  # only what will be done is told
    tell("migration.changed", gallery=gallery, migration=migration, model=model.digest)
    return document(_view(tenant, galleries.update_gallery(tenant, gallery, change)))


def _require(gallery: Gallery, migration: str) -> Migration:
    if gallery.migration is None or gallery.migration.id != migration:
        raise MigrationNotFound(f"The gallery {gallery.id!r} has no migration {migration!r} under way.")
    return gallery.migration


def _view(tenant: str, gallery: Gallery) -> MigrationDocument:
    under_way = gallery.migration
    if under_way is None:
        raise AssertionError("only a gallery that migrates is shown so")
    galleries = services().galleries
    before = galleries.persons_with_templates(tenant, gallery.id, under_way.source.digest)
    after = galleries.persons_with_templates(tenant, gallery.id, under_way.target.digest)
    missing = sorted(before - after)
    return MigrationDocument(
        **under_way.model_dump(), persons=len(before), migrated=len(before & after), missing=missing[:MOST_NAMED]
    )
