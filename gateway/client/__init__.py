"""The Python client of the HTTP API; docs/client.md shows it by example."""

from gateway.client._async.client import AsyncClient
from gateway.client._async.jobs import AsyncJob
from gateway.client._sync.client import Client
from gateway.client._sync.jobs import Job
from gateway.client.errors import (
    ApiError,
    ClientError,
    Conflict,
    ConnectionFailed,
    InvalidId,
    InvalidRequest,
    JobFailed,
    JobNotFinished,
    JobTimeout,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    RateLimited,
    ServerError,
    ServiceUnavailable,
    WebhookNotTrusted,
)
from gateway.client.retries import Retries
from gateway.client.server_sent_events import Event
from gateway.client.webhook_signatures import verify_webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "AsyncJob",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Event",
    "InvalidId",
    "InvalidRequest",
    "Job",
    "JobFailed",
    "JobNotFinished",
    "JobTimeout",
    "NotAuthenticated",
    "NotFound",
    "NotPermitted",
    "RateLimited",
    "Retries",
    "ServerError",
    "ServiceUnavailable",
    "WebhookNotTrusted",
    "verify_webhook",
]
