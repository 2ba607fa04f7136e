"""The webhooks of each tenant, in the object store.

    webhooks/{tenant}.json      all of them, so that one conditional write keeps their number and their secrets right

Secrets lie there in clear text: whoever signs needs the key itself, not its hash. They are shown when they are made
and never again.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import ObjectNotFound, TooManyWebhooks, WebhookNotFound
from shared.schemas import Message, Webhook, WebhookSecret, WebhookStatus
from shared.storage.store import ObjectStore
from shared.webhooks.signing import new_secret

FOLDER = "webhooks/"
OVERLAP_S = 24 * 3600  # a secret that was replaced goes on signing for so long
MOST_SECRETS = 4  # of one webhook, however often its secret is replaced


class WebhookBook(Message):
    """A tenant's webhooks, the oldest first."""

    webhooks: tuple[Webhook, ...] = ()


class WebhookStore:
    """Every method raises StorageUnavailable when the object store cannot be reached."""

    def __init__(self, store: ObjectStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    @staticmethod
    def new_id() -> str:
        return secrets.token_hex(12)

    def require_room(self, tenant: str, most: int) -> None:
        """Raises TooManyWebhooks when the tenant has `most` of them."""
        _require_room(self.all(tenant), most)

    def create(self, tenant: str, webhook: str, fields: Mapping[str, Any], *, most: int) -> Webhook:
        """A new webhook with this id and a secret. `fields`: url, events, description.

        Raises:
            TooManyWebhooks: the tenant has `most` of them.
        """
        made = Webhook(
            id=webhook,
            tenant=tenant,
            created_at=self._clock(),
            secrets=(WebhookSecret(text=new_secret()),),
            **fields,
        )

        def add(found: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
            _require_room(found, most)
            return (*found, made)

        self._store.put_if_absent(_key(tenant), WebhookBook().model_dump_json().encode())
        self._update(tenant, add)
        return made

    def all(self, tenant: str) -> tuple[Webhook, ...]:
        """The oldest first."""
        try:
            return WebhookBook.model_validate_json(self._store.get(_key(tenant))).webhooks
        except ObjectNotFound:
            return ()

    def get(self, tenant: str, webhook_id: str) -> Webhook:
        """Raises WebhookNotFound, also for another tenant's."""
        for webhook in self.all(tenant):
            if webhook.id == webhook_id:
                return webhook
        raise _not_found(webhook_id)

    def change(self, tenant: str, webhook_id: str, changes: Mapping[str, Any]) -> Webhook:
        """Replace some of url, events, description and status; enabled again, it has no reason to be disabled.

        Raises:
            WebhookNotFound
        """
        fields = dict(changes)
        if fields.get("status") is WebhookStatus.ENABLED:
            fields["disabled_reason"] = None
        return self._change(tenant, webhook_id, lambda found: Webhook.model_validate({**dict(found), **fields}))

    def disable(self, tenant: str, webhook_id: str, reason: str) -> Webhook:
        """Raises WebhookNotFound."""
        return self.change(tenant, webhook_id, {"status": WebhookStatus.DISABLED, "disabled_reason": reason})

    def rotate(self, tenant: str, webhook_id: str) -> Webhook:
        """A new secret; the former one signs beside it for a day.

        Raises:
            WebhookNotFound
        """
        text = new_secret()

        def replaced(found: Webhook) -> Webhook:
            now = self._clock()
            former = (
                secret.model_copy(update={"until": secret.until or now + OVERLAP_S})
                for secret in found.secrets
                if secret.until is None or secret.until > now
            )
            kept = (WebhookSecret(text=text), *former)[:MOST_SECRETS]
            return found.model_copy(update={"secrets": kept})

        return self._change(tenant, webhook_id, replaced)

    def delete(self, tenant: str, webhook_id: str) -> None:
        """Raises WebhookNotFound."""
        self.get(tenant, webhook_id)
        self._update(tenant, lambda found: tuple(one for one in found if one.id != webhook_id))

    def _change(self, tenant: str, webhook_id: str, change: Callable[[Webhook], Webhook]) -> Webhook:
        changed: dict[str, Webhook] = {}

        def one(webhook: Webhook) -> Webhook:
            if webhook.id != webhook_id:
                return webhook
            changed[webhook_id] = change(webhook)
            return changed[webhook_id]

        self.get(tenant, webhook_id)
        self._update(tenant, lambda found: tuple(map(one, found)))
        if webhook_id not in changed:  # deleted in between
            raise _not_found(webhook_id)
        return changed[webhook_id]

    def _update(self, tenant: str, change: Callable[[tuple[Webhook, ...]], tuple[Webhook, ...]]) -> None:
        def rewrite(text: bytes) -> bytes:
            book = WebhookBook.model_validate_json(text)
            return WebhookBook(webhooks=change(book.webhooks)).model_dump_json(exclude_none=True).encode()

        self._store.update(_key(tenant), rewrite)


def signing_secrets(webhook: Webhook, now: float) -> list[str]:
    """Those that sign at this time, the present one first."""
    return [secret.text for secret in webhook.secrets if secret.until is None or secret.until > now]


def _key(tenant: str) -> str:
    return f"{FOLDER}{tenant}.json"


def _not_found(webhook_id: str) -> WebhookNotFound:
    return WebhookNotFound(f"There is no webhook {webhook_id}.")


def _require_room(found: tuple[Webhook, ...], most: int) -> None:
    if len(found) >= most:
        raise TooManyWebhooks(f"There are {most} webhooks, the most that a tenant may have: delete one first.")
