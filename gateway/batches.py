"""`/v1/batches`: many pictures painted in one style, or each in its own, behind whatever is interactive."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Self

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field, WithJsonSchema, model_validator

from gateway.auth import Scope
from gateway.batch_input import Wanted, files_of, read_manifest, wanted_of
from gateway.batch_intake import Choice, Intake
from gateway.batch_results import (
    BatchDocument,
    BatchList,
    ItemDocument,
    ItemList,
    archive,
    batch_document,
    batch_url,
    items,
    manifest,
)
from gateway.bodies import AnyImageFiles, Body, OptionalLinesFile, OptionalPicturesFile, read_body, read_query
from gateway.context import caller, context, services
from gateway.operations import Operation, operation
from gateway.paging import TimePage, read_page
from gateway.responses import document, picture
from gateway.style_options import StyleOptions
from shared.errors import InvalidField, ObjectNotFound, Unavailable
from shared.jobs import NewJob
from shared.schemas import Batch, ItemStatus
from shared.storage import IMAGES, batch_folder

blueprint = APIBlueprint("batches", __name__, url_prefix="/v1/batches")

JSON_LINES = "application/jsonl"
ZIP = "application/zip"
OTHER_PARTS = 100  # of a form, beside its pictures
RETRY_AFTER_S = 2


class NewBatch(Choice):
    images: AnyImageFiles = Field((), description="pictures to paint; repeat it")
    archive: OptionalPicturesFile = None
    manifest: OptionalLinesFile = Field(
        None, description="JSON lines: which pictures to paint, under which id, with which options of their own"
    )

    @model_validator(mode="after")
    def _has_pictures(self) -> Self:
        if not self.images and self.archive is None and self.manifest is None:
            raise InvalidField("Send `images`, an `archive` of them, or a `manifest` that names stored ones.")
        return self


Status = Annotated[ItemStatus, WithJsonSchema({"type": "string", "enum": list(ItemStatus)})]


class ItemPage(Body):
    status: Status | None = Field(None, description="only items of this status")
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,9}$")] | None = Field(
        None, description="`next_cursor` of the page before"
    )
    limit: int = Field(100, ge=1, le=1000, description="most items on the page")


@blueprint.post("")
@operation(Operation({202: BatchDocument}, scope=Scope.STYLISE, body=NewBatch))
def create_batch() -> Response:
    """Paint many pictures; what is wrong with one of them is an error of that one.

    Without a manifest every file that is sent is painted.
    """
    limits = context().settings.limits
    request.max_content_length = limits.batch_bytes
    request.max_form_parts = limits.batch_items + OTHER_PARTS
    sent = read_body(NewBatch)
    files = files_of(list(zip(_names(sent), sent.images, strict=True)), sent.archive, limits)
    wanted = _wanted(sent, files)
    tenant, batch_id, store = caller().tenant, NewJob.new_id(), services().store
    intake = Intake(tenant, batch_id, store, services().jobs, limits)
    try:
        paintings = intake.paintings(sent, wanted, context().uploads)
        made = intake.items(wanted, paintings, files)
        batch = services().batches.create(tenant, batch_id, made)
    except BaseException:
        with suppress(Unavailable):  # its expiry rule takes what this cannot
            store.delete_prefix(batch_folder(tenant, batch_id))
        raise
    headers = {"Location": batch_url(batch.id), "Retry-After": str(RETRY_AFTER_S)}
    return document(batch_document(batch), 202, headers=headers)


@blueprint.get("")
@operation(Operation({200: BatchList}, scope=Scope.STYLISE, query=TimePage))
def list_batches() -> Response:
    """List the batches, newest first."""
    tenant, kept = caller().tenant, services().batches
    shown, more = read_page(lambda before, limit: kept.recent(tenant, before=before, limit=limit))
    return document(BatchList(batches=[batch_document(batch) for batch in shown], next_cursor=more))


@blueprint.get("/<id:batch>")
@operation(Operation({200: BatchDocument}, scope=Scope.STYLISE))
def get_batch(batch: str) -> Response:
    """Read how far a batch is."""
    return document(batch_document(_find(batch)))


@blueprint.post("/<id:batch>/pause")
@operation(Operation({200: BatchDocument}, scope=Scope.STYLISE, problems=(409,)))
def pause_batch(batch: str) -> Response:
    """Begin no further item; those in work are finished."""
    return document(batch_document(services().batches.pause(caller().tenant, batch)))


@blueprint.post("/<id:batch>/resume")
@operation(Operation({200: BatchDocument}, scope=Scope.STYLISE, problems=(409,)))
def resume_batch(batch: str) -> Response:
    """Go on with a batch that was paused."""
    return document(batch_document(services().batches.resume(caller().tenant, batch)))


@blueprint.post("/<id:batch>/cancel")
@operation(Operation({200: BatchDocument}, scope=Scope.STYLISE, problems=(409,)))
def cancel_batch(batch: str) -> Response:
    """Do nothing further; what is done stays."""
    return document(batch_document(services().batches.cancel(caller().tenant, batch)))


@blueprint.get("/<id:batch>/items")
@operation(Operation({200: ItemList}, scope=Scope.STYLISE, query=ItemPage))
def list_items(batch: str) -> Response:
    """List what became of each item, in their order."""
    page = read_query(ItemPage)
    start = int(page.cursor) if page.cursor else 0
    shown: list[ItemDocument] = []
    for item in _items(_find(batch), start):
        if page.status not in {None, item.status}:
            continue
        if len(shown) == page.limit:
            return document(ItemList(items=shown, next_cursor=str(item.number)))
        shown.append(item)
    return document(ItemList(items=shown))


@blueprint.get("/<id:batch>/manifest")
@operation(Operation({200: JSON_LINES}, scope=Scope.STYLISE))
def get_manifest(batch: str) -> Response:
    """What became of each item, a line of JSON per item."""
    return Response("".join(manifest(_items(_find(batch)))), content_type=JSON_LINES)


@blueprint.get("/<id:batch>/results.zip")
@operation(Operation({200: ZIP}, scope=Scope.STYLISE))
def get_results(batch: str) -> Response:
    """A ZIP of the pictures that are done, with a manifest of all items."""
    found = _find(batch)
    known = list(_items(found))  # before the answer begins: later an error could not be told
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.zip"'}
    return Response(archive(services().store, found, known), content_type=ZIP, headers=headers)


@blueprint.get("/<id:batch>/images/<id:job>")
@operation(Operation({200: "image/*"}, scope=Scope.STYLISE))
def get_batch_image(batch: str, job: str) -> Response:
    """The picture of an item, named by its job."""
    found = _find(batch)
    if not job.startswith(f"{found.id}-"):
        raise ObjectNotFound(f"{job} is no job of the batch")
    store = services().store
    for key in store.keys(f"{IMAGES}{found.tenant}/{job}."):
        data = store.get(key)
        return picture(data, f"image/{key.rpartition('.')[2]}", hashlib.sha256(data).hexdigest())
    raise ObjectNotFound(f"{job} has no picture")


def _find(batch: str) -> Batch:
    return services().batches.get(caller().tenant, batch)


def _items(batch: Batch, start: int = 0) -> Iterable[ItemDocument]:
    return items(services().batches, batch, start=start)


def _names(sent: NewBatch) -> list[str]:
    """Of the files of a form, in their order; JSON names none."""
    files = (file for file in request.files.getlist("images") if file.filename or file.stream.tell())
    names = [file.filename or "image" for file in files]
    return names or [f"image-{number}" for number in range(1, len(sent.images) + 1)]


def _wanted(sent: NewBatch, files: Iterable[str]) -> list[Wanted]:
    if sent.manifest is None:
        found = wanted_of(files)
    else:
        given = sent.model_dump(mode="json", include=set(StyleOptions.model_fields), exclude_unset=True)
        found = read_manifest(sent.manifest, given, context().settings.limits)
    if not found:
        raise InvalidField("There is no picture in the archive.")
    return found
