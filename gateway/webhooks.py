"""`/v1/webhooks`: where a tenant wants to hear of what, and what became of telling him (Standard Webhooks)."""

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import BeforeValidator, Field

from gateway.auth import Scope
from gateway.context import caller, context, services
from gateway.telling import tell
from gateway.web.bodies import TEXTS, Body, read_body, read_query
from gateway.web.operations import Operation, operation
from gateway.web.paging import IdPage, TimePage, page_of, read_page
from gateway.web.responses import Document, document, optional
from shared.errors import InvalidField, QueueFull, WebhookDisabled
from shared.schemas import Delivery, DeliveryState, Webhook, WebhookEvent, WebhookStatus
from shared.schemas.texts import Description
from shared.webhooks.messages import message
from shared.webhooks.subscriptions import WebhookStore
from shared.webhooks.targets import MOST_CHARACTERS, TargetPolicy

blueprint = APIBlueprint("webhooks", __name__, url_prefix="/v1/webhooks")

Url = Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]


def _listed(value: Any) -> Any:
    """One where a list may be; null stays null."""
    match value:
        case str():
            return (value,)
        case list():
            return tuple(value)
        case _:
            return value


Events = Annotated[tuple[WebhookEvent, ...], Field(min_length=1, max_length=50), BeforeValidator(_listed), TEXTS]


class NewWebhook(Body):
    url: Url = Field(
        description="https://, to a public address; redirects are not followed",
        examples=["https://example.com/likeness"],
    )
    events: Events = Field(tuple(WebhookEvent), description="what to tell; left out: everything")
    description: Description | None = Field(
        None, description="for yourself: text of 1 to 256 characters, not only blanks"
    )


class WebhookChanges(Body):
    """What is left out stays as it is."""

    url: Url | None = Field(None, description="where to send from now on")
    events: Events | None = Field(None, description="what to tell from now on")
    description: Description | None = Field(
        None, description="text of 1 to 256 characters, not only blanks; null removes it"
    )
    status: WebhookStatus | None = Field(None, description="enabled begins anew with a webhook that was disabled")

    def fields(self) -> dict[str, Any]:
        """Those that were sent.

        Raises:
            InvalidField: one is null that cannot be.
        """
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        for name, value in sent.items():
            if value is None and name != "description":
                raise InvalidField(f"`{name}` must not be null: leave it out to keep it as it is.")
        return sent


class WebhookDocument(Document):
    id: str
    url: str
    events: list[WebhookEvent]
    description: str | None
    status: WebhookStatus
    disabled_reason: str | None = Field(description="why it was disabled, unless you did it")
    created_at: datetime
    dropped: int = Field(description="deliveries that were not kept, because too many waited")
    secret: str | None = optional("`whsec_…`: signs what is sent; shown this once")


