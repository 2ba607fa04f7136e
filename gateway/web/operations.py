"""What a route is, said once beside its view: who may call it, what it reads, what it answers.

`gateway.app` lets requests in by it and gateway/web/openapi.py documents it, so the two cannot disagree. A route
without an operation is refused when the application is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from gateway.auth import Scope
from gateway.web.bodies import Body
from gateway.web.responses import JobDocument

V = TypeVar("V", bound=Callable[..., object])
_ATTRIBUTE = "likeness_operation"


@dataclass(frozen=True)
class Operation:
    """How a route is called.

    Attributes:
        answers: status -> model of the JSON, media type of another body, or None for no body.
        scope: needed of the key; None: any valid key, unless there are `scopes`.
        scopes: any one of these is needed of the key.
        public: no key is needed.
        body: model of the request's body.
        body_optional: the body may be left out.
        query: model of the query string.
        waits: understands `Prefer: wait=N`.
        problems: statuses beside those that follow from the rest.
    """

    answers: Mapping[int, type[BaseModel] | str | None]
    scope: Scope | None = None
    scopes: tuple[Scope, ...] = ()
    public: bool = False
    body: type[Body] | None = None
    body_optional: bool = False
    query: type[Body] | None = None
    waits: bool = False
    problems: tuple[int, ...] = ()

    @property
    def needed(self) -> tuple[Scope, ...]:
        """The scopes of which the key must have one; none for any valid key."""
        return self.scopes or ((self.scope,) if self.scope else ())


def operation(described: Operation) -> Callable[[V], V]:
    def mark(view: V) -> V:
        setattr(view, _ATTRIBUTE, described)
        return view

    return mark


def accepts_job(scope: Scope, body: type[Body]) -> Callable[[V], V]:
    """A POST that makes a job."""
    answers = {200: JobDocument, 202: JobDocument}
    return operation(Operation(answers, scope=scope, body=body, waits=True))


def operation_of(view: Callable[..., object]) -> Operation | None:
    found: Operation | None = getattr(view, _ATTRIBUTE, None)
    return found
