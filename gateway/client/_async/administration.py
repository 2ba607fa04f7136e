"""Keys, webhooks, and the audit log."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from gateway.client._async.paging import pages
from gateway.client._async.transport import AsyncTransport
from gateway.client.admin_documents import AuditEntry, AuditVerification, Delivery, Key, NewKey, NewWebhook, WhoAmI
from gateway.client.admin_documents import Webhook as WebhookDocument
from gateway.client.calls import Call, at
from gateway.client.options import AuditFilter

LONG_S = 600.0  # a long log is not read in a minute


class AsyncKeys:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
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
        made: NewKey = await self._transport.json(Call("POST", at("keys"), json=wanted))
        return made

    async def get(self, key: str) -> Key:
        found: Key = await self._transport.json(Call("GET", at("keys", key)))
        return found

    async def rotate(self, key: str, *, grace_seconds: int = 0) -> NewKey:
        """A new token in the place of the former one, which goes on for `grace_seconds`."""
        call = Call("POST", at("keys", key, "rotate"), json={"grace_seconds": grace_seconds})
        made: NewKey = await self._transport.json(call)
        return made

    async def revoke(self, key: str) -> None:
        """It opens nothing any more, within seconds."""
        await self._transport.json(Call("DELETE", at("keys", key)))

    async def whoami(self) -> WhoAmI:
        """What the key in use may do."""
        found: WhoAmI = await self._transport.json(Call("GET", at("whoami")))
        return found

    def list(self, tenant: str | None = None) -> AsyncIterator[Key]:
        return pages(self._transport, at("keys"), "keys", tenant=tenant)


class AsyncWebhooks:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self, url: str, *, events: Sequence[str] | None = None, description: str | None = None
    ) -> NewWebhook:
        """Have events sent to a URL; keep its `secret` for `verify_webhook`, it is not shown again."""
        given = {"url": url, "events": events, "description": description}
        wanted = {field: value for field, value in given.items() if value is not None}
        made: NewWebhook = await self._transport.json(Call("POST", at("webhooks"), json=wanted))
        return made

    async def get(self, webhook: str) -> WebhookDocument:
        found: WebhookDocument = await self._transport.json(Call("GET", at("webhooks", webhook)))
        return found

    async def change(self, webhook: str, **fields: Any) -> WebhookDocument:
        """Change `url`, `events`, `description` or `status` ("enabled" after it was disabled)."""
        changed: WebhookDocument = await self._transport.json(Call("PATCH", at("webhooks", webhook), json=fields))
        return changed

    async def delete(self, webhook: str) -> None:
        await self._transport.json(Call("DELETE", at("webhooks", webhook)))

    async def rotate_secret(self, webhook: str) -> NewWebhook:
        """A new secret; for a while both sign."""
        made: NewWebhook = await self._transport.json(Call("POST", at("webhooks", webhook, "rotate-secret")))
        return made

    async def ping(self, webhook: str) -> Delivery:
        """Send an event that says nothing, to see whether it arrives."""
        made: Delivery = await self._transport.json(Call("POST", at("webhooks", webhook, "ping")))
        return made

    def deliveries(self, webhook: str) -> AsyncIterator[Delivery]:
        """The newest first."""
        return pages(self._transport, at("webhooks", webhook, "deliveries"), "deliveries")

    async def retry(self, webhook: str, delivery: str) -> Delivery:
        """Send an event again, now."""
        call = Call("POST", at("webhooks", webhook, "deliveries", delivery, "retry"))
        made: Delivery = await self._transport.json(call)
        return made

    async def list(self) -> list[WebhookDocument]:
        return [one async for one in pages(self._transport, at("webhooks"), "webhooks")]


class AsyncAudit:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **query: Unpack[AuditFilter]) -> AsyncIterator[AuditEntry]:
        """Who did what, and when, the newest first; `since` and `until` are ISO 8601 times with their zone."""
        return pages(self._transport, at("audit"), "entries", **query)

    async def export(self, target: Path, **query: Unpack[AuditFilter]) -> int:
        """Write the entries to a CSV file; its size in bytes."""
        return await self._transport.save(Call("GET", at("audit", "export"), query={**query}, timeout=LONG_S), target)

    async def verify(self, head: str | None = None) -> AuditVerification:
        """Whether the log is whole: nothing was changed, removed, put in between or cut off.

        `head` is what an earlier verification told, and must still be there.
        """
        call = Call("GET", at("audit", "verification"), query={"head": head}, timeout=LONG_S)
        found: AuditVerification = await self._transport.json(call)
        return found
