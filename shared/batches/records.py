"""Batches: many items, one ordinary job each, a few of them in the queue at a time.

    batches/{tenant}/{batch}/items.jsonl      what there is to do, a line per item; changed by an erasure only
    batches/{tenant}/{batch}/outcomes.jsonl   what became of it, when the batch is finished
    batches/{tenant}/{batch}/inputs/...       pictures that were sent with it, each until its item is done

How far a batch is lies in Redis (records.lua has each atomic step). An item's job has an id that follows from the
batch and the item's number, so whoever feeds a batch, and however often, an item is one job.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib.resources import files
from itertools import islice
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.batches.intakes import BatchIntakes
from shared.errors import BatchFinished, BatchNotFound, ObjectNotFound, QueueUnavailable
from shared.event_streams import entries_of
from shared.outbox import MOST_ENTRIES
from shared.schemas import (
    Batch,
    BatchEvent,
    BatchItem,
    BatchKind,
    BatchStatus,
    ItemOutcome,
    ItemStatus,
    Message,
    SkippedFile,
)
from shared.storage.store import ObjectStore, batch_folder

LEASE_MS = 10_000  # a feeder silent for so long has lost its batch
BLOCK_MS = 2000  # one blocking read; shorter than the client's socket timeout
MOST_SKIPPED = 100  # files that are listed with their reasons
PAGE = 500  # outcomes or records read from Redis at a time
COUNTERS = {ItemStatus.SUCCEEDED: "done", ItemStatus.FAILED: "failed", ItemStatus.CANCELLED: "cancelled"}
NOT_DONE = ItemOutcome(status=ItemStatus.CANCELLED)

Entry = tuple[BatchItem, ItemOutcome]


def job_id(batch_id: str, number: int, attempt: int = 0) -> str:
    """The id of an item's job; `attempt` counts the jobs that expired before a worker took them."""
    return f"{batch_id}-{number}" if attempt == 0 else f"{batch_id}-{number}-{attempt}"


def input_key(tenant: str, batch_id: str, name: str) -> str:
    """Where a picture lies that was sent with a batch."""
    return f"{batch_folder(tenant, batch_id)}inputs/{name}"


