"""Lists that come page by page."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from gateway.client._async.transport import AsyncTransport
from gateway.client.calls import Call


async def pages(
    transport: AsyncTransport, path: str, name: str, **query: str | int | Sequence[str] | None
) -> AsyncIterator[Any]:
    """What the pages hold under `name`, one after another, for as long as they are asked for."""
    cursor: str | None = None
    while True:
        page = await transport.json(Call("GET", path, query={**query, "cursor": cursor}))
        for one in page[name]:
            yield one
        cursor = page.get("next_cursor")
        if cursor is None:
            return
