# Made of gateway/client/_async by `make client`: change it there.
"""The client: what the API has, by resource."""

from dataclasses import replace
from types import TracebackType
from typing import Self

import httpx

from gateway.client._sync.administration import Audit, Keys, Webhooks
from gateway.client._sync.faces import Faces
from gateway.client._sync.galleries import Galleries, Persons
from gateway.client._sync.jobs import Jobs
from gateway.client._sync.measuring import Measuring, Migrations, Models
from gateway.client._sync.painting import Batches, Styles, Stylizations
from gateway.client._sync.transport import Transport
from gateway.client._sync.uploads import Uploads
from gateway.client.retries import Retries

TIMEOUT_S = 60.0


class Client:
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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        http = httpx.Client(base_url=url, headers=headers, transport=transport)
        self._store = httpx.Client(transport=transport)
        self._use(Transport(http, timeout, retries or Retries()))

    def _use(self, transport: Transport) -> None:
        self._transport = transport
        self.uploads = Uploads(transport, self._store)
        self.jobs = Jobs(transport, self.uploads)
        self.galleries = Galleries(transport, self.jobs)
        self.persons = Persons(transport)
        self.faces = Faces(transport, self.jobs)
        self.measuring = Measuring(transport, self.jobs)
        self.models = Models(transport, self.jobs)
        self.migrations = Migrations(transport, self.jobs)
        self.stylizations = Stylizations(transport, self.jobs)
        self.styles = Styles(transport)
        self.batches = Batches(transport, self.uploads)
        self.keys = Keys(transport)
        self.webhooks = Webhooks(transport)
        self.audit = Audit(transport)

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

    def download(self, link: str) -> bytes:
        """What a link of an answer leads to, such as the preview that a progress event names."""
        return self._transport.content(link)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.http.close()
        self._store.close()
