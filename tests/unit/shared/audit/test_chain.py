"""The chain by itself: its values by hand, and what somebody may do to a log that must be noticed."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit.chain import Segment, canonical, digest, genesis, line, seal, verify
from shared.schemas import AuditEntry, AuditFact, AuditHead, AuditVerification

TENANT = "acme"
START = AuditHead(sequence=0, hash=genesis(TENANT))
AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def fact(number: int, **more: Any) -> AuditFact:
    members = {"id": f"{number}-0", "at": AT, "action": "verification", "actor": "key1", "request_id": "r", **more}
    return AuditFact.model_validate(members)


def entries(count: int) -> list[AuditEntry]:
    return seal([fact(number) for number in range(1, count + 1)], START)


def segments(found: Sequence[AuditEntry], size: int = 3) -> list[Segment]:
    groups = [found[start : start + size] for start in range(0, len(found), size)]
    return [Segment(group[0].sequence, b"".join(map(line, group))) for group in groups]


def told(found: AuditVerification) -> list[tuple[int, str]]:
    """Where, and the first words of what."""
    return [(problem.sequence, problem.problem.partition(":")[0]) for problem in found.problems]


def check(found: Sequence[Segment], *heads: AuditHead) -> AuditVerification:
    return verify(found, TENANT, heads)


# --- values ---


def test_the_first_entry_follows_the_tenants_own_genesis() -> None:
    expected = hashlib.sha256(b"likeness audit log of tenant acme").hexdigest()
    assert genesis("acme") == expected == entries(1)[0].previous
    assert genesis("other") != expected


def test_a_hash_is_that_of_the_text_that_was_written_less_itself() -> None:
    """Computed from the bytes of the line, as somebody without this code would."""
    (entry,) = seal([fact(1, person="u1", details={"b": 1, "a": ["ü"]})], START)
    text = line(entry).decode()
    without = text.rstrip("\n").replace(f'"hash":"{entry.hash}",', "")
    assert hashlib.sha256(without.encode()).hexdigest() == entry.hash
    assert without == (
        '{"action":"verification","actor":"key1","at":"2026-11-22T08:00:00Z","decision":null,"details":{"a":["ü"],"b":1},'
        '"device":null,"gallery":null,"id":"1-0","job":null,"outcome":null,"person":"u1","policy":null,'
        f'"previous":"{genesis(TENANT)}","reason":null,"request_id":"r","sequence":1}}'
    )


def test_entries_are_numbered_and_each_names_the_one_before() -> None:
    first, second, third = entries(3)
    assert [one.sequence for one in (first, second, third)] == [1, 2, 3]
    assert (second.previous, third.previous) == (first.hash, second.hash)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ({"a": [True, None, "x y"]}, '{"a":[true,null,"x y"]}'),
        ({"a": "€ \u2028 \x7f"}, '{"a":"€ \u2028 \x7f"}'),
        ({"a": '"\\/\b\f\n\r\t\x01'}, '{"a":"\\"\\\\/\\b\\f\\n\\r\\t\\u0001"}'),
        ({"é": 1, "e": 2}, '{"e":2,"é":1}'),
    ],
)
def test_the_canonical_form_is_that_of_rfc_8785(value: dict[str, Any], text: str) -> None:
    assert canonical(value) == text.encode()


@pytest.mark.parametrize("value", [{"a": 0.5}, {"a": [1.0]}, {"a": {"b": float("nan")}}, {"a": "\ud800"}])
def test_what_has_no_one_text_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fractions|surrogates"):
        canonical(value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, PLAIN, max_size=6))
def test_the_canonical_form_says_the_same_and_does_not_depend_on_the_order(value: dict[str, Any]) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(dict(reversed(value.items()))) == text
    assert canonical(json.loads(text)) == text


# --- a whole log ---


def test_a_whole_log_is_valid_and_its_head_is_its_newest_entry() -> None:
    made = entries(7)
    head = AuditHead(sequence=7, hash=made[-1].hash)
    found = check(segments(made), head, AuditHead(sequence=3, hash=made[2].hash))
    assert found == AuditVerification(valid=True, entries=7, head=head.hash, problems=[])


def test_an_empty_log_is_valid() -> None:
    assert check([]) == AuditVerification(valid=True, entries=0, head=START.hash, problems=[])


def test_a_log_may_hold_members_that_a_newer_version_added() -> None:
    told_more = {**entries(1)[0].model_dump(mode="json"), "newer": "yes"}
    data = canonical({**told_more, "hash": digest(told_more)}) + b"\n"
    assert check([Segment(1, data)]).valid


# --- tampering ---


def changed(number: int, change: Callable[[bytes], bytes], count: int = 7) -> AuditVerification:
    """A log in which the line of one entry was changed."""
    texts = [line(entry) for entry in entries(count)]
    texts[number - 1] = change(texts[number - 1])
    starts = range(0, count, 3)
    return check([Segment(start + 1, b"".join(texts[start : start + 3])) for start in starts])


@pytest.mark.parametrize("number", [1, 4, 7])
def test_a_changed_byte_is_found_at_its_entry_and_nowhere_else(number: int) -> None:
    found = changed(number, lambda text: text.replace(b"verification", b"verificatiom"))
    assert told(found) == [(number, "altered")]
    assert not found.valid


def test_every_single_byte_matters() -> None:
    length = len(line(entries(2)[1]))
    for place in range(length):

        def flip(text: bytes, place: int = place) -> bytes:
            return text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]

        assert not changed(2, flip, 3).valid, place


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b'":"', b'": "', 1),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.replace(b'"reason":null', b'"reason":null,"reason":null'),
        lambda text: text.replace(b"verification", b"verif\\u0069cation"),
    ],
    ids=["white space", "line end", "repeated member", "escape"],
)
def test_another_text_of_the_same_entry_is_noticed(change: Callable[[bytes], bytes]) -> None:
    assert told(changed(4, change)) == [(4, "altered")]


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"sequence":true,"hash":"","previous":""}']
)
def test_a_line_that_is_no_entry_is_named_and_the_rest_still_checked(text: bytes) -> None:
    assert told(changed(4, lambda _: text + b"\n")) == [(4, "altered")]


def test_an_entry_written_anew_with_its_hash_does_not_fit_the_next() -> None:
    made = entries(7)
    forged = seal([fact(4, person="somebody else")], AuditHead(sequence=3, hash=made[2].hash))
    found = check(segments([*made[:3], *forged, *made[4:]]))
    assert told(found) == [(5, "does not follow the entry before")]


def test_a_deleted_entry_is_missed() -> None:
    made = entries(7)
    texts = b"".join(line(entry) for entry in made if entry.sequence != 4)
    assert told(check([Segment(1, texts)])) == [(4, "missing")]


def test_a_deleted_segment_is_missed() -> None:
    found = check([*segments(entries(9))[:1], *segments(entries(9))[2:]])
    assert told(found) == [(4, "missing")]
    assert "4 to 6" in found.problems[0].problem


def test_a_deleted_first_segment_is_missed() -> None:
    assert told(check(segments(entries(9))[1:])) == [(1, "missing")]


def test_swapped_entries_are_noticed() -> None:
    made = entries(4)
    texts = b"".join(map(line, (made[0], made[2], made[1], made[3])))
    assert [sequence for sequence, _ in told(check([Segment(1, texts)]))] == [2, 2]


def test_swapped_segments_are_noticed() -> None:
    one, two, three = segments(entries(9))
    found = check([one, Segment(4, three.data), Segment(7, two.data)])
    assert {sequence for sequence, _ in told(found)} >= {4, 7}


@given(st.lists(st.integers(0, 5), max_size=8))
def test_no_other_choice_or_order_of_the_lines_is_valid(chosen: list[int]) -> None:
    made = entries(6)
    texts = b"".join(line(made[number]) for number in chosen)
    found = check(
        [Segment(made[chosen[0]].sequence, texts)] if chosen else [], AuditHead(sequence=6, hash=made[5].hash)
    )
    assert found.valid == (chosen == list(range(6)))


def test_a_forged_further_segment_is_noticed() -> None:
    made = entries(6)
    forged = seal([fact(99)], AuditHead(sequence=3, hash="0" * 64))
    found = check([segments(made)[0], Segment(4, line(forged[0])), segments(made)[1]])
    assert told(found)[0] == (4, "does not follow the entry before")


def test_a_copy_of_a_segment_is_noticed() -> None:
    one, two = segments(entries(6))
    assert told(check([one, one, two]))[0] == (1, "a second entry of this number, or not in its place")


def test_a_cut_off_end_is_seen_from_a_head_that_was_noted() -> None:
    made = entries(9)
    cut = segments(made)[:2]
    assert check(cut).valid  # nothing else could tell
    found = check(cut, AuditHead(sequence=9, hash=made[-1].hash))
    assert told(found) == [(7, "missing")]
    assert "7 to 9" in found.problems[0].problem


def test_a_torn_segment_is_noticed() -> None:
    (segment,) = segments(entries(2))
    found = check([Segment(1, segment.data[:-40])])
    assert {sequence for sequence, _ in told(found)} == {1, 2}


def test_a_log_replaced_as_a_whole_is_seen_from_a_head_that_was_noted() -> None:
    honest = entries(3)
    forged = seal([fact(number, actor="nobody") for number in (1, 2, 3)], START)
    assert check(segments(forged)).valid
    found = check(segments(forged), AuditHead(sequence=2, hash=honest[1].hash))
    assert told(found) == [(2, "not the entry that a noted head names")]


def test_a_hash_that_was_noted_at_any_time_must_be_in_the_log() -> None:
    made = entries(3)
    for noted in (START.hash, made[0].hash, made[2].hash):
        assert verify(segments(made), TENANT, noted=[noted]).valid
    forged = seal([fact(number, actor="nobody") for number in (1, 2, 3)], START)
    found = verify(segments(forged), TENANT, noted=[made[0].hash, forged[0].hash])
    assert [problem.problem for problem in found.problems] == [
        f"no entry has the noted hash {made[0].hash}: the log was cut off, or written anew"
    ]


def test_another_tenants_log_is_not_taken_for_this_ones() -> None:
    found = verify(segments(entries(3)), "other")
    assert told(found) == [(1, "does not follow the entry before")]


def test_a_segment_under_a_false_name_is_noticed() -> None:
    (segment,) = segments(entries(3))
    assert told(check([Segment(2, segment.data)])) == [(2, "the segment begins with entry 1")]


def test_of_many_problems_the_first_hundred_are_told_and_all_entries_counted() -> None:
    texts = [line(entry).replace(b"verification", b"x") for entry in entries(150)]
    found = check([Segment(1, b"".join(texts))])
    assert (len(found.problems), found.entries) == (100, 150)
