"""What HTTP makes of an error: this file alone maps the tree of shared/errors.py to status codes (RFC 9457).

The gateway hangs into that tree what only a request can get wrong:

LikenessError
├── Unauthorized
├── Forbidden
├── NotFound
│   ├── ApiKeyNotFound
│   └── UploadNotFound
├── Conflict
│   ├── UploadIncomplete        the file is not there yet, or not all of it
│   ├── TooManyUploads          the tenant has as many open as he may have
│   ├── LastAdminKey            a tenant would have nobody left who can make keys
│   ├── LivenessUnavailable     this installation cannot make the check that is asked for
│   ├── IdempotencyInProgress   the same request is being worked on
│   └── IdempotencyAnswerGone   it was done, but its answer is not kept
├── Unavailable
│   ├── TooManyStreams          of events are open
│   └── GatewayBusy             with other large requests
├── TooManyRequests
│   ├── RateLimited             of one key
│   ├── PersonLocked            too many attempts to be taken for one person
│   ├── TooManyEnrolments       of one person
│   └── VerificationUnderWay    of the same audit
└── InvalidInput
    ├── MalformedBody
    ├── UnsupportedMediaType
    ├── BodyTooLarge
    ├── UploadTooLarge          than announced, or than its field takes
    ├── UploadEncoded           with a Content-Encoding
    ├── UploadDamaged           it is not what its checksum says
    ├── InvalidPrefer
    ├── InvalidIdempotencyKey
    ├── IdempotencyKeyReused    for a request with other content
    ├── InvalidId
    └── InvalidBase64
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog
from apiflask import APIFlask
from apiflask import HTTPError as ApiFlaskError
from flask import Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from gateway.context import request_id
from gateway.web.problems import problem
from shared.errors import (
    Conflict,
    ImageTooLarge,
    InvalidField,
    InvalidInput,
    LikenessError,
    NotFound,
    ObjectNotFound,
    QueueFull,
    Unavailable,
    UnsupportedImage,
)

log = structlog.get_logger("gateway")

GONE = "There is no such object, or it is kept no longer."
UNEXPECTED = "An unexpected error occurred; it has been logged under the request id."


class Unauthorized(LikenessError):
    code = "unauthorized"


class Forbidden(LikenessError):
    code = "forbidden"

    def __init__(self, *scopes: str, why: str = "") -> None:
        """Any one of the scopes would do."""
        named = " or ".join(repr(scope) for scope in scopes)
        super().__init__(f"{why} This API key lacks the scope {named}.".lstrip())
        self.scope = " ".join(scopes)


class ApiKeyNotFound(NotFound):
    code = "key_not_found"


class UploadNotFound(NotFound):
    code = "upload_not_found"


class UploadIncomplete(Conflict):
    code = "upload_incomplete"


class TooManyUploads(Conflict):
    code = "too_many_uploads"


class UploadTooLarge(InvalidInput):
    code = "upload_too_large"


class UploadEncoded(InvalidInput):
    code = "upload_encoded"


class UploadDamaged(InvalidInput):
    code = "upload_damaged"


class LastAdminKey(Conflict):
    code = "last_admin_key"


class LivenessUnavailable(Conflict):
    code = "liveness_unavailable"


class IdempotencyInProgress(Conflict):
    code = "idempotency_in_progress"


class IdempotencyAnswerGone(Conflict):
    code = "idempotency_answer_gone"


class TooManyRequests(LikenessError):
    """`retry_after` is in seconds, and over at `until`; `limit` says which of several limits was met."""

    code = "too_many_requests"

    limit: str | None = None

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(retry_after))
        self.until = datetime.now(UTC) + timedelta(seconds=self.retry_after)


class TooManyStreams(Unavailable):
    code = "too_many_streams"


class GatewayBusy(Unavailable):
    code = "gateway_busy"


class RateLimited(TooManyRequests):
    code = "rate_limited"


class PersonLocked(TooManyRequests):
    code = "person_locked"

    def __init__(self, message: str, *, retry_after: float, limit: str) -> None:
        super().__init__(message, retry_after=retry_after)
        self.limit = limit


class TooManyEnrolments(TooManyRequests):
    code = "too_many_enrolments"


class VerificationUnderWay(TooManyRequests):
    code = "verification_under_way"


class MalformedBody(InvalidInput):
    code = "malformed_body"


class UnsupportedMediaType(InvalidInput):
    code = "unsupported_media_type"


class BodyTooLarge(InvalidInput):
    code = "body_too_large"


class InvalidPrefer(InvalidInput):
    code = "invalid_prefer"


class InvalidIdempotencyKey(InvalidInput):
    code = "invalid_idempotency_key"


class IdempotencyKeyReused(InvalidInput):
    code = "idempotency_key_reused"


class InvalidId(InvalidInput):
    code = "invalid_id"


class InvalidBase64(InvalidInput):
    code = "invalid_base64"


STATUS: Mapping[type[LikenessError], int] = {
    LikenessError: 500,
    Unauthorized: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    TooManyRequests: 429,
    Unavailable: 503,
    InvalidInput: 422,
    MalformedBody: 400,
    InvalidPrefer: 400,
    InvalidIdempotencyKey: 400,
    BodyTooLarge: 413,
    UploadTooLarge: 413,
    ImageTooLarge: 413,
    UnsupportedMediaType: 415,
    UploadEncoded: 415,
    UnsupportedImage: 415,
}
# Codes and sentences for what Werkzeug refuses before a view is reached.
HTTP_CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: BodyTooLarge.code,
    415: UnsupportedMediaType.code,
    416: "range_not_satisfiable",
    422: InvalidField.code,
}


def status_of(error: type[LikenessError]) -> int:
    """The status of the nearest class above that has one."""
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def register(app: APIFlask) -> None:
    """Answer every error, expected or not, with a problem."""
    app.register_error_handler(LikenessError, _expected)
    app.register_error_handler(ApiFlaskError, _apiflask)
    app.register_error_handler(HTTPException, _werkzeug)
    app.register_error_handler(ParseException, _unreadable)
    app.register_error_handler(Exception, _unexpected)


def _expected(error: LikenessError) -> Response:
    status = status_of(type(error))
    if status == 500:
        return _unexpected(error)
    match error:
        case Unauthorized():
            headers = {"WWW-Authenticate": 'Bearer realm="likeness"'}
        case Forbidden(scope=scope):
            challenge = f'Bearer realm="likeness", error="insufficient_scope", scope="{scope}"'
            headers = {"WWW-Authenticate": challenge}
        case TooManyRequests(retry_after=seconds, until=until, limit=limit):
            headers = {"Retry-After": str(seconds)}
            return problem(status, error.code, str(error), headers=headers, until=until, limit=limit)
        case IdempotencyInProgress():
            headers = {"Retry-After": "1"}
        case QueueFull(retry_after=seconds):
            headers = {"Retry-After": str(seconds)}
        case _:
            headers = {}
    detail = GONE if isinstance(error, ObjectNotFound) else str(error)  # object keys are nobody's business
    return problem(status, error.code, detail, headers=headers)


def _unreadable(_: ParseException) -> Response:
    """The server's parser meets a chunked body only while it is read."""
    return problem(400, MalformedBody.code, "The body is not encoded as its Transfer-Encoding says.")


def _apiflask(error: ApiFlaskError) -> Response:
    fields = [
        f"{name}: {' '.join(messages)}"
        for location in (error.detail.values() if isinstance(error.detail, dict) else ())
        for name, messages in location.items()
    ]
    code = HTTP_CODES.get(error.status_code, "http_error")
    return problem(error.status_code, code, "; ".join(fields) or error.message or code)


def _werkzeug(error: HTTPException) -> Response:
    status = error.code or 500
    if status >= 500:
        return _unexpected(error)
    kept = {name: value for name, value in error.get_headers() if name in {"Allow", "Content-Range"}}
    return problem(status, HTTP_CODES.get(status, "http_error"), _sentence(error, status), headers=kept)


def _sentence(error: HTTPException, status: int) -> str:
    match status:
        case 404:
            return f"There is nothing at {request.path}. GET /openapi.json lists what there is."
        case 405:
            return f"{request.path} does not take {request.method}."
        case 413:
            return (
                f"The request body is too large: at most {request.max_content_length:,} bytes are accepted, "
                "and large values must be file fields."
            )
        case _:
            return error.description or error.name


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error", request_id=request_id(), path=request.path, exc_info=error)
    return problem(500, LikenessError.code, UNEXPECTED)
