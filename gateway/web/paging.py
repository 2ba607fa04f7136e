"""Pages of a list. Of what is listed newest first the cursor is the time at which the last one shown was accepted, of
everything else its id.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Protocol, TypeVar

from pydantic import Field

from gateway.web.bodies import Body, read_query
from shared.errors import InvalidField
from shared.schemas import Id


class _Dated(Protocol):
    @property
    def created_at(self) -> float: ...


T = TypeVar("T", bound=_Dated)
U = TypeVar("U")


class TimePage(Body):
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[0-9]{6}$")] | None = Field(
        None, description="`next_cursor` of the page before"
    )
    limit: int = Field(50, ge=1, le=200, description="most of them on the page")


class IdPage(Body):
    cursor: Id | None = Field(None, description="`next_cursor` of the page before")
    limit: int = Field(100, ge=1, le=1000, description="most of them on the page")


def page_of(found: Sequence[U], page: IdPage, id_of: Callable[[U], str]) -> tuple[Sequence[U], str | None]:
    """What a page shows of a whole list, and the cursor of the next one; None on the last one.

    Raises:
        InvalidField: what the cursor names has gone since.
    """
    ids = [id_of(one) for one in found]
    if page.cursor is not None and page.cursor not in ids:
        raise InvalidField("What `cursor` names is not there any more: begin with the first page again.")
    start = 0 if page.cursor is None else ids.index(page.cursor) + 1
    end = start + page.limit
    return found[start:end], ids[end - 1] if end < len(ids) else None


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
