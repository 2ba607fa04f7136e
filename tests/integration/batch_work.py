"""Items of batches, and a worker for them."""

from typing import cast

from redis import Redis

from shared.batches.records import BatchStore, input_key
from shared.images import ImageFormat
from shared.jobs import JobStore
from shared.queue import Queue
from shared.schemas import (
    Batch,
    BatchItem,
    ItemOutcome,
    ItemStatus,
    JobError,
    Model,
    StyleInput,
    StyleMode,
    StylizationPayload,
    StylizationResult,
    StylizedImage,
)
from shared.settings import JobSettings
from workers.feeding import Feeder

PREFIX = "likeness:"
BATCH = "b" * 32
MODEL = Model(name="m", digest="d")
CORRUPT = JobError(code="corrupt_image", detail="damaged")
DONE = ItemOutcome(status=ItemStatus.SUCCEEDED, job="j")


def item(number: int, *, owns_input: bool = True) -> BatchItem:
    payload = StylizationPayload(
        content_key=input_key("acme", BATCH, str(number)),
        styles=(StyleInput(key="styles/library/poppies.jpg"),),
        mode=StyleMode.FAST,
        size=64,
        format=ImageFormat.JPEG,
    )
    return BatchItem(custom_id=f"p{number}", payload=payload, owns_input=owns_input)


def result() -> StylizationResult:
    image = StylizedImage(url="", media_type="image/jpeg", width=8, height=8, bytes=3, sha256="ab" * 32)
    return StylizationResult(image=image, mode=StyleMode.FAST, seconds=0.5)


def make_jobs(redis: Redis, **settings: float) -> JobStore:
    return JobStore(redis, PREFIX, JobSettings.model_validate(settings), lambda _task, _job, _queue: None)


def waiting(redis: Redis, queue: Queue = Queue.STYLE_BULK) -> list[str]:
    return sorted(cast("list[str]", redis.zrange(f"{PREFIX}queued:{queue.value}", 0, -1)))


def work(jobs: JobStore, redis: Redis, *, spoil: str = "-") -> list[str]:
    """Do everything that waits, as a worker would; jobs whose id ends in `spoil` fail."""
    taken = waiting(redis)
    for one in taken:
        job = jobs.claim(one)
        assert job is not None
        if one.endswith(spoil):
            jobs.fail(job, CORRUPT)
        else:
            jobs.succeed(job, result(), MODEL)
    return taken


def work_off(batches: BatchStore, jobs: JobStore, redis: Redis, feeder: Feeder) -> Batch:
    for _ in range(100):
        feeder.feed()
        work(jobs, redis)
        if (batch := batches.get("acme", BATCH)).status.finished:
            return batch
    raise AssertionError("not finished")
