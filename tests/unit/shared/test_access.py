"""Whether a door opens, at any moment, for anybody."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.access import ALWAYS, SENTENCES, decide, denial_of_face, is_open
from shared.ml.face.verification import Verdict
from shared.schemas import AccessRules, Decision, Denial, OpeningHours, Person, Weekday

MONDAY = date(2026, 11, 23)
SUNDAY = MONDAY - timedelta(days=1)
YES = {Verdict.MATCH, Verdict.RECOGNISED}
ABOUT_NOBODY = {
    Verdict.LIVE,
    Verdict.ENROLLED,
    Verdict.LOOKALIKE,
    Verdict.IDENTITY_CONFLICT,
    Verdict.ALREADY_ENROLLED,
}


def hours(begins: str, ends: str, *days: str) -> OpeningHours:
    return OpeningHours.model_validate({"days": days or tuple(Weekday), "from": begins, "to": ends})


def rules(**changes: Any) -> AccessRules:
    return AccessRules.model_validate(changes)


def person(**changes: Any) -> Person:
    made = {"id": "ada", "uid": "u1", "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return Person.model_validate({**made, **changes})


def at(text: str, zone: str = "UTC") -> datetime:
    """A moment by the wall clock of a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def denied(given_rules: AccessRules, who: Person | None = None, **where: Any) -> Denial | None:
    """Why the right face does not open the door."""
    where = {"device": None, "at": at("2026-11-23T10:00"), **where}
    return decide(Verdict.RECOGNISED, who or person(), given_rules, **where).denial


# --- the face ---


def test_without_rules_the_right_face_opens() -> None:
    for verdict in YES:
        outcome = decide(verdict, person(), AccessRules(), device=None, at=at("2026-11-23T03:00"))
        assert (outcome.decision, outcome.denial, outcome.sentence) == (Decision.GRANTED, None, None)


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - YES - ABOUT_NOBODY))
def test_every_other_verdict_is_denied_by_its_name(verdict: Verdict) -> None:
    outcome = decide(verdict, person(), AccessRules(), device=None, at=at("2026-11-23T10:00"))
    assert (outcome.decision, outcome.denial) == (Decision.DENIED, Denial(verdict.value))


@pytest.mark.parametrize("verdict", sorted(ABOUT_NOBODY))
def test_a_verdict_about_something_else_is_a_fault_of_the_caller(verdict: Verdict) -> None:
    with pytest.raises(ValueError, match=verdict.value):
        denial_of_face(verdict)


def test_the_face_comes_before_the_rules() -> None:
    """Who is nobody here learns nothing about hours and groups."""
    strict = rules(groups=["staff"], known_devices_only=True)
    assert decide(Verdict.NO_MATCH, None, strict, device=None, at=at("2026-11-23T10:00")).denial is Denial.NO_MATCH


def test_a_person_who_was_erased_meanwhile_stays_outside() -> None:
    assert decide(Verdict.MATCH, None, AccessRules(), device=None, at=at("2026-11-23T10:00")).denial is (
        Denial.NO_LONGER_VALID
    )


def test_every_denial_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Denial)


# --- validity ---


@pytest.mark.parametrize(
    ("second", "expected"),
    [(-1, Denial.NOT_YET_VALID), (0, None), (9, None), (10, Denial.NO_LONGER_VALID)],
)
def test_validity_begins_with_its_first_moment_and_ends_before_its_last(second: int, expected: Denial | None) -> None:
    begin = at("2026-11-23T10:00")
    who = person(valid_from=begin, valid_until=begin + timedelta(seconds=10))
    assert denied(AccessRules(), who, at=begin + timedelta(seconds=second)) is expected


def test_a_record_past_its_retention_opens_nothing() -> None:
    end = at("2026-11-23T10:00")
    assert denied(AccessRules(), person(expires_at=end), at=end) is Denial.NO_LONGER_VALID
    later = person(valid_until=end + timedelta(days=9), expires_at=end)
    assert denied(AccessRules(), later, at=end) is Denial.NO_LONGER_VALID


