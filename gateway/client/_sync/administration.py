# Made of gateway/client/_async by `make client`: change it there.
"""Keys, webhooks, and the audit log."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from gateway.client._sync.paging import pages
from gateway.client._sync.transport import Transport
from gateway.client.admin_documents import AuditEntry, AuditVerification, Delivery, Key, NewKey, NewWebhook, WhoAmI
from gateway.client.admin_documents import Webhook as WebhookDocument
from gateway.client.calls import Call, at
from gateway.client.options import AuditFilter

LONG_S = 600.0  # a long log is not read in a minute


class Keys:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        *,
        tenant: str | None = None,
        name: str | None = None,
        scopes: Sequence[str] | None = None,
        role: str | None = None,
        expires_in_days: int | None = None,
    ) -> NewKey:
        """A new key with some scopes, or those of a role; keep its `token`, it is not shown again."""
        given = {
            "tenant": tenant,
            "name": name,
            "scopes": scopes,
            "role": role,
            "expires_in_days": expires_in_days,
        }
        wanted = {field: value for field, value in given.items() if value is not None}
        made: NewKey = self._transport.json(Call("POST", at("keys"), json=wanted))
        return made

    def get(self, key: str) -> Key:
        found: Key = self._transport.json(Call("GET", at("keys", key)))
        return found

    def rotate(self, key: str, *, grace_seconds: int = 0) -> NewKey:
        """A new token in the place of the former one, which goes on for `grace_seconds`."""
        call = Call("POST", at("keys", key, "rotate"), json={"grace_seconds": grace_seconds})
        made: NewKey = self._transport.json(call)
        return made

    def revoke(self, key: str) -> None:
        """It opens nothing any more, within seconds."""
        self._transport.json(Call("DELETE", at("keys", key)))

    def whoami(self) -> WhoAmI:
        """What the key in use may do."""
        found: WhoAmI = self._transport.json(Call("GET", at("whoami")))
        return found

    def list(self, tenant: str | None = None) -> Iterator[Key]:
        return pages(self._transport, at("keys"), "keys", tenant=tenant)


class Webhooks:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, url: str, *, events: Sequence[str] | None = None, description: str | None = None) -> NewWebhook:
        """Have events sent to a URL; keep its `secret` for `verify_webhook`, it is not shown again."""
        given = {"url": url, "events": events, "description": description}
        wanted = {field: value for field, value in given.items() if value is not None}
        made: NewWebhook = self._transport.json(Call("POST", at("webhooks"), json=wanted))
        return made

    def get(self, webhook: str) -> WebhookDocument:
        found: WebhookDocument = self._transport.json(Call("GET", at("webhooks", webhook)))
        return found

    def change(self, webhook: str, **fields: Any) -> WebhookDocument:
        """Change `url`, `events`, `description` or `status` ("enabled" after it was disabled)."""
        changed: WebhookDocument = self._transport.json(Call("PATCH", at("webhooks", webhook), json=fields))
        return changed

    def delete(self, webhook: str) -> None:
        self._transport.json(Call("DELETE", at("webhooks", webhook)))

    def rotate_secret(self, webhook: str) -> NewWebhook:
        """A new secret; for a while both sign."""
        made: NewWebhook = self._transport.json(Call("POST", at("webhooks", webhook, "rotate-secret")))
        return made

    def ping(self, webhook: str) -> Delivery:
        """Send an event that says nothing, to see whether it arrives."""
        made: Delivery = self._transport.json(Call("POST", at("webhooks", webhook, "ping")))
        return made

    def deliveries(self, webhook: str) -> Iterator[Delivery]:
        """The newest first."""
        return pages(self._transport, at("webhooks", webhook, "deliveries"), "deliveries")

    def retry(self, webhook: str, delivery: str) -> Delivery:
        """Send an event again, now."""
        call = Call("POST", at("webhooks", webhook, "deliveries", delivery, "retry"))
        made: Delivery = self._transport.json(call)
        return made

    def list(self) -> list[WebhookDocument]:
        return list(pages(self._transport, at("webhooks"), "webhooks"))


class Audit:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **query: Unpack[AuditFilter]) -> Iterator[AuditEntry]:
        """Who did what, and when, the newest first; `since` and `until` are ISO 8601 times with their zone."""
        return pages(self._transport, at("audit"), "entries", **query)

    def export(self, target: Path, **query: Unpack[AuditFilter]) -> int:
        """Write the entries to a CSV file; its size in bytes."""
        return self._transport.save(Call("GET", at("audit", "export"), query={**query}, timeout=LONG_S), target)

    def verify(self, head: str | None = None) -> AuditVerification:
        """Whether the log is whole: nothing was changed, removed, put in between or cut off.

        `head` is what an earlier verification told, and must still be there.
        """
        call = Call("GET", at("audit", "verification"), query={"head": head}, timeout=LONG_S)
        found: AuditVerification = self._transport.json(call)
        return found
