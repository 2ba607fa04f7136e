"""What an XREAD answers, whichever protocol the connection speaks."""

from collections.abc import Iterator
from typing import Any

Entry = tuple[str, dict[str, str]]


def entries_of(found: Any) -> list[Entry]:
    """The entries of all streams, each an id with its fields."""
    return [entry for stream in _streams(found) for entry in stream]


def _streams(found: Any) -> Iterator[list[Entry]]:
    """Pairs in RESP2, a mapping of lists in RESP3."""
    if isinstance(found, dict):
        for nested in found.values():
            yield nested[0] if nested and isinstance(nested[0], list) else nested
    else:
        yield from (entries for _, entries in found or [])
