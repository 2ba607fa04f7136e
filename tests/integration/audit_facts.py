"""What the tests of the audit share: made-up facts, and what a log holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.audit.log import AuditLog, AuditQuery
from shared.schemas import AuditEntry, AuditFact

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def fact(number: int, **more: Any) -> AuditFact:
    """Of the second with that number."""
    at = START + timedelta(seconds=number)
    members = {"id": f"{number}-0", "at": at, "action": "verification", "actor": "key1", "request_id": "r", **more}
    return AuditFact.model_validate(members)


def facts(first: int, last: int) -> list[AuditFact]:
    return [fact(number) for number in range(first, last + 1)]


def ids(found: list[AuditEntry]) -> list[int]:
    return [int(entry.id.partition("-")[0]) for entry in found]


def everything(log: AuditLog, tenant: str) -> list[AuditEntry]:
    return list(log.entries(tenant, AuditQuery(newest_first=False)))
