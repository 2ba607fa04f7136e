"""The webhooks worker in pieces, over a real Redis and a store in memory; receivers that do what a test says."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from redis import Redis

from shared.outbox import NewOccurrence, Outbox
from shared.schemas import Delivery, DeliveryState, Webhook, WebhookEvent
from shared.storage.store import MemoryStore
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.subscriptions import WebhookStore
from shared.webhooks.targets import TargetPolicy
from tests.receivers import Answer, Received
from workers.delivery import Sender
from workers.webhooks import Courier, Dispatcher

PREFIX = "likeness:"
TENANT = "acme"
SETTINGS = {
    "allow_http": True,
    "ports": "1-65535",
    "networks": "127.0.0.0/8",
    "timeout_seconds": 1,
    "retry_seconds": "0.01,0.02,0.03",
    "disable_after": 2,
    "concurrency": 2,
}


@dataclass
class World:
    """Dispatcher and courier of one process; what is published is done by `work`."""

    redis: Redis
    settings: WebhookSettings
    clock: Callable[[], float] = time.time
    patience: dict[str, float] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=MemoryStore)
    published: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.redis, PREFIX)
        self.webhooks = WebhookStore(self.store, self.clock)
        self.deliveries = DeliveryStore(self.redis, PREFIX, self.settings, **self.patience)
        sender = Sender(self.settings, TargetPolicy(self.settings))
        self.dispatcher = Dispatcher(self.outbox, self.webhooks, self.deliveries, self.publish)
        self.courier = Courier(self.settings, self.webhooks, self.deliveries, sender, self.publish)

    def publish(self, due: Iterable[str]) -> None:
        self.published.extend(due)

    def add(self, url: str, *events: WebhookEvent, tenant: str = TENANT) -> Webhook:
        return self.webhooks.create(
            tenant, WebhookStore.new_id(), {"url": url, "events": events or tuple(WebhookEvent)}, most=20
        )

    def happen(self, number: int = 0, tenant: str = TENANT) -> None:
        """A batch is finished."""
        data = {"batch": f"b{number}", "status": "succeeded", "total": 2, "done": 1, "failed": 1, "cancelled": 0}
        self.outbox.append(NewOccurrence(tenant=tenant, kind="batch.finished", data=data))

    def work(self) -> None:
        while self.published:
            self.courier.deliver(self.published.pop(0))

    def work_until(self, done: Callable[[], bool], seconds: float = 10) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until
            self.dispatcher.dispatch()
            self.work()
            time.sleep(0.005)

    def log(self, webhook: Webhook) -> list[Delivery]:
        return self.deliveries.recent(webhook, limit=1000)

    def states(self, webhook: Webhook) -> list[DeliveryState]:
        return [delivery.state for delivery in self.log(webhook)]


MakeWorld = Callable[..., World]


def failing(status: int = 500, **headers: str) -> Callable[[Received], Answer]:
    return lambda _: Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"broken")


def slow(seconds: float) -> Callable[[Received], Answer]:
    def respond(_: Received) -> Answer:
        time.sleep(seconds)
        return Answer()

    return respond
