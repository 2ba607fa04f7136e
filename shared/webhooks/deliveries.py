"""Deliveries of webhooks in Redis: written down once, attempted at least once, one attempt at a time.

Where they lie and each atomic step: deliveries.lua. The message of a delivery holds its id only and may be lost or come
twice, as a job's may (shared/jobs.py).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError

from shared.errors import DeliveryNotFound, QueueUnavailable
from shared.schemas import Attempt, Delivery, DeliveryState, Webhook, WebhookEvent
from shared.webhooks.settings import WebhookSettings

LOST_AFTER_S = 20.0  # a message that nobody took by then is sent again
LEASE_MARGIN_S = 15.0  # of a worker, over the longest attempt


@dataclass(frozen=True)
class Settled:
    """After an attempt: deliveries in a row that failed for good, and the deliveries to publish now."""

    exhausted: int
    due: tuple[str, ...]


def delivery_id(occurrence: str, webhook_id: str) -> str:
    """The same for the same, so that an occurrence that is read twice is told once."""
    return hashlib.sha256(f"{occurrence}:{webhook_id}".encode()).hexdigest()[:32]


class DeliveryStore:
    """Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        settings: WebhookSettings,
        *,
        lost_after: float = LOST_AFTER_S,
        lease_margin: float = LEASE_MARGIN_S,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._settings = settings
        self._lost_after = lost_after
        self._lease = settings.timeout_seconds + lease_margin
        self._script = redis.register_script(files("shared.webhooks").joinpath("deliveries.lua").read_text())

    def create(self, webhook: Webhook, event: WebhookEvent, body: str, *, delivery: str) -> bool:
        """Write a delivery down, to be attempted at once; whether it is kept.

        A second time changes nothing. It is dropped, and counted, when too many of the webhook wait.
        """
        fields = ("tenant", webhook.tenant, "event", event.value, "body", body)
        return bool(self._run("create", delivery, webhook.id, self._settings.waiting, *fields) != "dropped")

    def get(self, webhook: Webhook, delivery: str) -> Delivery:
        """Raises DeliveryNotFound."""
        found = self._records([delivery])
        if not found or found[0].webhook != webhook.id:
            raise DeliveryNotFound(f"There is no delivery {delivery} of this webhook, or it is kept no longer.")
        return found[0]

    def recent(self, webhook: Webhook, *, before: float | None = None, limit: int = 50) -> list[Delivery]:
        """Newest first, made before the time `before`."""
        latest = "+inf" if before is None else f"({before:.6f}"
        key = self._key("deliveries", webhook.id)
        ids = self._call(lambda: self._redis.zrevrangebyscore(key, latest, "-inf", start=0, num=limit))
        return self._records(cast("list[str]", ids))

    def dropped(self, webhook: Webhook) -> int:
        """How many were never kept, because too many waited."""
        return int(self._call(lambda: self._redis.hget(self._key("webhook-state", webhook.id), "dropped")) or 0)

    def retry(self, webhook: Webhook, delivery: str) -> Delivery:
        """Attempt a delivery at once, with every retry ahead of it again, whatever became of it.

        Raises:
            DeliveryNotFound
        """
        self.get(webhook, delivery)
        self._run("retry", delivery, webhook.id)
        return self.get(webhook, delivery)

    # --- the worker's side ---

    def hand_out(self) -> list[str]:
        """The deliveries to publish now, of every webhook its share."""
        return cast("list[str]", self._run("hand_out", self._settings.concurrency, self._lost_after))

    def claim(self, delivery: str) -> Delivery | None:
        """Take a delivery that was handed out; None when it is taken or over, which is no fault of the message."""
        pairs = cast("list[str]", self._run("claim", delivery, self._lease))
        return _delivery(dict(zip(pairs[::2], pairs[1::2], strict=True)), []) if pairs else None

    def settle(
        self, delivery: Delivery, outcome: DeliveryState, attempt: Attempt, *, delay: float = 0
    ) -> Settled | None:
        """Record an attempt; None when the delivery is no longer this worker's.

        `delay`: seconds until the next attempt of one that is still pending.
        """
        found = self._run(
            "settle", delivery.id, delivery.token, outcome.value, delay, attempt.model_dump_json(exclude_none=True),
            self._settings.concurrency, self._lost_after, *self._log(),
        )  # fmt: skip
        return Settled(int(found[0]), tuple(found[1:])) if found else None

    def discard(self, webhook_id: str) -> int:
        """Cancel what waits of a webhook that is disabled; how many that were."""
        discarded = 0
        while found := int(self._run("discard", webhook_id, *self._log())):
            discarded += found
        return discarded

    def forget(self, webhook_id: str) -> None:
        """Remove everything of a webhook that is deleted."""
        self._run("forget", webhook_id)

    def _log(self) -> tuple[int, int]:
        return self._settings.log_entries, self._settings.log_seconds

    def _records(self, ids: Sequence[str]) -> list[Delivery]:
        """Those of these ids that are kept."""

        def read() -> list[Any]:
            with self._redis.pipeline() as pipe:
                for one in ids:
                    pipe.hgetall(self._key("delivery", one))
                    pipe.lrange(self._key("delivery-attempts", one), 0, -1)
                return pipe.execute()

        found = self._call(read)
        pairs = zip(found[::2], found[1::2], strict=True)
        return [_delivery(record, attempts) for record, attempts in pairs if record]

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _run(self, operation: str, *arguments: str | float) -> Any:
        return self._call(lambda: self._script(args=[self._prefix, operation, *arguments]))

    def _call(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except RedisError as error:
            raise QueueUnavailable(f"Deliveries cannot be reached ({type(error).__name__}).") from error


def _delivery(record: dict[str, str], attempts: Sequence[str]) -> Delivery:
    known = {name: record[name] for name in Delivery.model_fields if name in record}
    made = [Attempt.model_validate_json(text) for text in attempts]
    return Delivery.model_validate({**known, "attempts": made}, strict=False)
