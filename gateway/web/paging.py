"""Pages of what is listed newest first: the cursor is the time at which the last one shown was accepted."""

from collections.abc import Callable
from typing import Annotated, Protocol, TypeVar

from pydantic import Field

from gateway.web.bodies import Body, read_query


class _Dated(Protocol):
    @property
    def created_at(self) -> float: ...


T = TypeVar("T", bound=_Dated)


class TimePage(Body):
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[0-9]{6}$")] | None = Field(
        None, description="`next_cursor` of the page before"
    )
    limit: int = Field(50, ge=1, le=200, description="most of them on the page")


def read_page(
    recent: Callable[[float | None, int], list[T]], page: TimePage | None = None
) -> tuple[list[T], str | None]:
    """What the request's query asks for, and the cursor of the next page; None on the last one.

    `recent` gives at most so many, newest first, from before a time. `page` is the query where it was read already.
    """
    page = page or read_query(TimePage)
    found = recent(float(page.cursor) if page.cursor else None, page.limit + 1)
    shown = found[: page.limit]
    return shown, f"{shown[-1].created_at:.6f}" if len(found) > page.limit else None
