"""The webhooks worker when what it rests on fails, and what it must not load."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from redis import Redis

from shared.errors import StorageUnavailable
from shared.outbox import NewOccurrence, Outbox, Reader
from shared.schemas import DeliveryState, Webhook, WebhookEvent
from shared.storage.store import MemoryStore
from shared.webhooks.deliveries import DeliveryStore
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.subscriptions import WebhookStore
from shared.webhooks.targets import TargetPolicy
from tests.receivers import Receiver, receiving
from workers.delivery import Sender
from workers.webhooks import Courier, Dispatcher

PREFIX = "likeness:"
SETTINGS = WebhookSettings(allow_http=True, ports="1-65535", networks="127.0.0.0/8")
ERASED = NewOccurrence(tenant="acme", kind="person.erased", data={"gallery": "g", "uid": "u", "reason": "requested"})


class FailingStore(MemoryStore):
    """An object store that is away when it is told to be."""

    away = False

    def get(self, key: str) -> bytes:
        if self.away:
            raise StorageUnavailable("The object store cannot be reached.")
        return super().get(key)


@pytest.fixture
def store() -> FailingStore:
    return FailingStore()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def webhook(store: FailingStore, receiver: Receiver) -> Webhook:
    fields = {"url": receiver.url, "events": tuple(WebhookEvent)}
    return WebhookStore(store).create("acme", WebhookStore.new_id(), fields, most=5)


def dispatcher(redis: Redis, store: FailingStore, published: list[str]) -> Dispatcher:
    deliveries = DeliveryStore(redis, PREFIX, SETTINGS)
    return Dispatcher(Outbox(redis, PREFIX), WebhookStore(store), deliveries, published.extend)


def courier(redis: Redis, store: FailingStore) -> Courier:
    deliveries = DeliveryStore(redis, PREFIX, SETTINGS, lease_margin=0.3 - SETTINGS.timeout_seconds)
    return Courier(SETTINGS, WebhookStore(store), deliveries, Sender(SETTINGS, TargetPolicy(SETTINGS)), lambda _: None)


@pytest.mark.usefixtures("webhook")
def test_while_the_object_store_is_away_nothing_is_skipped(redis: Redis, store: FailingStore) -> None:
    outbox, published = Outbox(redis, PREFIX), list[str]()
    outbox.append(ERASED)
    store.away = True
    dispatcher(redis, store, published).dispatch()
    assert published == []
    assert len(outbox.read(Reader.WEBHOOKS)) == 1
    store.away = False
    dispatcher(redis, store, published).dispatch()
    assert len(published) == 1
    assert outbox.read(Reader.WEBHOOKS) == []


@pytest.mark.usefixtures("webhook")
def test_what_cannot_be_read_of_one_tenant_keeps_no_other_from_being_told(redis: Redis, store: FailingStore) -> None:
    store.put("webhooks/other.json", b"damaged")
    outbox, published = Outbox(redis, PREFIX), list[str]()
    outbox.append(ERASED.model_copy(update={"tenant": "other"}))
    outbox.append(ERASED)
    dispatcher(redis, store, published).dispatch()
    assert len(published) == 1
    assert outbox.read(Reader.WEBHOOKS) == []


def test_an_attempt_that_could_not_begin_is_made_later(
    redis: Redis, store: FailingStore, webhook: Webhook, receiver: Receiver
) -> None:
    published = list[str]()
    Outbox(redis, PREFIX).append(ERASED)
    dispatcher(redis, store, published).dispatch()
    (delivery,) = published
    store.away = True
    courier(redis, store).deliver(delivery)
    assert receiver.received == []
    store.away = False
    time.sleep(0.4)  # its lease
    dispatcher(redis, store, published).dispatch()
    assert published == [delivery] * 2
    courier(redis, store).deliver(delivery)
    assert len(receiver.received) == 1
    assert DeliveryStore(redis, PREFIX, SETTINGS).get(webhook, delivery).state is DeliveryState.DELIVERED


def test_without_redis_a_turn_and_a_message_end_quietly(store: FailingStore) -> None:
    nowhere = Redis.from_url("redis://127.0.0.1:1/0", decode_responses=True)
    dispatcher(nowhere, store, []).dispatch()
    courier(nowhere, store).deliver("d")


def test_neither_torch_nor_numpy_is_loaded() -> None:
    script = "import sys, workers.app, workers.services, workers.webhooks; print([m for m in ('torch', 'numpy', 'cv2') if m in sys.modules])"  # noqa: E501
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
