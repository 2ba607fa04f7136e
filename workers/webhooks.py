"""Telling receivers what happened: occurrences become deliveries, deliveries become requests.

What waits lies in Redis (shared/webhooks/deliveries.py), so a worker that dies loses nothing: its attempt is made
again, and receivers know the message by its `webhook-id`. Receivers are slow, dead or hostile; none of them can hold
up more than his own few attempts.
"""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import structlog
from kombu.exceptions import OperationalError

from shared.errors import Unavailable, WebhookNotFound
from shared.outbox import Occurrence, Outbox, Reader
from shared.queue import Queue, Task, publisher
from shared.schemas import Attempt, Delivery, DeliveryState, Webhook
from shared.webhooks.deliveries import DeliveryStore, Settled, delivery_id
from shared.webhooks.messages import told
from shared.webhooks.settings import WebhookSettings
from shared.webhooks.signing import headers
from shared.webhooks.subscriptions import WebhookStore, signing_secrets
from shared.webhooks.targets import TargetPolicy
from workers.app import Handler
from workers.delivery import Reply, Sender
from workers.services import Services

log = structlog.get_logger("webhooks")

DISPATCH_EVERY_S = 0.5
PAGE = 50  # a photo of many people makes an occurrence of 0.4 MB
PAGES = 40  # of occurrences in one turn
JITTER = 0.2  # of a delay, so that what failed together is not tried again together
LONGEST_RETRY_AFTER_S = 3600.0
GONE = 410
BUSY = {429, 503}

PublishDue = Callable[[Iterable[str]], None]


class Dispatcher:
    """Makes deliveries of occurrences and sends those that are due to the queue. Two at once do no harm."""

    def __init__(self, outbox: Outbox, webhooks: WebhookStore, deliveries: DeliveryStore, publish: PublishDue) -> None:
        self._outbox = outbox
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._publish = publish

    def dispatch(self) -> None:
        try:
            for _ in range(PAGES):
                if not self._read_page():
                    break
            self._publish(self._deliveries.hand_out())
        except Unavailable as error:
            log.warning("dispatch", problem=str(error))  # the next turn is half a second away

    def _read_page(self) -> bool:
        """Whether there may be more."""
        page = self._outbox.read(Reader.WEBHOOKS, PAGE)
        receivers: dict[str, tuple[Webhook, ...]] = {}
        for occurrence in page:
            # Read after the page: a webhook that was there before the occurrence is there.
            if occurrence.tenant not in receivers:
                receivers[occurrence.tenant] = self._receivers(occurrence.tenant)
            self._fan_out(occurrence, receivers[occurrence.tenant])
        if page:
            self._outbox.done(Reader.WEBHOOKS, page[-1].id)
        return len(page) == PAGE

    def _receivers(self, tenant: str) -> tuple[Webhook, ...]:
        try:
            return self._webhooks.all(tenant)
        except ValueError:  # somebody damaged what says so; it must not keep all other tenants from being told
            log.error("unreadable webhooks", tenant=tenant)
            return ()

    def _fan_out(self, occurrence: Occurrence, receivers: Iterable[Webhook]) -> None:
        try:
            said = told(occurrence)
        except LookupError as error:  # of another version; it must not keep all that follow it from being told
            log.error("unreadable", occurrence=occurrence.id, kind=occurrence.kind, missing=str(error))
            return
        if said is None:
            return
        event, body = said
        for webhook in receivers:
            if webhook.wants(event):
                delivery = delivery_id(occurrence.id, webhook.id)
                if not self._deliveries.create(webhook, event, body, delivery=delivery):
                    log.warning("dropped", webhook=webhook.id, tenant=webhook.tenant, trace=occurrence.trace)


