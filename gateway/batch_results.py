"""What is told of a batch: itself, its items, the manifest of its results, and a ZIP of them."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pydantic import Field
from zipstream import ZIP_STORED, ZipStream

from gateway.batch_input import untaken
from gateway.responses import Document, optional
from shared.batches import BatchStore, Entry
from shared.errors import ObjectNotFound
from shared.schemas import Batch, BatchStatus, ItemStatus, JobError, StylizedImage
from shared.storage import ObjectStore, image_key

MANIFEST = "manifest.jsonl"


class BatchCounts(Document):
    total: int
    queued: int = Field(description="not begun")
    running: int = Field(description="handed to the workers")
    done: int
    failed: int
    cancelled: int


class BatchLinks(Document):
    self: str
    items: str
    manifest: str
    results: str = Field(description="a ZIP of what is done so far")
    pause: str | None = optional("while it runs")
    resume: str | None = optional("while it is paused")
    cancel: str | None = optional("while it is not finished")


class BatchDocument(Document):
    id: str
    status: BatchStatus
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: BatchCounts
    eta_seconds: float | None = Field(description="estimated time to the end; null when nothing is known")
    links: BatchLinks


class BatchList(Document):
    batches: list[BatchDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


class ItemDocument(Document):
    number: int = Field(description="its place in the batch, from 0")
    custom_id: str
    name: str | None = Field(description="of the file that was sent")
    status: ItemStatus
    job: str | None = Field(description="the job that ended it; readable for a day")
    image: StylizedImage | None = Field(description="when it succeeded")
    error: JobError | None = Field(description="when it failed")


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
        eta_seconds=batch.eta_seconds,
        links=BatchLinks(
            self=url,
            items=f"{url}/items",
            manifest=f"{url}/manifest",
            results=f"{url}/results.zip",
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
        status=outcome.status,
        job=outcome.job,
        image=image,
        error=outcome.error,
    )


def items(batches: BatchStore, batch: Batch, *, start: int = 0) -> Iterator[ItemDocument]:
    return (item_document(batch, number, entry) for number, entry in batches.entries(batch, start=start))


def manifest(found: Iterable[ItemDocument]) -> Iterator[str]:
    """A line of JSON per item."""
    return (_line(item) for item in found)


def archive(store: ObjectStore, batch: Batch, found: Iterable[ItemDocument]) -> Iterator[bytes]:
    """A ZIP of the pictures and a manifest that names each one's file, made while it is sent.

    One picture at a time is in memory. One that is kept no longer is left out, and has no file in the manifest.
    """
    packed = ZipStream(compress_type=ZIP_STORED)  # pictures are compressed already
    lines = []
    taken: dict[str, int] = {}  # ids may differ in case only, which not every disk tells apart
    for item in found:
        file = None
        if item.image is not None and item.job is not None:
            file = f"{untaken(item.custom_id, taken)}.{PurePosixPath(item.image.media_type).name}"
            try:
                data = store.get(image_key(batch.tenant, item.job, item.image.media_type))
            except ObjectNotFound:
                file = None
            else:
                packed.add(data, file)
                yield from packed.all_files()
        lines.append(_line(item, file=file))
    packed.add("".join(lines).encode(), MANIFEST)
    yield from packed.finalize()


def _line(item: ItemDocument, **more: str | None) -> str:
    image = item.image
    said = {
        "custom_id": item.custom_id,
        "name": item.name,
        "status": item.status.value,
        "job": item.job,
        "url": image.url if image else None,
        "sha256": image.sha256 if image else None,
        "width": image.width if image else None,
        "height": image.height if image else None,
        "error": item.error.model_dump() if item.error else None,
        **more,
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
