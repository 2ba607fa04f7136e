# Made of gateway/client/_async by `make client`: change it there.
"""Lists that come page by page."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.client._sync.transport import Transport
from gateway.client.calls import Call


def pages(transport: Transport, path: str, name: str, **query: str | int | Sequence[str] | None) -> Iterator[Any]:
    """What the pages hold under `name`, one after another, for as long as they are asked for."""
    cursor: str | None = None
    while True:
        page = transport.json(Call("GET", path, query={**query, "cursor": cursor}))
        yield from page[name]
        cursor = page.get("next_cursor")
        if cursor is None:
            return
