"""Access control: whether a face that was found opens a door, and why not."""

from datetime import time
from enum import StrEnum

from pydantic import Field

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
    OUTSIDE_OPENING_HOURS = "outside_opening_hours"
    NOT_YET_VALID = "not_yet_valid"
    NO_LONGER_VALID = "no_longer_valid"
    GROUP_NOT_ALLOWED = "group_not_allowed"
    UNKNOWN_DEVICE = "unknown_device"


class Weekday(StrEnum):
    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


class OpeningHours(Message):
    """An interval of wall time that begins on each of the days; one that ends before it begins ends the day after."""

    days: tuple[Weekday, ...] = Field(min_length=1)
    begins: time
    ends: time


class DeviceRules(Message):
    """What holds at one door in the place of the gallery's own; None: the gallery's."""

    groups: tuple[Id, ...] | None = None
    opening_hours: tuple[OpeningHours, ...] | None = None


class AccessRules(Message):
    """Who may pass, where and when, once the face is right. The defaults let everybody pass."""

    verification_policy: str | None = Field(None, description="least strict 1:1 policy, and the one used by default")
    identification_policy: str | None = Field(None, description="least strict 1:K policy, and the one used by default")
    timezone: str = Field("UTC", description="IANA name of the zone that the opening hours are meant in")
    opening_hours: tuple[OpeningHours, ...] = Field((), description="none: always open")
    groups: tuple[Id, ...] = Field((), description="who may pass; none: everybody")
    devices: dict[Id, DeviceRules] = Field(default_factory=dict, description="by device: rules of one door")
    known_devices_only: bool = Field(False, description="deny at devices that are not listed")
