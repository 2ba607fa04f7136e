"""Webhooks: where a tenant wants to hear of what, and what became of telling him."""

from enum import StrEnum

from pydantic import Field

from shared.schemas.base import Message


class WebhookEvent(StrEnum):
    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    JOB_EXPIRED = "job.expired"
    BATCH_FINISHED = "batch.finished"
    PERSON_ERASED = "person.erased"
    PING = "webhook.ping"  # only when it is asked for; goes to every webhook


class WebhookStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class WebhookSecret(Message):
    text: str = Field(repr=False, description="`whsec_` and base64 of the key")
    until: float | None = Field(None, description="signs until then beside its successor; None: the present one")


class Webhook(Message):
    """As the object store keeps it; times are UTC seconds since 1970."""

    id: str
    tenant: str
    url: str
    events: tuple[WebhookEvent, ...]
    description: str | None = None
    status: WebhookStatus = WebhookStatus.ENABLED
    disabled_reason: str | None = None
    created_at: float
    secrets: tuple[WebhookSecret, ...] = Field(description="the present one first")

    @property
    def enabled(self) -> bool:
        return self.status is WebhookStatus.ENABLED

    def wants(self, event: WebhookEvent) -> bool:
        return self.enabled and event in self.events


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # on every attempt
    CANCELLED = "cancelled"  # its webhook was disabled before it came through

    @property
    def finished(self) -> bool:
        return self is not DeliveryState.PENDING


class Attempt(Message):
    """One request to a receiver."""

    at: float
    ms: int = Field(description="how long it took")
    status: int | None = Field(None, description="what the receiver answered; null: it did not")
    error: str | None = Field(None, description="why it does not count as delivered")
    excerpt: str | None = Field(None, description="the beginning of an answer that was no success")


class Delivery(Message):
    """One event for one webhook, as Redis keeps it; its id is the `webhook-id` of every attempt."""

    id: str
    tenant: str
    webhook: str
    event: WebhookEvent
    body: str
    state: DeliveryState
    created_at: float
    next_attempt_at: float | None = None
    finished_at: float | None = None
    tries: int = Field(0, description="attempts since it was made, or since somebody asked for it again")
    token: int = 0
    attempts: tuple[Attempt, ...] = ()
