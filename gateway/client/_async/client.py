"""The client: what the API has, by resource."""

from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from gateway.client._async.administration import AsyncAudit, AsyncKeys, AsyncWebhooks
from gateway.client._async.faces import AsyncFaces
from gateway.client._async.galleries import AsyncGalleries, AsyncPersons
from gateway.client._async.jobs import AsyncJobs
from gateway.client._async.measuring import AsyncMeasuring, AsyncMigrations, AsyncModels
from gateway.client._async.painting import AsyncBatches, AsyncStyles, AsyncStylizations
from gateway.client._async.transport import AsyncTransport
from gateway.client._async.uploads import AsyncUploads
from gateway.client.retries import Retries

TIMEOUT_S = 60.0


class AsyncClient:
    """Use it as a context manager, or close it.

    Args:
        url: of the gateway, such as https://likeness.example.org.
        api_key: lk_…
        timeout: seconds that one call may take, its retries included; an answer that keeps coming is not cut off.
        retries: how often what failed on the way is tried again.
        transport: takes the place of the network, in tests.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = TIMEOUT_S,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        http = httpx.AsyncClient(base_url=url, headers=headers, transport=transport)
        self._store = httpx.AsyncClient(transport=transport)
        self._use(AsyncTransport(http, timeout, retries or Retries()))

    def _use(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self.uploads = AsyncUploads(transport, self._store)
        self.jobs = AsyncJobs(transport, self.uploads)
        self.galleries = AsyncGalleries(transport, self.jobs)
        self.persons = AsyncPersons(transport)
        self.faces = AsyncFaces(transport, self.jobs)
        self.measuring = AsyncMeasuring(transport, self.jobs)
        self.models = AsyncModels(transport, self.jobs)
        self.migrations = AsyncMigrations(transport, self.jobs)
        self.stylizations = AsyncStylizations(transport, self.jobs)
        self.styles = AsyncStyles(transport)
        self.batches = AsyncBatches(transport, self.uploads)
        self.keys = AsyncKeys(transport)
        self.webhooks = AsyncWebhooks(transport)
        self.audit = AsyncAudit(transport)

    def with_options(self, *, timeout: float | None = None, idempotency_key: str | None = None) -> Self:
        """The same client, on the same connections, with another timeout or an Idempotency-Key of yours.

        A POST without one gets a random one, which holds over its retries; yours also holds when your own process
        had to start again. What is left out stays as it is here.
        """
        made = type(self).__new__(type(self))
        made._store = self._store
        former = self._transport
        key = idempotency_key or former.idempotency_key
        made._use(replace(former, timeout=timeout or former.timeout, idempotency_key=key))
        return made

    async def download(self, link: str) -> bytes:
        """What a link of an answer leads to, such as the preview that a progress event names."""
        return await self._transport.content(link)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.http.aclose()
        await self._store.aclose()
