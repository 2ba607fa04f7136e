"""`/v1/batches`: many pictures painted, and what became of any batch; enrolment_routes.py starts others."""

from collections.abc import Iterable
from typing import Annotated, Self

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field, WithJsonSchema, model_validator

from gateway.auth import PAINTING, Scope
from gateway.batches.acceptance import accept_batch
from gateway.batches.files import SentFiles, files_of, nothing_in
from gateway.batches.input import Wanted, read_manifest, wanted_of
from gateway.batches.intake import Choice, Intake
from gateway.batches.results import (
    BatchDocument,
    BatchList,
    ItemDocument,
    ItemList,
    archive,
    batch_document,
    items,
    manifest,
    pictures,
)
from gateway.context import caller, context, services
from gateway.style_options import StyleOptions
from gateway.web.bodies import AnyImageFiles, Body, OptionalLinesFile, OptionalPicturesFile, read_body, read_query
from gateway.web.downloads import stored
from gateway.web.event_streams import EVENT_STREAM, Story, stream
from gateway.web.operations import Operation, operation
from gateway.web.paging import TimePage, read_page
from gateway.web.references import REFERENCE, reader
from gateway.web.responses import document
from shared.archives import Read
from shared.errors import InvalidField, ObjectNotFound
from shared.schemas import Batch, BatchItem, BatchKind, ItemStatus
from shared.settings import LimitSettings
from shared.storage.store import IMAGES

blueprint = APIBlueprint("batches", __name__, url_prefix="/v1/batches")

