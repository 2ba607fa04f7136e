"""The audit as CSV (RFC 4180): a row per entry, its members as columns."""

import csv
import io
import json
from collections.abc import Iterable, Iterator

from shared.schemas import AuditEntry

CSV = "text/csv; charset=utf-8"
COLUMNS = (
    "sequence", "at", "action", "outcome", "decision", "reason", "gallery", "person", "device", "policy", "actor",
    "request_id", "job", "details", "id", "previous", "hash",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet evaluates (OWASP, "CSV Injection")


def lines(entries: Iterable[AuditEntry]) -> Iterator[str]:
    """The header, then the rows, each with its line end."""
    yield _line(COLUMNS)
    for entry in entries:
        members = entry.model_dump(mode="json")
        members["details"] = json.dumps(members["details"], sort_keys=True, ensure_ascii=False)
        yield _line("" if members[name] is None else _harmless(str(members[name])) for name in COLUMNS)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _line(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
