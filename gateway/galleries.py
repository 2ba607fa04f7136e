"""`/v1/galleries`: sets of people that probes are compared with, and the rules their owner set."""

from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Annotated
from zoneinfo import available_timezones

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from gateway.auth import PEOPLE, Scope
from gateway.context import caller, services
from gateway.faces.availability import require_for_rule
from gateway.policies import check_policy, policy_of
from gateway.telling import tell
from gateway.web.bodies import JSON_OBJECT, Body, read_body, read_query
from gateway.web.operations import Operation, operation
from gateway.web.paging import IdPage
from gateway.web.responses import Document, document
from shared.errors import GalleryNotFound, InvalidField
from shared.galleries.thumbnails import ThumbnailDeletion
from shared.ml.face.catalogue import DEFAULT_MODEL
from shared.schemas import (
    AccessRules,
    Conflicts,
    Gallery,
    GalleryRules,
    Id,
    LivenessRequirement,
    Lookalikes,
    Model,
    PolicyKind,
)

blueprint = APIBlueprint("galleries", __name__, url_prefix="/v1/galleries")

ZONES = available_timezones() - {"localtime", "Factory"}  # which mean another zone on each machine, or none


class GalleryChanges(Body):
    """Rules that are left out stay as they are."""

    lookalikes: Lookalikes | None = Field(None, description=GalleryRules.model_fields["lookalikes"].description)
    conflicts: Conflicts | None = Field(None, description=GalleryRules.model_fields["conflicts"].description)
    templates_per_person: int | None = Field(
        None, ge=1, le=50, description=GalleryRules.model_fields["templates_per_person"].description
    )
    liveness: LivenessRequirement | None = Field(None, description=GalleryRules.model_fields["liveness"].description)
    thumbnails: bool | None = Field(
        None,
        description=f"{GalleryRules.model_fields['thumbnails'].description}; turned off, those that are there go",
    )
    access: Annotated[AccessRules | None, JSON_OBJECT] = Field(
        None, description="an object with the access rules to change: those left out of it stay, lists are replaced"
    )

    def applied_to(self, former: GalleryRules) -> dict[str, object]:
        """The rules that were sent, as they become.

        Raises:
            InvalidField: one is null.
        """
        sent = {name: getattr(self, name) for name in GalleryRules.model_fields if name in self.model_fields_set}
        for name, value in sent.items():
            if value is None:
                raise InvalidField(f"`{name}` must not be null: leave it out to keep it as it is.")
        if self.access is not None:
            changes = {name: getattr(self.access, name) for name in self.access.model_fields_set}
            sent["access"] = former.access.model_copy(update=changes)
        return sent


class NewGallery(GalleryChanges):
    id: Id
    model: Id = Field(DEFAULT_MODEL.name, description="name or digest of the face model; GET /v1/models lists them")


class GalleryDocument(Document):
    id: str
    created_at: datetime
    model: Model = Field(description="the face model that its templates were made with")
    lookalikes: Lookalikes
    conflicts: Conflicts
    templates_per_person: int
    liveness: LivenessRequirement
    thumbnails: bool
    access: AccessRules
    calibrated: list[str] = Field(description="the policies that have a threshold of this gallery's own")
    migration: str | None = Field(None, description="id of the migration under way")


class GalleryList(Document):
    galleries: list[GalleryDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.post("")
@operation(Operation({201: GalleryDocument}, scope=Scope.ADMIN, body=NewGallery, problems=(409,)))
def create_gallery() -> Response:
    """Create a gallery.

    A liveness rule that this installation cannot meet is refused (`liveness_unavailable`); GET /v1/models says which.
    """
    wanted = read_body(NewGallery)
    tenant = caller().tenant
    model = services().face_models.find(tenant, wanted.model)
    rules = GalleryRules().model_copy(update=wanted.applied_to(GalleryRules()))
    _check_access(AccessRules(), rules.access)
    require_for_rule(rules.liveness)
    services().galleries.require_new(tenant, wanted.id)
    tell("gallery.created", gallery=wanted.id, model=model.digest)
    created = services().galleries.create_gallery(tenant, wanted.id, model=model, rules=rules)
    return document(_view(created), 201, headers={"Location": f"/v1/galleries/{created.id}"})


@blueprint.get("")
@operation(Operation({200: GalleryList}, scopes=PEOPLE, query=IdPage))
def list_galleries() -> Response:
    """List the galleries, in the order of their ids."""
    page = read_query(IdPage)
    found = services().galleries.galleries(caller().tenant, after=page.cursor or "")
    shown = list(islice(found, page.limit + 1))
    more = shown[page.limit - 1].id if len(shown) > page.limit else None
    return document(GalleryList(galleries=[_view(gallery) for gallery in shown[: page.limit]], next_cursor=more))


@blueprint.get("/<id:gallery>")
@operation(Operation({200: GalleryDocument}, scopes=PEOPLE))
def get_gallery(gallery: str) -> Response:
    """Read a gallery."""
    return document(_view(services().galleries.get_gallery(caller().tenant, gallery)))


@blueprint.patch("/<id:gallery>")
@operation(Operation({200: GalleryDocument}, scope=Scope.ADMIN, body=GalleryChanges, problems=(409,)))
def change_gallery(gallery: str) -> Response:
    """Change the rules of a gallery; they hold for every request that a worker begins from then on.

    Once `thumbnails` is off none is shown any more, and those that are there are deleted in the minutes that follow.
    """
    sent = read_body(GalleryChanges)

    def change(former: Gallery) -> Gallery:
        changed = former.model_copy(update=sent.applied_to(former))
        _check_access(former.access, changed.access, former)
        if changed.liveness is not former.liveness:
            require_for_rule(changed.liveness)
        return changed

    tenant, galleries = caller().tenant, services().galleries
    change(galleries.get_gallery(tenant, gallery))  # only what will be done is told
    tell("gallery.changed", gallery=gallery, fields=sorted(sent.model_fields_set))
    changed = galleries.update_gallery(tenant, gallery, change)
    if sent.thumbnails is False:
        ThumbnailDeletion(services().store, galleries).begin(tenant, gallery)
    return document(_view(changed))


@blueprint.delete("/<id:gallery>")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def delete_gallery(gallery: str) -> Response:
    """Delete a gallery with everybody in it.

    Repeating a deletion that was interrupted completes it.
    """
    tenant, galleries = caller().tenant, services().galleries
    with suppress(GalleryNotFound):  # then only the rest of an interrupted deletion is left, which was told
        galleries.get_gallery(tenant, gallery)
        tell("gallery.deleted", gallery=gallery)
    galleries.delete_gallery(tenant, gallery)
    return Response(status=204)


def _check_access(former: AccessRules, changed: AccessRules, gallery: Gallery | None = None) -> None:
    """Policies and zones that are newly named; those that are no longer known do not stop other changes.

    Raises:
        UnknownPolicy, InvalidField
    """
    if changed.timezone not in {former.timezone, *ZONES}:
        raise InvalidField(
            "`access.timezone` must be a name of the IANA time zone database, such as Europe/Athens or UTC."
        )
    for kind in PolicyKind:
        policy = policy_of(kind, changed)
        if policy is not None and policy != policy_of(kind, former):
            check_policy(policy, kind, gallery)


def _view(gallery: Gallery) -> GalleryDocument:
    return GalleryDocument(
        **gallery.model_dump(include={"id", "created_at", "model", *GalleryRules.model_fields}),
        calibrated=sorted(one.policy for one in gallery.calibrations if one.model == gallery.model),
        migration=gallery.migration.id if gallery.migration else None,
    )
