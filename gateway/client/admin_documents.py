"""What the API answers about keys, webhooks and the audit log (see documents.py)."""

from typing import Any, NotRequired, TypedDict


class Key(TypedDict):
    id: str
    tenant: str
    name: str | None
    scopes: list[str]
    created_at: str
    expires_at: str | None


class NewKey(Key):
    """`token` is shown this once; a repeated answer does not have it."""

    token: NotRequired[str]


class WhoAmI(TypedDict):
    key: str
    tenant: str
    name: str | None
    scopes: list[str]
    expires_at: str | None


class Webhook(TypedDict):
    id: str
    url: str
    events: list[str]
    status: str
    created_at: str
    description: str | None
    disabled_reason: str | None
    dropped: int


class NewWebhook(Webhook):
    """`secret` (whsec_…) is shown this once, for `verify_webhook`; a repeated answer does not have it."""

    secret: NotRequired[str]


class Delivery(TypedDict):
    id: str
    event: str
    state: str
    created_at: str
    next_attempt_at: str | None
    attempts: list[dict[str, Any]]


class AuditEntry(TypedDict):
    """One link of the chain: `hash` covers the entry and `previous`."""

    id: str
    sequence: int
    at: str
    action: str
    actor: str | None
    request_id: str | None
    job: str | None
    gallery: str | None
    person: str | None
    device: str | None
    outcome: str | None
    reason: str | None
    policy: str | None
    decision: str | None
    details: dict[str, Any]
    previous: str
    hash: str


class AuditVerification(TypedDict):
    valid: bool
    entries: int
    head: str
    problems: list[dict[str, Any]]
