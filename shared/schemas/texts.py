"""What people write about people: bounded, printable, in one normal form. For what comes from outside."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, TypeAdapter

from shared.schemas.base import Id

# Control characters, and what turns the direction of the text around it.
_CONTROLS = "\\x00-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069"
# Spaces, what has no width, fillers that look like spaces, and marks that need a letter before them.
_UNSEEN = (
    " \\xa0\\xad\\u0300-\\u036f\\u061c\\u115f\\u1160\\u1680\\u180e\\u2000-\\u200f\\u202f\\u205f-\\u2064\\u2800\\u3000"
    "\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0"
)
PRINTABLE = f"^[^{_CONTROLS}]+$"
SEEN = f"^[^{_CONTROLS}]*[^{_CONTROLS}{_UNSEEN}][^{_CONTROLS}]*$"

YEAR = re.compile(r"\d{4}-")
_DATE = TypeAdapter(datetime)


def _composed(text: str) -> str:
    """One way to write the same text (NFC), so that it is found however it was typed."""
    return unicodedata.normalize("NFC", text)


def _dated(value: Any) -> Any:
    """Read here, since strictness takes texts that have passed a function for no dates; a bare number would be taken
    for seconds since 1970.
    """
    if isinstance(value, str) and YEAR.match(value):
        return _DATE.validate_python(value)
    if isinstance(value, datetime):
        return value
    raise ValueError("no date")


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # at the very ends of the calendar
        return moment.replace(tzinfo=UTC)


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def text_rule(most: int) -> str:
    """What such a text must be."""
    return f"text of 1 to {most:,} characters, not only blanks, none of them a control character"


def _text(most: int) -> Any:
    """What people are to read: it is not blank."""
    return Field(
        min_length=1,
        max_length=most,
        pattern=SEEN,
        description=text_rule(most),
    )


def _printable(most: int) -> Any:
    return Field(
        min_length=1,
        max_length=most,
        pattern=PRINTABLE,
        description=f"text of 1 to {most:,} characters, none of them a control character",
    )


Label = Annotated[str, _text(64), AfterValidator(_composed)]
Text = Annotated[str, _text(200), AfterValidator(_composed)]
Description = Annotated[str, _text(256), AfterValidator(_composed)]
Words = Annotated[str, _printable(200), AfterValidator(_composed)]  # to look for
Moment = Annotated[AwareDatetime, BeforeValidator(_dated), AfterValidator(_utc)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Attribute = Annotated[str, _printable(500), AfterValidator(_composed)] | bool | _Whole | _Number
Tags = Annotated[tuple[Label, ...], Field(max_length=20), AfterValidator(_unique)]
Groups = Annotated[tuple[Id, ...], Field(max_length=20), AfterValidator(_unique)]
Attributes = Annotated[dict[Label, Attribute], Field(max_length=50)]
