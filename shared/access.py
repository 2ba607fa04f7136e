"""Whether a face that was found opens a door: a pure function of what is known, with the time passed in.

The face comes first and the gallery's rules after it: a person is never told about rules before he was told that
it is he. Opening hours are wall time of the gallery's zone. When clocks are put forward the hour that does not exist
is skipped with what lies in it; when they are put back a time that comes twice is inside both times, or neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.ml.face.verification import Verdict
from shared.schemas.access import AccessRules, Decision, Denial, DeviceRules, OpeningHours, Weekday
from shared.schemas.galleries import Person

ALWAYS = (OpeningHours.model_validate({"days": list(Weekday), "from": "00:00", "to": "00:00"}),)

SENTENCES: Mapping[Denial, str] = {
    Denial.NO_MATCH: "The face does not look like the person who is claimed: check who was claimed, or try once more "
    "with the whole face in even light.",
    Denial.NOT_RECOGNISED: "Nobody of the gallery looks like this: try once more facing the camera, or enrol the "
    "person.",
    Denial.AMBIGUOUS: "Two people of the gallery look too much like this to choose between them. Perhaps they are one "
    "person who was enrolled twice: then merge them. If they are two, verify the one who is claimed by id.",
    Denial.NO_FACE: "There is no face in the photo: send one that shows the whole face from the front.",
    Denial.MULTIPLE_FACES: "There are several faces in the photo: let one person at a time stand before the camera.",
    Denial.LOW_QUALITY: "The face is too poor to be compared: come closer and face the camera.",
    Denial.SPOOF_SUSPECTED: "The face has not been shown to be a living person's: try again without a screen or a "
    "picture before the camera.",
    Denial.LIVENESS_UNAVAILABLE: "The gallery requires liveness, which cannot be checked here: an administrator must "
    "install what GET /v1/models names, or change the gallery's rule.",
    Denial.UNKNOWN_DEVICE: "The request names no device that the gallery's rules list: send the `device` of this door, "
    "or add it to the rules.",
    Denial.NOT_YET_VALID: "The person's access has not begun yet: see `valid_from` in their record.",
    Denial.NO_LONGER_VALID: "The person's access is over: see `valid_until` and `expires_at` in their record.",
    Denial.GROUP_NOT_ALLOWED: "The person is in none of the groups that may pass here: add them to one, or change the "
    "gallery's rules.",
    Denial.OUTSIDE_OPENING_HOURS: "It is closed at this time: see the opening hours in the gallery's rules.",
}


@dataclass(frozen=True)
class Outcome:
    """What the door does; `denial` is None exactly when it opens."""

    denial: Denial | None = None

    @property
    def decision(self) -> Decision:
        return Decision.GRANTED if self.denial is None else Decision.DENIED

    @property
    def sentence(self) -> str | None:
        return None if self.denial is None else SENTENCES[self.denial]


def decide(verdict: Verdict, person: Person | None, rules: AccessRules, *, device: str | None, at: datetime) -> Outcome:
    """Whether the door opens.

    Args:
        verdict: of the verification or recognition.
        person: whom the face belongs to; None when nobody was found, or his record is gone.
        rules: the gallery's.
        device: which door asks; None when the request does not say.
        at: now, with a time zone.
    """
    return Outcome(denial_of_face(verdict) or _denial_of_rules(person, rules, device=device, at=at))


def denial_of_face(verdict: Verdict) -> Denial | None:
    """Why this face opens nothing, whatever the rules say; None when it is somebody's.

    Raises:
        ValueError: it is no verdict about whose face it is.
    """
    match verdict:
        case Verdict.MATCH | Verdict.RECOGNISED:
            return None
        case (
            Verdict.NO_MATCH
            | Verdict.NOT_RECOGNISED
            | Verdict.AMBIGUOUS
            | Verdict.NO_FACE
            | Verdict.MULTIPLE_FACES
            | Verdict.LOW_QUALITY
            | Verdict.SPOOF_SUSPECTED
            | Verdict.LIVENESS_UNAVAILABLE
        ):
            return Denial(verdict.value)
        case Verdict.LIVE | Verdict.ENROLLED | Verdict.LOOKALIKE | Verdict.IDENTITY_CONFLICT | Verdict.ALREADY_ENROLLED:
            raise ValueError(f"the verdict {verdict.value} does not say whose face it is")


def _denial_of_rules(person: Person | None, rules: AccessRules, *, device: str | None, at: datetime) -> Denial | None:
    door = rules.devices.get(device) if device else None
    if door is None and rules.known_devices_only:
        return Denial.UNKNOWN_DEVICE
    if person is None:
        return Denial.NO_LONGER_VALID
    door = door or DeviceRules()
    groups = rules.groups if door.groups is None else door.groups
    hours = rules.opening_hours if door.opening_hours is None else door.opening_hours
    if denial := _denial_of_validity(person, at):
        return denial
    if groups and not set(groups) & set(person.groups):
        return Denial.GROUP_NOT_ALLOWED
    return None if _is_open_at(at, hours, rules) else Denial.OUTSIDE_OPENING_HOURS


def _is_open_at(at: datetime, hours: Iterable[OpeningHours], rules: AccessRules) -> bool:
    if not hours and not rules.closed:
        return True
    try:
        local = at.astimezone(ZoneInfo(rules.timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False  # a zone that nobody knows any more: it may be closed
    return is_open(hours or ALWAYS, rules.closed, local)


def _denial_of_validity(person: Person, at: datetime) -> Denial | None:
    """His time is [valid_from, valid_until), and never goes on after his record's own expiry."""
    if person.valid_from is not None and at < person.valid_from:
        return Denial.NOT_YET_VALID
    ends = [end for end in (person.valid_until, person.expires_at) if end is not None]
    return Denial.NO_LONGER_VALID if any(at >= end for end in ends) else None


def is_open(hours: Iterable[OpeningHours], closed: Iterable[date], local: datetime) -> bool:
    """Whether any interval holds this moment of local time; none begins on a closed day."""
    today, wall = local.date(), f"{local:%H:%M}"
    shut = set(closed)

    def begins(interval: OpeningHours, day: date) -> bool:
        return day not in shut and list(Weekday)[day.weekday()] in interval.days

    def holds(interval: OpeningHours) -> bool:
        if interval.begins < interval.ends:
            return begins(interval, today) and interval.begins <= wall < interval.ends
        tonight = begins(interval, today) and wall >= interval.begins
        last_night = begins(interval, today - timedelta(days=1)) and wall < interval.ends
        return tonight or last_night

    return any(holds(interval) for interval in hours)