def test_moments_are_compared_across_zones() -> None:
    who = person(valid_until=at("2026-11-23T12:00", "Europe/Athens"))  # 10:00 UTC
    assert denied(AccessRules(), who, at=at("2026-11-23T09:59")) is None
    assert denied(AccessRules(), who, at=at("2026-11-23T10:00")) is Denial.NO_LONGER_VALID


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        person(valid_from="2026-11-23T10:00:00")


# --- groups and devices ---


def test_one_group_in_common_is_enough() -> None:
    assert denied(rules(groups=["a", "b"]), person(groups=["b", "c"])) is None
    assert denied(rules(groups=["a", "b"]), person(groups=["c"])) is Denial.GROUP_NOT_ALLOWED
    assert denied(rules(groups=["a"]), person()) is Denial.GROUP_NOT_ALLOWED


def test_a_door_has_groups_and_hours_of_its_own() -> None:
    given_rules = rules(
        groups=["staff"],
        opening_hours=[hours("08:00", "18:00")],
        devices={"vault": {"groups": ["board"]}, "gate": {"groups": [], "opening_hours": []}},
    )
    night, noon = at("2026-11-23T23:00"), at("2026-11-23T12:00")
    staff, guest = person(groups=["staff"]), person()
    assert denied(given_rules, staff, at=noon) is None
    assert denied(given_rules, staff, at=noon, device="unlisted") is None
    assert denied(given_rules, staff, at=noon, device="vault") is Denial.GROUP_NOT_ALLOWED
    assert denied(given_rules, person(groups=["board"]), at=night, device="vault") is Denial.OUTSIDE_OPENING_HOURS
    assert denied(given_rules, guest, at=noon) is Denial.GROUP_NOT_ALLOWED
    assert denied(given_rules, guest, at=night, device="gate") is None


@pytest.mark.parametrize(("device", "expected"), [("gate", None), ("other", Denial.UNKNOWN_DEVICE)])
def test_a_gallery_may_know_its_devices(device: str, expected: Denial | None) -> None:
    known = rules(devices={"gate": {}}, known_devices_only=True)
    assert denied(known, device=device) is expected
    assert denied(known, device=None) is Denial.UNKNOWN_DEVICE


# --- opening hours ---


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("07:59:59", False), ("08:00:00", True), ("17:59:59.999", True), ("18:00:00", False)],
)
def test_hours_hold_their_first_minute_and_not_their_last(moment: str, expected: bool) -> None:
    assert is_open([hours("08:00", "18:00")], (), at(f"2026-11-23T{moment}")) is expected


def test_there_may_be_several_intervals_a_day() -> None:
    day = [hours("08:00", "12:00", "mon"), hours("13:00", "17:00", "mon")]
    opened = [is_open(day, (), at(f"2026-11-23T{time}")) for time in ("11:30", "12:30", "13:30")]
    assert opened == [True, False, True]
    assert not is_open(day, (), at("2026-11-24T11:30"))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T21:59", False),
        ("2026-11-20T22:00", True),  # Friday
        ("2026-11-21T05:59", True),
        ("2026-11-21T06:00", False),
        ("2026-11-21T22:30", False),  # Saturday
        ("2026-11-20T03:00", False),  # the night from Thursday
    ],
)
def test_a_night_belongs_to_the_day_it_begins_on(moment: str, expected: bool) -> None:
    assert is_open([hours("22:00", "06:00", "fri")], (), at(moment)) is expected


def test_the_same_time_twice_is_a_whole_day() -> None:
    whole = [hours("00:00", "00:00", "mon")]
    assert is_open(whole, (), at("2026-11-23T00:00"))
    assert is_open(whole, (), at("2026-11-23T23:59:59"))
    assert not is_open(whole, (), at("2026-11-24T00:00"))


def test_on_a_closed_day_nothing_begins_and_what_began_before_goes_on() -> None:
    night = [hours("22:00", "06:00")]
    assert is_open(night, [MONDAY], at("2026-11-23T05:00"))
    assert not is_open(night, [MONDAY], at("2026-11-23T23:00"))
    assert not is_open(night, [MONDAY], at("2026-11-24T05:00"))
    always = rules(closed=["2026-11-23"])
    assert denied(always, at=at("2026-11-23T10:00")) is Denial.OUTSIDE_OPENING_HOURS
    assert denied(always, at=at("2026-11-24T00:00")) is None


