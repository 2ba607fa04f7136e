"""Problem documents (RFC 9457): how every refusal and every fault is told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from gateway.context import request_id

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 5


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
    limit: str | None = Field(
        None,
        description="which limit was met; only of `person_locked`: attempts, under_way, failures, failures_of_a_day",
    )
    until: datetime | None = Field(None, description="from when on it is worth trying again; only with 429")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Answer with a problem document; `more` are those members that only some problems have."""
    body = problem_body(status, code, detail, instance=request.path, request_id=request_id(), **more)
    response = Response(body, status, content_type=PROBLEM_TYPE)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    response.headers.update(headers or {})
    return response


def problem_body(status: int, code: str, detail: str, *, instance: str, request_id: str, **more: Any) -> str:
    """A problem document as JSON text."""
    return Problem(
        type=f"urn:likeness:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        detail=detail,
        code=code,
        instance=instance,
        request_id=request_id,
        **more,
    ).model_dump_json(exclude_none=True)
