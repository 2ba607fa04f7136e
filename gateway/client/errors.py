"""What goes wrong between a client and the gateway.

ClientError
├── ApiError                the gateway's problem document, by status:
│   ├── InvalidRequest      400, 411, 413, 415, 422: `detail` says what to change
│   ├── NotAuthenticated    401: the key is missing, unknown, expired or revoked
│   ├── NotPermitted        403: the key lacks a scope
│   ├── NotFound            404: also for what belongs to another tenant
│   ├── Conflict            409
│   ├── RateLimited         429: `retry_after` says when to come back
│   └── ServerError         5xx; ServiceUnavailable (502, 503, 504) was retried in vain
├── InvalidId               what should be an id is no text, or empty, or has a slash: nothing was sent
├── ConnectionFailed        no answer came, however often it was tried
├── JobFailed               a job ended without a result; `code` and `detail` say why
├── JobNotFinished          its result was asked for too early
├── JobTimeout              it was not finished in the time it was waited for; it goes on
└── WebhookNotTrusted       a webhook that the gateway did not sign, or not just now
"""

from collections.abc import Mapping
from typing import Any

import httpx

from gateway.client.retries import retry_after


class ClientError(Exception):
    """Base of the tree. The message is one line that says what to do."""


class InvalidId(ClientError):
    pass


class ApiError(ClientError):
    """What the gateway refused, and why: `code` is stable, `detail` is for people."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.code = str(problem.get("code", "no_problem_document"))
        self.detail = str(problem.get("detail", "the answer has no problem document"))
        self.request_id: str | None = problem.get("request_id")
        self.retry_after = retry_after
        super().__init__(f"{status} {self.code}: {self.detail}")

    @classmethod
    def of(cls, response: httpx.Response) -> "ApiError":
        """The error that belongs to an answer whose body has been read."""
        try:
            found = response.json()
        except ValueError:
            found = None
        problem = found if isinstance(found, dict) else {"detail": _unexplained(response)}
        problem.setdefault("request_id", response.headers.get("X-Request-ID"))
        made = _class_of(response.status_code)
        return made(response.status_code, problem, retry_after=retry_after(response.headers))


class InvalidRequest(ApiError):
    pass


class NotAuthenticated(ApiError):
    pass


class NotPermitted(ApiError):
    pass


class NotFound(ApiError):
    pass


class Conflict(ApiError):
    pass


class RateLimited(ApiError):
    pass


class ServerError(ApiError):
    pass


class ServiceUnavailable(ServerError):
    pass


class ConnectionFailed(ClientError):
    pass


class JobFailed(ClientError):
    def __init__(self, job: str, code: str, detail: str) -> None:
        self.job, self.code, self.detail = job, code, detail
        super().__init__(f"{code}: {detail} (job {job})")


class JobNotFinished(ClientError):
    pass


class JobTimeout(ClientError):
    pass


class WebhookNotTrusted(ClientError):
    pass


_CLASSES: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    411: InvalidRequest,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
}


def _unexplained(response: httpx.Response) -> str:
    """Of an answer that the gateway did not give: another server, or a proxy before it."""
    if response.has_redirect_location:
        return f"It leads to {response.headers['Location']}. Is the URL right?"
    words = response.reason_phrase or "an answer without words"
    return f"{words}, without a word of the API's. Is it running, and is the URL right?"


def _class_of(status: int) -> type[ApiError]:
    return _CLASSES.get(status, ServerError if status >= 500 else ApiError)