def test_hours_are_those_of_the_gallerys_own_clock() -> None:
    athens = rules(opening_hours=[hours("08:00", "18:00")], timezone="Europe/Athens")
    assert denied(athens, at=at("2026-11-23T06:00")) is None  # 08:00 there
    assert denied(athens, at=at("2026-11-23T16:00")) is Denial.OUTSIDE_OPENING_HOURS
    in_summer = at("2026-07-06T05:00")
    assert denied(athens, at=in_summer) is None  # three hours ahead then


def test_the_hour_that_does_not_exist_is_skipped() -> None:
    """Berlin, 29 March 2026: 01:59:59 is followed by 03:00."""
    berlin = rules(opening_hours=[hours("02:15", "02:45"), hours("02:30", "04:00")], timezone="Europe/Berlin")
    before = datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC)
    assert denied(berlin, at=before) is Denial.OUTSIDE_OPENING_HOURS
    assert denied(berlin, at=before + timedelta(seconds=1)) is None


def test_a_time_that_comes_twice_is_inside_both_times() -> None:
    """Berlin, 25 October 2026: after 02:59:59 it is 02:00 again."""
    berlin = rules(opening_hours=[hours("02:00", "02:30")], timezone="Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)
    moments = [first + timedelta(minutes=minutes) for minutes in (0, 30, 60, 90)]  # 02:10, 02:40, 02:10, 02:40
    assert [denied(berlin, at=moment) is None for moment in moments] == [True, False, True, False]


walls = st.times().map(lambda time: f"{time:%H:%M}")
moments = st.datetimes(min_value=datetime(2020, 1, 2), max_value=datetime(2030, 1, 1))


@given(begins=walls, ends=walls, moment=moments)
def test_an_interval_and_the_rest_of_the_day_are_never_open_together(begins: str, ends: str, moment: datetime) -> None:
    if begins != ends:
        opened = [is_open([interval], (), moment) for interval in (hours(begins, ends), hours(ends, begins))]
        assert opened.count(True) == 1


@given(begins=walls, ends=walls, day=st.sampled_from(Weekday), moment=moments)
def test_more_hours_open_no_fewer_doors(begins: str, ends: str, day: Weekday, moment: datetime) -> None:
    few = [hours("08:00", "18:00")]
    assert is_open([*few, hours(begins, ends, day.value)], (), moment) or not is_open(few, (), moment)


# --- what rules may be ---


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "Europe", "/etc/localtime", "x" * 300])
def test_a_door_whose_zone_is_no_longer_known_stays_shut_where_the_time_matters(zone: str) -> None:
    """The database's next version may lack it: what is kept with it can still be read."""
    kept = AccessRules.model_validate_json(f'{{"timezone": "{zone[:64]}"}}')
    shut = [kept.model_copy(update=more) for more in ({"opening_hours": ALWAYS}, {"closed": (date(2027, 1, 1),)})]
    assert denied(kept) is None
    assert [denied(one) for one in shut] == [Denial.OUTSIDE_OPENING_HOURS] * 2


@pytest.mark.parametrize("time", ["24:00", "8:00", "08:60", "08:00:00", "08:00Z", "noon", "０８:00", "08:00\n"])
def test_a_time_of_day_has_hours_and_minutes(time: str) -> None:
    with pytest.raises(ValidationError, match="from"):
        hours(time, "18:00")


def test_rules_come_back_as_they_were_sent() -> None:
    sent = {"opening_hours": [{"days": ["mon"], "from": "08:00", "to": "18:00"}], "closed": ["2027-01-01"]}
    kept = rules(**sent).model_dump(mode="json")
    assert {name: kept[name] for name in sent} == sent
    assert AccessRules.model_validate_json(rules(**sent).model_dump_json()) == rules(**sent)