class WebhookList(Document):
    webhooks: list[WebhookDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


class AttemptDocument(Document):
    at: datetime
    ms: int = Field(description="how long it took")
    status: int | None = Field(description="what the receiver answered; null: it did not")
    error: str | None = Field(description="why it does not count as delivered")
    excerpt: str | None = Field(description="the beginning of an answer that was no success")


class DeliveryDocument(Document):
    id: str = Field(description="the `webhook-id` of every attempt")
    event: WebhookEvent
    state: DeliveryState
    created_at: datetime
    next_attempt_at: datetime | None
    attempts: list[AttemptDocument] = Field(description="the last 20")


class DeliveryList(Document):
    deliveries: list[DeliveryDocument]
    next_cursor: str | None = Field(None, description="null on the last page")


@blueprint.post("")
@operation(Operation({201: WebhookDocument}, scope=Scope.ADMIN, body=NewWebhook, problems=(409,)))
def create_webhook() -> Response:
    """Ask to be told what happens.

    The answer has the secret that verifies what is sent; it cannot be read again.
    """
    sent = read_body(NewWebhook)
    fields = {"url": _admitted(sent.url), "events": _events(sent.events), "description": sent.description}
    tenant, webhook, most = caller().tenant, _store().new_id(), context().settings.webhooks.per_tenant
    _store().require_room(tenant, most)
    tell("webhook.created", id=webhook)
    made = _store().create(tenant, webhook, fields, most=most)
    return document(_view(made, secret=True), 201, headers={"Location": f"/v1/webhooks/{made.id}"})


@blueprint.get("")
@operation(Operation({200: WebhookList}, scope=Scope.ADMIN, query=IdPage))
def list_webhooks() -> Response:
    """List the webhooks, the oldest first."""
    shown, more = page_of(_store().all(caller().tenant), read_query(IdPage), lambda webhook: webhook.id)
    return document(WebhookList(webhooks=[_view(webhook) for webhook in shown], next_cursor=more))


@blueprint.get("/<id:webhook>")
@operation(Operation({200: WebhookDocument}, scope=Scope.ADMIN))
def get_webhook(webhook: str) -> Response:
    """Read a webhook."""
    return document(_view(_find(webhook)))


@blueprint.patch("/<id:webhook>")
@operation(Operation({200: WebhookDocument}, scope=Scope.ADMIN, body=WebhookChanges))
def change_webhook(webhook: str) -> Response:
    """Change a webhook, disable it or enable it again; what waited when it was disabled is not sent later."""
    fields = read_body(WebhookChanges).fields()
    if "url" in fields:
        fields["url"] = _admitted(fields["url"])
    if "events" in fields:
        fields["events"] = _events(fields["events"])
    tell("webhook.changed", id=_find(webhook).id, fields=sorted(fields))
    changed = _store().change(caller().tenant, webhook, fields)
    if fields.get("status") is WebhookStatus.DISABLED:
        services().deliveries.discard(changed.id)
    return document(_view(changed))


@blueprint.delete("/<id:webhook>")
@operation(Operation({204: None}, scope=Scope.ADMIN))
def delete_webhook(webhook: str) -> Response:
    """Delete a webhook with its deliveries."""
    tell("webhook.deleted", id=_find(webhook).id)
    _store().delete(caller().tenant, webhook)
    services().deliveries.forget(webhook)
    return Response(status=204)


@blueprint.post("/<id:webhook>/rotate-secret")
@operation(Operation({200: WebhookDocument}, scope=Scope.ADMIN))
def rotate_webhook_secret(webhook: str) -> Response:
    """Replace the secret; for 24 hours both sign, so that receivers can change over."""
    tell("webhook.rotated", id=_find(webhook).id)
    return document(_view(_store().rotate(caller().tenant, webhook), secret=True))


@blueprint.post("/<id:webhook>/ping")
@operation(Operation({202: DeliveryDocument}, scope=Scope.ADMIN, problems=(409,)))
def ping_webhook(webhook: str) -> Response:
    """Send a `webhook.ping`, to see whether it arrives."""
    found = _enabled(webhook)
    body = message(WebhookEvent.PING, time.time(), {"id": found.id})
    made = secrets.token_hex(16)
    if not services().deliveries.create(found, WebhookEvent.PING, body, delivery=made):
        raise QueueFull("Too many deliveries of this webhook wait already: see why its receiver fails.")
    return document(_delivery(services().deliveries.get(found, made)), 202)


@blueprint.get("/<id:webhook>/deliveries")
@operation(Operation({200: DeliveryList}, scope=Scope.ADMIN, query=TimePage))
def list_deliveries(webhook: str) -> Response:
    """List what was sent or is to be sent, newest first, each with its attempts."""
    found, kept = _find(webhook), services().deliveries
    shown, more = read_page(lambda before, limit: kept.recent(found, before=before, limit=limit))
    return document(DeliveryList(deliveries=[_delivery(one) for one in shown], next_cursor=more))


@blueprint.post("/<id:webhook>/deliveries/<id:delivery>/retry")
@operation(Operation({202: DeliveryDocument}, scope=Scope.ADMIN, problems=(409,)))
def retry_delivery(webhook: str, delivery: str) -> Response:
    """Send a delivery again, at once, whatever became of it; its `webhook-id` stays."""
    found = services().deliveries.retry(_enabled(webhook), delivery)
    return document(_delivery(found), 202)


def _store() -> WebhookStore:
    return services().webhooks


def _find(webhook: str) -> Webhook:
    return services().webhooks.get(caller().tenant, webhook)


def _enabled(webhook: str) -> Webhook:
    found = _find(webhook)
    if not found.enabled:
        raise WebhookDisabled("The webhook is disabled: enable it first, by PATCH with `status` enabled.")
    return found


def _admitted(url: str) -> str:
    """The URL as it is kept, when we may go there. Raises InvalidField, ForbiddenTarget."""
    policy = TargetPolicy(context().settings.webhooks)
    target = policy.read(url)
    policy.addresses(target.host, target.port)
    return target.url


def _events(sent: tuple[WebhookEvent, ...]) -> tuple[WebhookEvent, ...]:
    """Each once, in their order."""
    return tuple(dict.fromkeys(sent))


def _view(webhook: Webhook, *, secret: bool = False) -> WebhookDocument:
    return WebhookDocument(
        **webhook.model_dump(include={"id", "url", "events", "description", "status", "disabled_reason"}),
        created_at=_time(webhook.created_at),
        dropped=services().deliveries.dropped(webhook),
        secret=webhook.secrets[0].text if secret else None,
    )


def _delivery(delivery: Delivery) -> DeliveryDocument:
    return DeliveryDocument(
        **delivery.model_dump(include={"id", "event", "state"}),
        created_at=_time(delivery.created_at),
        next_attempt_at=_time(delivery.next_attempt_at) if delivery.next_attempt_at else None,
        attempts=[
            AttemptDocument(**{**attempt.model_dump(), "at": _time(attempt.at)}) for attempt in delivery.attempts
        ],
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