class BatchStore:
    """Every method raises QueueUnavailable or StorageUnavailable when Redis or the object store cannot be reached.

    Args:
        redis: where the state lies.
        prefix: of every key.
        store: where items and outcomes lie.
        retention_seconds: how long a finished batch can be read: as long as its pictures.
    """

    def __init__(self, redis: Redis, prefix: str, store: ObjectStore, *, retention_seconds: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._store = store
        self._retention = retention_seconds
        self.intakes = BatchIntakes(redis, prefix, store)
        self._script = redis.register_script(files("shared.batches").joinpath("records.lua").read_text())

    # --- the gateway's side ---

    def create(
        self,
        tenant: str,
        batch_id: str,
        items: Sequence[BatchItem],
        skipped: Sequence[SkippedFile] = (),
        *,
        actor: str = "",
        gallery: str | None = None,
    ) -> Batch:
        """Accept a batch: its items first, then its record. Its inputs are stored already.

        With a `gallery` its items are enrolments there, without one stylisations. `actor` is the key that asked,
        `skipped` are files that were sent and are no items: how many there are is kept, and the first of them.
        """
        self._store.put(self._items_key(tenant, batch_id), _lines(items), "application/jsonl")
        kind = ("kind", BatchKind.ENROLMENT.value, "gallery", gallery) if gallery else ()
        left = ("skipped_count", len(skipped), "skipped", _skipped(skipped[:MOST_SKIPPED])) if skipped else ()
        self._run(batch_id, "create", tenant, len(items), self._retention, "actor", actor, *kind, *left)
        return self.get(tenant, batch_id)

    def get(self, tenant: str, batch_id: str) -> Batch:
        """Raises BatchNotFound, also for another tenant's batch."""
        found = self._records([batch_id])
        if not found or found[0].tenant != tenant:
            raise _not_found(batch_id)
        return found[0]

    def recent(self, tenant: str, *, before: float | None = None, limit: int = 50) -> list[Batch]:
        """The tenant's batches, newest first, accepted before the time `before`."""
        latest = "+inf" if before is None else f"({before:.6f}"
        key = f"{self._prefix}batches:{tenant}"
        ids = self._call(lambda: self._redis.zrevrangebyscore(key, latest, "-inf", start=0, num=limit))
        return self._records(cast("list[str]", ids))

    def every(self, tenant: str) -> Iterator[Batch]:
        """All of the tenant's batches whose records are there, whatever became of those between them."""
        ids = self._call(lambda: self._redis.zrange(f"{self._prefix}batches:{tenant}", 0, -1))
        for start in range(0, len(ids), PAGE):
            yield from self._records(ids[start : start + PAGE])

    def pause(self, tenant: str, batch_id: str) -> Batch:
        """Hand out nothing further; what is in flight is finished. Raises BatchNotFound, BatchFinished."""
        return self._turn(tenant, batch_id, BatchStatus.PAUSED)

    def resume(self, tenant: str, batch_id: str) -> Batch:
        """Raises BatchNotFound, BatchFinished."""
        return self._turn(tenant, batch_id, BatchStatus.RUNNING)

    def cancel(self, tenant: str, batch_id: str) -> Batch:
        """Do nothing further: what is in flight is cancelled, what is finished stays.

        Raises:
            BatchNotFound, BatchFinished
        """
        return self._turn(tenant, batch_id, BatchStatus.CANCELLING)

    def entries(self, batch: Batch, *, start: int = 0) -> Iterator[tuple[int, Entry]]:
        """Number, item and what is known of it, in order, from the number `start` on."""
        lines = self.lines(batch)
        if batch.status.finished:
            texts = self._store.get(self._outcomes_key(batch)).splitlines()
            outcomes: Iterable[ItemOutcome] = map(ItemOutcome.model_validate_json, islice(texts, start, None))
        else:
            outcomes = self._unfinished_outcomes(batch, start)
        for number, outcome in enumerate(outcomes, start):
            yield number, (BatchItem.model_validate_json(lines[number]), outcome)

    def events(self, batch_id: str, after: str = "0", *, block: bool = True) -> list[BatchEvent]:
        """Events after the id `after`; waits up to two seconds for one when `block`. They are kept for a day."""
        key = f"{self._prefix}batch-events:{batch_id}"
        found = self._call(lambda: self._redis.xread({key: after}, block=BLOCK_MS if block else None))
        return [
            BatchEvent.model_validate({"id": entry_id, "event": data["event"], "data": json.loads(data["data"])})
            for entry_id, data in entries_of(found)
        ]

    def change_items(self, batch: Batch, change: Callable[[int, BatchItem], BatchItem]) -> None:
        """Write items anew, given their numbers: only an erasure does that. Raises ObjectNotFound."""

        def changed(data: bytes) -> bytes:
            items = map(BatchItem.model_validate_json, data.splitlines())
            return _lines(change(number, item) for number, item in enumerate(items))

        self._store.update(self._items_key(batch.tenant, batch.id), changed)
        self._run(batch.id, "revise")

    def change_outcomes(self, batch: Batch, change: Callable[[int, ItemOutcome], ItemOutcome]) -> None:
        """Write what became of items anew, given their numbers, wherever it is kept now."""
        key = f"{self._prefix}batch-outcomes:{batch.id}"
        for number, text in self._call(lambda: self._redis.hgetall(key)).items():
            former = ItemOutcome.model_validate_json(text)
            if (now := change(int(number), former)) != former:
                self._call(partial(self._redis.hset, key, number, _line(now)))

        def changed(data: bytes) -> bytes:
            outcomes = map(ItemOutcome.model_validate_json, data.splitlines())
            return _lines(change(number, outcome) for number, outcome in enumerate(outcomes))

        with suppress(ObjectNotFound):  # it is not finished
            self._store.update(self._outcomes_key(batch), changed)

    def change_skipped(self, batch: Batch, change: Callable[[SkippedFile], SkippedFile]) -> None:
        """Write anew which files were no items: only an erasure does that, and others may at the same time."""
        while True:
            latest = next(iter(self._records([batch.id])), None)
            if latest is None or (changed := tuple(map(change, latest.skipped))) == latest.skipped:
                return
            if self._run(batch.id, "skip", _skipped(latest.skipped), _skipped(changed)):
                return

    # --- the feeding side ---

    def unfinished(self) -> list[Batch]:
        """Those of all tenants, the oldest first."""
        ids = self._call(lambda: self._redis.zrange(f"{self._prefix}batches", 0, -1))
        return self._records(cast("list[str]", ids))

    @contextmanager
    def leased(self, batch: Batch) -> Iterator[bool]:
        """Whether this caller feeds the batch now. Two at once would do no harm, only the same work."""
        key = f"{self._prefix}batch-lease:{batch.id}"
        won = bool(self._call(lambda: self._redis.set(key, "1", nx=True, px=LEASE_MS)))
        try:
            yield won
        finally:
            if won:
                self._call(lambda: self._redis.delete(key))

    def lines(self, batch: Batch) -> list[bytes]:
        """Every item as it is written. `BatchItem.model_validate_json` reads one."""
        return self._store.get(self._items_key(batch.tenant, batch.id)).splitlines()

    def take(self, batch: Batch, most: int) -> int:
        """Hand out items until `most` are in flight; how many that were."""
        return int(self._run(batch.id, "take", most))

    def in_flight(self, batch: Batch) -> dict[int, int]:
        """Number of each item whose job should exist -> how often it had to be begun anew."""
        found = self._call(lambda: self._redis.hgetall(f"{self._prefix}batch-flight:{batch.id}"))
        return {int(number): int(attempt) for number, attempt in sorted(found.items(), key=lambda pair: int(pair[0]))}

    def again(self, batch: Batch, number: int, attempt: int) -> None:
        """Begin an item anew, whose job expired before a worker took it."""
        self._run(batch.id, "again", number, attempt)

    def settle(self, batch: Batch, outcomes: Mapping[int, ItemOutcome]) -> None:
        """Record what became of items; each counts once, however often this is called."""
        told = (
            (number, COUNTERS[outcome.status], int(outcome.warned), _line(outcome))
            for number, outcome in outcomes.items()
        )
        if outcomes:
            self._run(batch.id, "settle", *(part for one in told for part in one))

    def finish(self, batch: Batch) -> bool:
        """End a batch that has nothing left to do: its outcomes go to the object store first.

        Its inputs are deleted, those that no item used too. False when there is something left.
        """
        if not self._run(batch.id, "over"):
            return False
        known = self._outcomes(batch, range(batch.total))
        lines = _lines(known.get(number) or NOT_DONE for number in range(batch.total))
        self._store.put(self._outcomes_key(batch), lines, "application/jsonl")
        finished = bool(self._run(batch.id, "finish", self._retention))
        self._store.delete_prefix(input_key(batch.tenant, batch.id, ""))
        return finished

    def drop(self, batch: Batch) -> None:
        """Forget a batch whose items are gone."""
        self._run(batch.id, "drop", batch.tenant)

    def _unfinished_outcomes(self, batch: Batch, start: int) -> Iterator[ItemOutcome]:
        flight = self.in_flight(batch)
        for first in range(start, batch.total, PAGE):
            numbers = range(first, min(first + PAGE, batch.total))
            known = self._outcomes(batch, numbers)
            for number in numbers:
                status = ItemStatus.RUNNING if number in flight else ItemStatus.QUEUED
                yield known.get(number) or ItemOutcome(status=status)

    def _outcomes(self, batch: Batch, numbers: Sequence[int]) -> dict[int, ItemOutcome]:
        if not numbers:
            return {}
        names = [str(number) for number in numbers]
        found = self._call(lambda: self._redis.hmget(f"{self._prefix}batch-outcomes:{batch.id}", names))
        pairs = zip(numbers, cast("list[str | None]", found), strict=True)
        return {number: ItemOutcome.model_validate_json(text) for number, text in pairs if text}

    def _turn(self, tenant: str, batch_id: str, wanted: BatchStatus) -> Batch:
        outcome = self._run(batch_id, "turn", tenant, wanted.value)
        if outcome == "missing":
            raise _not_found(batch_id)
        batch = self.get(tenant, batch_id)
        if outcome == "over":
            raise BatchFinished(f"The batch is {batch.status.value}; that cannot be changed any more.")
        return batch

    def _records(self, ids: Sequence[str]) -> list[Batch]:
        """Those of these ids that there are."""

        def read() -> list[Any]:
            with self._redis.pipeline() as pipe:
                for batch_id in ids:
                    pipe.hgetall(f"{self._prefix}batch:{batch_id}")
                    pipe.hlen(f"{self._prefix}batch-flight:{batch_id}")
                return pipe.execute()

        found = self._call(read)
        return [_batch(record, running) for record, running in zip(found[::2], found[1::2], strict=True) if record]

    @staticmethod
    def _items_key(tenant: str, batch_id: str) -> str:
        return f"{batch_folder(tenant, batch_id)}items.jsonl"

    @staticmethod
    def _outcomes_key(batch: Batch) -> str:
        return f"{batch_folder(batch.tenant, batch.id)}outcomes.jsonl"

    def _run(self, batch_id: str, operation: str, *arguments: str | float) -> Any:
        return self._call(lambda: self._script(args=[self._prefix, operation, batch_id, MOST_ENTRIES, *arguments]))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"Batches cannot be reached ({type(error).__name__}).") from error


def _batch(record: Mapping[str, str], running: int) -> Batch:
    status = BatchStatus(record["state"])
    if status is BatchStatus.RUNNING and "started_at" not in record:
        status = BatchStatus.QUEUED
    known: dict[str, Any] = {name: record[name] for name in Batch.model_fields if name in record}
    known["skipped"] = json.loads(record.get("skipped", "[]"))
    return Batch.model_validate({**known, "status": status, "running": running}, strict=False)


def _skipped(files: Sequence[SkippedFile]) -> str:
    return json.dumps([file.model_dump() for file in files])


def _line(message: Message) -> str:
    return message.model_dump_json(exclude_none=True)


def _lines(messages: Iterable[Message]) -> bytes:
    """JSON lines."""
    return "".join(f"{_line(message)}\n" for message in messages).encode()


def _not_found(batch_id: str) -> BatchNotFound:
    return BatchNotFound(f"There is no batch {batch_id}, or it is kept no longer.")