JSON_LINES = "application/jsonl"
ZIP = "application/zip"
OTHER_PARTS = 100  # of a form, beside its pictures
SCOPES = {BatchKind.STYLIZATION: Scope.STYLISE, BatchKind.ENROLMENT: Scope.ENROL}
ANY = (*SCOPES.values(), Scope.ADMIN)  # whether the key may have this one is known when its kind is


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

    Without a manifest every picture that is sent is painted. Other files are `skipped`, each with its reason.
    """
    limits = context().settings.limits
    request.max_content_length = limits.batch_bytes
    request.max_form_parts = limits.batch_items + OTHER_PARTS
    sent = read_body(NewBatch)
    with context().uploads.opened_archive(sent.archive) as (archive, most):
        images = list(zip(_names(sent), sent.images, strict=True))
        found = files_of(images, archive, limits, most=most, by_manifest=sent.manifest is not None)
        wanted = _wanted(sent, found)
        readers = found.readers | _uploads_of(wanted, limits)

        def take_in(batch_id: str) -> list[BatchItem]:
            intake = Intake(caller().tenant, batch_id, services().store, services().jobs, limits)
            return intake.items(wanted, intake.paintings(sent, wanted, context().uploads), readers)

        named = {one.image for one in wanted if isinstance(one.image, str)}
        return accept_batch(take_in, skipped=found.left_out if sent.manifest is None else found.besides(named))


@blueprint.get("")
@operation(Operation({200: BatchList}, scopes=ANY, query=TimePage))
def list_batches() -> Response:
    """List the batches that the key may read, newest first.

    A page may hold fewer than there is room for, even none, and not be the last: follow `next_cursor`.
    """
    tenant, kept = caller().tenant, services().batches
    shown, more = read_page(lambda before, limit: kept.recent(tenant, before=before, limit=limit))
    mine = [batch_document(batch) for batch in shown if caller().may(*_readers(batch))]
    return document(BatchList(batches=mine, next_cursor=more))


@blueprint.get("/<id:batch>")
@operation(Operation({200: BatchDocument}, scopes=ANY))
def get_batch(batch: str) -> Response:
    """Read how far a batch is.

    This and all that concerns a batch needs the scope that would start it, or `admin`.
    """
    return document(batch_document(_find(batch)))


@blueprint.post("/<id:batch>/pause")
@operation(Operation({200: BatchDocument}, scopes=ANY, problems=(409,)))
def pause_batch(batch: str) -> Response:
    """Begin no further item; those in work are finished."""
    return document(batch_document(services().batches.pause(_find(batch).tenant, batch)))


@blueprint.post("/<id:batch>/resume")
@operation(Operation({200: BatchDocument}, scopes=ANY, problems=(409,)))
def resume_batch(batch: str) -> Response:
    """Go on with a batch that was paused."""
    return document(batch_document(services().batches.resume(_find(batch).tenant, batch)))


@blueprint.post("/<id:batch>/cancel")
@operation(Operation({200: BatchDocument}, scopes=ANY, problems=(409,)))
def cancel_batch(batch: str) -> Response:
    """Do nothing further; what is done stays."""
    return document(batch_document(services().batches.cancel(_find(batch).tenant, batch)))


@blueprint.get("/<id:batch>/events")
@operation(Operation({200: EVENT_STREAM, 204: None}, scopes=ANY))
def stream_batch_events(batch: str) -> Response:
    """Follow a batch as server-sent events: `progress` when its counts change, and each change of its status.

    Every event has the counts; the last one is the outcome. A connection that broke is resumed with `Last-Event-ID`.
    """
    found, kept = _find(batch), services().batches
    return stream(
        Story(
            over=lambda: kept.get(found.tenant, found.id).status.finished,
            after=lambda last, wait: kept.events(found.id, last, block=wait),
        )
    )


@blueprint.get("/<id:batch>/items")
@operation(Operation({200: ItemList}, scopes=ANY, query=ItemPage))
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
@operation(Operation({200: JSON_LINES}, scopes=ANY))
def get_manifest(batch: str) -> Response:
    """What became of each item, a line of JSON per item."""
    found = _find(batch)
    return Response("".join(manifest(found, _items(found))), content_type=JSON_LINES)


@blueprint.get("/<id:batch>/results.zip")
@operation(Operation({200: ZIP}, scopes=PAINTING))
def get_results(batch: str) -> Response:
    """A ZIP of the pictures that are done, with a manifest of all items."""
    found = _find_pictures(batch)
    known = list(pictures(services().batches, found))  # before the answer begins: later an error could not be told
    headers = {"Content-Disposition": f'attachment; filename="{found.id}.zip"'}
    return Response(archive(services().store, found, known), content_type=ZIP, headers=headers)


@blueprint.get("/<id:batch>/images/<id:job>")
@operation(Operation({200: "image/*", 302: None}, scopes=PAINTING))
def get_batch_image(batch: str, job: str) -> Response:
    """The picture of an item, named by its job."""
    found = _find_pictures(batch)
    if not job.startswith(f"{found.id}-"):
        raise ObjectNotFound(f"{job} is no job of the batch")
    for key in services().store.keys(f"{IMAGES}{found.tenant}/{job}."):
        return stored(key, f"image/{key.rpartition('.')[2]}", name=key.rpartition("/")[2])
    raise ObjectNotFound(f"{job} has no picture")


def _find(batch: str) -> Batch:
    """Raises BatchNotFound; Forbidden when the key could not have started it and does not administer."""
    found = services().batches.get(caller().tenant, batch)
    caller().require(*_readers(found))
    return found


def _readers(batch: Batch) -> tuple[Scope, ...]:
    return SCOPES[batch.kind], Scope.ADMIN


def _find_pictures(batch: str) -> Batch:
    """Raises BatchNotFound, ObjectNotFound for a batch that paints nothing, Forbidden."""
    found = _find(batch)
    if found.kind is not BatchKind.STYLIZATION:
        raise ObjectNotFound(f"{batch} makes no pictures")
    return found


def _items(batch: Batch, start: int = 0) -> Iterable[ItemDocument]:
    return items(services().batches, batch, start=start, tell_lookalikes=caller().may(Scope.RECOGNISE))


def _names(sent: NewBatch) -> list[str]:
    """Of the files of a form, in their order; JSON names none."""
    files = (file for file in request.files.getlist("images") if file.filename or file.stream.tell())
    names = [file.filename or "image" for file in files]
    return names or [f"image-{number}" for number in range(1, len(sent.images) + 1)]


def _uploads_of(wanted: Iterable[Wanted], limits: LimitSettings) -> dict[str, Read]:
    """The uploads that a manifest names."""
    named = {one.image for one in wanted if isinstance(one.image, str) and one.image.startswith(REFERENCE)}
    return {reference: reader(reference, "image", limits.image_bytes) for reference in sorted(named)}


def _wanted(sent: NewBatch, found: SentFiles) -> list[Wanted]:
    if sent.manifest is not None:
        given = sent.model_dump(mode="json", include=set(StyleOptions.model_fields), exclude_unset=True)
        return read_manifest(sent.manifest, given, context().settings.limits)
    if not found.files:
        raise nothing_in(found.left_out, "picture")
    return wanted_of(file.name for file in found.files)
