"""What is told of a batch: itself, its items, the manifest of its results, and a ZIP of them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pydantic import Field
from zipstream import ZIP_STORED, ZipStream

from gateway.batches.files import untaken
from gateway.web.responses import Document, optional
from shared.batches.records import BatchStore, Entry
from shared.errors import ObjectNotFound
from shared.schemas import (
    Batch,
    BatchKind,
    BatchStatus,
    FaceWarning,
    ItemEnrolment,
    ItemOutcome,
    ItemStatus,
    JobError,
    SkippedFile,
    StylizedImage,
)
from shared.storage.store import ObjectStore, image_key

MANIFEST = "manifest.jsonl"


class BatchCounts(Document):
    total: int
    queued: int = Field(description="not begun")
    running: int = Field(description="handed to the workers")
    done: int = Field(description="painted, or enrolled")
    failed: int
    cancelled: int


class BatchLinks(Document):
    self: str
    events: str
    items: str
    manifest: str
    results: str | None = optional("of pictures: a ZIP of what is done so far")
    pause: str | None = optional("while it runs")
    resume: str | None = optional("while it is paused")
    cancel: str | None = optional("while it is not finished")


class BatchDocument(Document):
    id: str
    kind: BatchKind
    gallery: str | None = optional("of enrolments")
    status: BatchStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: BatchCounts
    warnings: int = Field(description="items with warnings, whatever became of them")
    skipped_count: int = Field(description="files that were sent and are no items")
    skipped: list[SkippedFile] = Field(description="the first hundred of them, pictures first, each with its reason")
    eta_seconds: float | None = Field(description="estimated time to the end; null when nothing is known")
    links: BatchLinks


class BatchList(Document):
    batches: list[BatchDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


class ItemDocument(Document):
    number: int = Field(description="its place in the batch, from 0")
    custom_id: str
    name: str | None = Field(description="of the file that was sent")
    person: str | None = optional("who was to be enrolled")
    status: ItemStatus
    job: str | None = Field(description="the job that ended it; readable for a day")
    image: StylizedImage | None = Field(description="of a stylisation that succeeded")
    enrolment: ItemEnrolment | None = optional("what came of a photo that a worker looked at, enrolled or not")
    warnings: tuple[FaceWarning, ...] | None = optional("of an enrolment, such as a face like somebody else's")
    error: JobError | None = Field(description="when it failed; the code of a photo that was refused is its verdict")


class ItemList(Document):
    items: list[ItemDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


def batch_url(batch_id: str) -> str:
    return f"/v1/batches/{batch_id}"


def batch_document(batch: Batch) -> BatchDocument:
    url, finished = batch_url(batch.id), batch.status.finished
    moves = batch.status in {BatchStatus.QUEUED, BatchStatus.RUNNING}
    return BatchDocument(
        id=batch.id,
        kind=batch.kind,
        gallery=batch.gallery,
        status=batch.status,
        created_at=_time(batch.created_at),
        started_at=_time(batch.started_at) if batch.started_at else None,
        finished_at=_time(batch.finished_at) if batch.finished_at else None,
        counts=BatchCounts(
            total=batch.total,
            queued=batch.queued,
            running=batch.running,
            done=batch.done,
            failed=batch.failed,
            cancelled=batch.cancelled,
        ),
        warnings=batch.warned,
        skipped_count=batch.skipped_count,
        skipped=list(batch.skipped),
        eta_seconds=batch.eta_seconds,
        links=BatchLinks(
            self=url,
            events=f"{url}/events",
            items=f"{url}/items",
            manifest=f"{url}/manifest",
            results=f"{url}/results.zip" if batch.kind is BatchKind.STYLIZATION else None,
            pause=f"{url}/pause" if moves else None,
            resume=f"{url}/resume" if batch.status is BatchStatus.PAUSED else None,
            cancel=None if finished or batch.status is BatchStatus.CANCELLING else f"{url}/cancel",
        ),
    )


def item_document(batch: Batch, number: int, entry: Entry) -> ItemDocument:
    item, outcome = entry
    image = outcome.image
    if image is not None:
        image = image.model_copy(update={"url": f"{batch_url(batch.id)}/images/{outcome.job}"})
    return ItemDocument(
        number=number,
        custom_id=item.custom_id,
        name=item.name,
        person=item.person,
        status=outcome.status,
        job=outcome.job,
        image=image,
        enrolment=outcome.enrolment,
        warnings=outcome.enrolment.warnings if outcome.enrolment else None,
        error=outcome.error,
    )


def items(
    batches: BatchStore, batch: Batch, *, start: int = 0, tell_lookalikes: bool = False
) -> Iterator[ItemDocument]:
    """From a number on. Whom an enrolled face resembles is for keys that could find that out by a recognition."""
    for number, (item, outcome) in batches.entries(batch, start=start):
        yield item_document(batch, number, (item, outcome if tell_lookalikes else _discreet(outcome)))


def pictures(batches: BatchStore, batch: Batch) -> Iterator[tuple[ItemDocument, str]]:
    """Every item of a batch of pictures, and the path that its picture should have among the results."""
    for number, (item, outcome) in batches.entries(batch):
        yield item_document(batch, number, (item, outcome)), _beside_manifest(item.output or item.custom_id)


def _beside_manifest(path: str) -> str:
    """A folder may be called what the manifest is called; both would have one name on a disk."""
    return f"_{path}" if path.casefold().startswith(f"{MANIFEST}/") else path


def _discreet(outcome: ItemOutcome) -> ItemOutcome:
    told = outcome.enrolment
    if told is None:
        return outcome
    warnings = tuple(warning.model_copy(update={"person": None}) for warning in told.warnings)
    return outcome.model_copy(update={"enrolment": told.model_copy(update={"warnings": warnings})})


def manifest(batch: Batch, found: Iterable[ItemDocument]) -> Iterator[str]:
    """A line of JSON per item, then one for each file that was skipped and is listed."""
    yield from (_line(batch.kind, item) for item in found)
    yield from (_line_of_skipped(batch.kind, file) for file in batch.skipped)


def archive(store: ObjectStore, batch: Batch, found: Sequence[tuple[ItemDocument, str]]) -> Iterator[bytes]:
    """A ZIP of the pictures and a manifest that names each one's file, made while it is sent.

    One picture at a time is in memory. One that is kept no longer is left out, and has no file in the manifest.
    """
    packed = ZipStream(compress_type=ZIP_STORED)  # pictures are compressed already
    lines = []
    taken = _taken(path for _, path in found)
    for item, path in found:
        file = None
        if item.image is not None and item.job is not None:
            file = f"{untaken(path, taken)}.{PurePosixPath(item.image.media_type).name}"
            try:
                data = store.get(image_key(batch.tenant, item.job, item.image.media_type))
            except ObjectNotFound:
                file = None
            else:
                packed.add(data, file)
                yield from packed.all_files()
        lines.append(_line(batch.kind, item, file=file))
    lines += (_line_of_skipped(batch.kind, skipped, file=None) for skipped in batch.skipped)
    packed.add("".join(lines).encode(), MANIFEST)
    yield from packed.finalize()


def _taken(paths: Iterable[str]) -> dict[str, int]:
    """Those of folders, for `untaken`, also of one that is named like a picture: no picture may have its name.

    Names may differ in case only, which not every disk tells apart.
    """
    folders = {folder for path in paths for folder in PurePosixPath(path).parents}
    return {str(name).casefold(): 2 for folder in folders if folder.name for name in (folder, folder.with_suffix(""))}


def _line(kind: BatchKind, item: ItemDocument, **more: str | None) -> str:
    said = {
        "custom_id": item.custom_id,
        "name": item.name,
        "status": item.status.value,
        "job": item.job,
        **(_enrolled(item.person, item.enrolment) if kind is BatchKind.ENROLMENT else _painted(item.image)),
        "error": item.error.model_dump() if item.error else None,
        **more,
    }
    return _json_line(said)


def _line_of_skipped(kind: BatchKind, skipped: SkippedFile, **more: str | None) -> str:
    """With the members of every line."""
    said = {
        "custom_id": None,
        "name": skipped.name,
        "status": "skipped",
        "job": None,
        **(_enrolled(None, None) if kind is BatchKind.ENROLMENT else _painted(None)),
        "error": {"code": "skipped", "detail": f"The file {skipped.reason}."},
        **more,
    }
    return _json_line(said)


def _json_line(said: Mapping[str, object]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"


def _painted(image: StylizedImage | None) -> dict[str, object]:
    return {
        "url": image.url if image else None,
        "sha256": image.sha256 if image else None,
        "width": image.width if image else None,
        "height": image.height if image else None,
    }


def _enrolled(person: str | None, told: ItemEnrolment | None) -> dict[str, object]:
    return {
        "person": person,
        "verdict": told.verdict.value if told else None,
        "face": told.face if told else None,
        "warnings": [warning.model_dump(include={"code", "person"}) for warning in told.warnings] if told else [],
    }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
