"""Access control: whether a face that was found opens a door, and why not."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from shared.schemas.base import Id, Message


class Decision(StrEnum):
    GRANTED = "granted"
    DENIED = "denied"


class Denial(StrEnum):
    """Why: what the face said, or what the gallery's rules say of a person whose face was right."""

    NO_MATCH = "no_match"
    NOT_RECOGNISED = "not_recognised"
    AMBIGUOUS = "ambiguous"
    NO_FACE = "no_face"
    MULTIPLE_FACES = "multiple_faces"
    LOW_QUALITY = "low_quality"
    SPOOF_SUSPECTED = "spoof_suspected"
    LIVENESS_UNAVAILABLE = "liveness_unavailable"
    UNKNOWN_DEVICE = "unknown_device"
    NOT_YET_VALID = "not_yet_valid"
    NO_LONGER_VALID = "no_longer_valid"
    GROUP_NOT_ALLOWED = "group_not_allowed"
    OUTSIDE_OPENING_HOURS = "outside_opening_hours"


class Weekday(StrEnum):
    """In the order of `datetime.weekday()`."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


WallTime = Annotated[
    str,
    Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        description="a time of day from 00:00 to 23:59, as a clock on the wall shows it",
        examples=["08:00"],
    ),
]
Groups = Annotated[tuple[Id, ...], Field(max_length=100)]


class OpeningHours(Message):
    """From a time of day up to another, on each of the days; when that is not later, up to it on the day after."""

    model_config = ConfigDict(serialize_by_alias=True)

    days: tuple[Weekday, ...] = Field(
        min_length=1, max_length=7, description="a list of days on which it begins: mon, tue, wed, thu, fri, sat, sun"
    )
    begins: WallTime = Field(alias="from")
    ends: WallTime = Field(alias="to")


Hours = Annotated[tuple[OpeningHours, ...], Field(max_length=50)]


class DeviceRules(Message):
    """What holds at one door in the place of the gallery's own; what is null is the gallery's."""

    groups: Groups | None = Field(None, description="a list of the groups that may pass here; empty: everybody")
    opening_hours: Hours | None = Field(None, description="a list of opening hours of this door; empty: always open")


class AccessRules(Message):
    """Who may pass, where and when, once the face is right. The defaults let everybody pass."""

    verification_policy: str | None = Field(
        None, max_length=64, description="the name of the least strict 1:1 policy here, also the default; null: none"
    )
    identification_policy: str | None = Field(
        None, max_length=64, description="the name of the least strict 1:K policy here, also the default; null: none"
    )
    timezone: str = Field(  # the gateway knows which there are; a kept one may be gone from a newer database
        "UTC", max_length=64, description="the IANA name of the zone in which the opening hours are meant"
    )
    opening_hours: Hours = Field((), description="a list of opening hours; empty: always open")
    closed: Annotated[tuple[date, ...], Field(max_length=400)] = Field(
        (), description="a list of dates (2027-01-01) on which no opening hours begin, here and at every device"
    )
    groups: Groups = Field((), description="a list of the groups that may pass; empty: everybody")
    devices: Annotated[dict[Id, DeviceRules], Field(max_length=200)] = Field(
        default_factory=dict, description="an object with the rules of single doors by the device's id"
    )
    known_devices_only: bool = Field(False, description="true or false: deny at a device that is not in `devices`")
