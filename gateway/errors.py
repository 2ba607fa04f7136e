"""What HTTP makes of an error: this file alone maps the tree of shared/errors.py to status codes (RFC 9457).

The gateway hangs into that tree what only a request can get wrong:

LikenessError
├── Unauthorized
├── Forbidden
└── InvalidInput
    ├── MalformedBody
    ├── UnsupportedMediaType
    ├── BodyTooLarge
    ├── InvalidPrefer
    ├── InvalidId
    └── InvalidBase64
"""

from collections.abc import Mapping, Sequence

import structlog
from apiflask import APIFlask
from apiflask import HTTPError as ApiFlaskError
from flask import Response, request
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import HTTPException

from gateway.context import request_id
from shared.errors import (
    Conflict,
    ImageTooLarge,
    InvalidField,
    InvalidInput,
    LikenessError,
    NotFound,
    ObjectNotFound,
    Unavailable,
    UnsupportedImage,
)

log = structlog.get_logger("gateway")

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
GONE = "There is no such object, or it is kept no longer."
UNEXPECTED = "An unexpected error occurred; it has been logged under the request id."


class Unauthorized(LikenessError):
    code = "unauthorized"


class Forbidden(LikenessError):
    code = "forbidden"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API key lacks the scope {scope!r}.")
        self.scope = scope


class MalformedBody(InvalidInput):
    code = "malformed_body"


class UnsupportedMediaType(InvalidInput):
    code = "unsupported_media_type"


class BodyTooLarge(InvalidInput):
    code = "body_too_large"


class InvalidPrefer(InvalidInput):
    code = "invalid_prefer"


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
    Unavailable: 503,
    InvalidInput: 422,
    MalformedBody: 400,
    InvalidPrefer: 400,
    BodyTooLarge: 413,
    ImageTooLarge: 413,
    UnsupportedMediaType: 415,
    UnsupportedImage: 415,
}
# Codes and sentences for what Werkzeug refuses before a view is reached.
HTTP_CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: BodyTooLarge.code,
    415: UnsupportedMediaType.code,
    422: InvalidField.code,
}


class Problem(BaseModel):
    """Why a request failed (RFC 9457)."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="a stable URN of the code")
    title: str
    status: int
    detail: str = Field(description="what was wrong and what to do")
    code: str = Field(description="stable and machine-readable")
    instance: str = Field(description="the path of the request")
    request_id: str = Field(description="names the request in the server's log")
    missing: list[str] | None = Field(None, description="what is not ready; only from /readyz")


def status_of(error: type[LikenessError]) -> int:
    """The status of the nearest class above that has one."""
    return next(STATUS[base] for base in error.__mro__ if base in STATUS)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    missing: Sequence[str] | None = None,
) -> Response:
    body = Problem(
        type=f"urn:likeness:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        instance=request.path,
        request_id=request_id(),
        missing=list(missing) if missing else None,
    )
    response = Response(body.model_dump_json(exclude_none=True), status, content_type=PROBLEM_TYPE)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    response.headers.update(headers or {})
    return response


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
    kept = {name: value for name, value in error.get_headers() if name == "Allow"}
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