class Courier:
    """Makes one attempt of a delivery."""

    def __init__(
        self, settings: WebhookSettings, webhooks: WebhookStore, deliveries: DeliveryStore, sender: Sender,
        publish: PublishDue,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._sender = sender
        self._publish = publish

    def deliver(self, delivery: str) -> None:
        try:
            claimed = self._deliveries.claim(delivery)
            if claimed is not None:
                self._attempt(claimed)
        except Unavailable as error:
            log.warning("deliver", delivery=delivery, problem=str(error))  # its lease runs out, then it comes again

    def _attempt(self, delivery: Delivery) -> None:
        try:
            webhook = self._webhooks.get(delivery.tenant, delivery.webhook)
        except WebhookNotFound:
            self._deliveries.forget(delivery.webhook)
            return
        if not webhook.enabled:
            self._deliveries.discard(webhook.id)
            return
        began, clock = time.time(), time.monotonic()
        body = delivery.body.encode()
        signed = headers(signing_secrets(webhook, began), delivery.id, int(began), body)
        reply = self._sender.send(webhook.url, signed, body)
        made = Attempt(
            at=began,
            ms=round((time.monotonic() - clock) * 1000),
            status=reply.status,
            error=None if reply.ok else reply.error or f"The receiver answered {reply.status}.",
            excerpt=reply.excerpt or None if not reply.ok else None,
        )
        self._settle(webhook, delivery, reply, made)

    def _settle(self, webhook: Webhook, delivery: Delivery, reply: Reply, made: Attempt) -> None:
        outcome = self._outcome(delivery, reply)
        delay = self._delay(delivery.tries, reply) if outcome is DeliveryState.PENDING else 0
        settled = self._deliveries.settle(delivery, outcome, made, delay=delay)
        log.info(
            "delivery", delivery=delivery.id, webhook=webhook.id, tenant=webhook.tenant, type=delivery.event.value,
            state=outcome.value, tries=delivery.tries, status=made.status, error=made.error, ms=made.ms,
        )  # fmt: skip
        if settled is None:
            return
        self._publish(settled.due)
        if reason := self._reason_to_disable(reply, settled):
            with suppress(WebhookNotFound):  # deleted meanwhile
                self._webhooks.disable(webhook.tenant, webhook.id, reason)
            self._deliveries.discard(webhook.id)
            log.warning("disabled", webhook=webhook.id, tenant=webhook.tenant, reason=reason)

    def _outcome(self, delivery: Delivery, reply: Reply) -> DeliveryState:
        if reply.ok:
            return DeliveryState.DELIVERED
        if reply.status == GONE or delivery.tries > len(self._settings.retry_delays):
            return DeliveryState.FAILED
        return DeliveryState.PENDING

    def _delay(self, tries: int, reply: Reply) -> float:
        planned = self._settings.retry_delays[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)
        asked = reply.retry_after if reply.status in BUSY else None
        return max(planned, min(asked or 0.0, LONGEST_RETRY_AFTER_S))

    def _reason_to_disable(self, reply: Reply, settled: Settled) -> str | None:
        if reply.status == GONE:
            return "The receiver answered 410 Gone."
        if settled.exhausted >= self._settings.disable_after:
            return f"{settled.exhausted} deliveries in a row failed on every attempt."
        return None


def webhook_tasks(services: Services) -> Mapping[Task, Handler]:
    settings = services.settings.webhooks
    deliveries = DeliveryStore(services.redis, services.settings.redis.key_prefix, settings)
    webhooks = WebhookStore(services.store)
    send = publisher(services.celery)

    def publish(due: Iterable[str]) -> None:
        """What cannot be published now counts as lost after a while, and comes again."""
        with suppress(OperationalError):
            for delivery in due:
                send(Task.DELIVER, delivery, Queue.WEBHOOKS)

    dispatcher = Dispatcher(services.outbox, webhooks, deliveries, publish)
    courier = Courier(settings, webhooks, deliveries, Sender(settings, TargetPolicy(settings)), publish)
    return {Task.DISPATCH: lambda _: dispatcher.dispatch(), Task.DELIVER: courier.deliver}
