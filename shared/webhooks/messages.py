"""What a webhook says: that something happened and where to read more. Neither verdicts nor personal data.

A body travels over other people's networks and lands in other people's logs, so it is thin: whoever wants to know more
asks for it with a key.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared import outbox
from shared.outbox import Occurrence
from shared.schemas import JobStatus, WebhookEvent

Data = Mapping[str, Any]

_OF_JOBS: Mapping[str, WebhookEvent] = {
    JobStatus.SUCCEEDED.value: WebhookEvent.JOB_SUCCEEDED,
    JobStatus.FAILED.value: WebhookEvent.JOB_FAILED,
    JobStatus.CANCELLED.value: WebhookEvent.JOB_CANCELLED,
    JobStatus.EXPIRED.value: WebhookEvent.JOB_EXPIRED,
}


def message(event: WebhookEvent, at: float, data: Data) -> str:
    """The body: `type`, `timestamp` and `data`, as Standard Webhooks recommends."""
    timestamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"type": event.value, "timestamp": timestamp, "data": data}, separators=(",", ":"))


def told(occurrence: Occurrence) -> tuple[WebhookEvent, str] | None:
    """The event of an occurrence and its body; None for what webhooks do not tell."""
    match occurrence.kind:
        case outbox.JOB:
            event = _OF_JOBS.get(occurrence.data["status"])
            data = _job(occurrence.data)
        case "batch.finished":
            event, data = WebhookEvent.BATCH_FINISHED, _batch(occurrence.data)
        case "person.erased" | "person.expired":
            event, data = WebhookEvent.PERSON_ERASED, _person(occurrence.data)
        case _:
            event, data = None, {}
    return (event, message(event, occurrence.at, data)) if event else None


def _job(data: Data) -> dict[str, Any]:
    return {
        "id": data["job"],
        "type": data["type"],
        "status": data["status"],
        "links": {"self": f"/v1/jobs/{data['job']}"},
    }


def _batch(data: Data) -> dict[str, Any]:
    counts = {name: data[name] for name in ("total", "done", "failed", "cancelled")}
    return {
        "id": data["batch"],
        "status": data["status"],
        **counts,
        "links": {"self": f"/v1/batches/{data['batch']}"},
    }


def _person(data: Data) -> dict[str, Any]:
    """By the person's `uid`, which stands for him in the audit too: an id may be a name."""
    gallery = data["gallery"]
    return {
        "id": data["uid"],
        "gallery": gallery,
        "reason": data["reason"],
        "links": {"gallery": f"/v1/galleries/{gallery}"},
    }
