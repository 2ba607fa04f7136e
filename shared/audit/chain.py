"""A log that nobody can change unnoticed: each entry carries the hash of the one before (values in, values out).

An entry's hash is the SHA-256 of its canonical JSON without the member `hash`. Canonical is as RFC 8785 has it, of
what entries may hold (objects, arrays, strings, integers, true, false, null): UTF-8, members sorted, no white space,
no escapes but those of quotation mark, reverse solidus and control characters. Fractions, whose texts differ between
programs, do not occur. The first entry follows `genesis(tenant)`, so one tenant's log cannot stand in for another's.

(The chain: S. Haber, W. S. Stornetta, "How to time-stamp a digital document", J. Cryptology 3, 1991.)
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shared.schemas import AuditEntry, AuditFact, AuditHead, AuditProblem, AuditVerification

GENESIS = "likeness audit log of tenant "
MOST_PROBLEMS = 100


@dataclass(frozen=True)
class Segment:
    """Lines that were appended together; `first` is the sequence number its name promises."""

    first: int
    data: bytes


def genesis(tenant: str) -> str:
    """What a tenant's first entry has for `previous`."""
    return hashlib.sha256(f"{GENESIS}{tenant}".encode()).hexdigest()


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one text of a JSON object, see above.

    Raises:
        ValueError: it holds a fraction, or text that is no Unicode.
    """
    _refuse_fractions(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(entry: Mapping[str, Any]) -> str:
    """What an entry has for `hash`; that member itself is left out."""
    return hashlib.sha256(canonical({name: value for name, value in entry.items() if name != "hash"})).hexdigest()


def seal(facts: Iterable[AuditFact], after: AuditHead) -> list[AuditEntry]:
    """The entries that follow a head."""
    entries = []
    for fact in facts:
        told = {**fact.model_dump(mode="json"), "sequence": after.sequence + 1, "previous": after.hash}
        entry = AuditEntry.model_validate({**told, "hash": digest(told)})
        after = AuditHead(sequence=entry.sequence, hash=entry.hash)
        entries.append(entry)
    return entries


def line(entry: AuditEntry) -> bytes:
    return canonical(entry.model_dump(mode="json")) + b"\n"


@dataclass
class _Walk:
    """Goes along the lines; `previous` is None after a line that says nothing."""

    previous: str | None
    newest: str
    sequence: int = 0
    entries: int = 0
    known: dict[int, set[str]] = field(default_factory=dict)  # sequence -> hashes, of heads that were noted
    wanted: set[str] = field(default_factory=set)  # hashes that were noted elsewhere and not met so far

    def step(self, text: bytes) -> Iterator[AuditProblem]:
        """What is wrong with the next line."""
        expected = self.sequence + 1
        entry = _parse(text)
        if entry is None:
            yield AuditProblem(sequence=expected, problem="altered: this is no entry")
            self.sequence, self.previous = expected, None
            return
        found, claimed = entry["sequence"], entry["hash"]
        self.entries += 1
        if found > expected:
            lost = f"missing: {expected}" + (f" to {found - 1}" if found > expected + 1 else "")
            yield AuditProblem(sequence=expected, problem=lost)
        elif found < expected:
            yield AuditProblem(sequence=found, problem="a second entry of this number, or not in its place")
            return
        if not _is_whole(entry, text):
            yield AuditProblem(sequence=found, problem="altered: its hash is not that of its content")
        elif found == expected and self.previous not in {None, entry["previous"]}:
            yield AuditProblem(sequence=found, problem="does not follow the entry before: one of the two was replaced")
        if self.known.get(found, {claimed}) != {claimed}:
            yield AuditProblem(sequence=found, problem="not the entry that a noted head names: the log was replaced")
        self.sequence, self.previous, self.newest = found, claimed, claimed
        self.wanted.discard(claimed)


def verify(
    segments: Iterable[Segment], tenant: str, heads: Iterable[AuditHead] = (), *, noted: Iterable[str] = ()
) -> AuditVerification:
    """Whether a log is whole: nothing altered, removed, inserted or moved, nothing cut off before a noted head.

    Args:
        segments: all of them, in the order of their names.
        tenant: whose log it is.
        heads: newest entries as they were noted at any time.
        noted: hashes of such, as earlier verifications told them.
    """
    start = genesis(tenant)
    walk = _Walk(previous=start, newest=start, wanted=set(noted) - {start})
    for head in heads:
        if head.sequence:
            walk.known.setdefault(head.sequence, set()).add(head.hash)
    found = _problems(walk, segments)
    problems = list(islice(found, MOST_PROBLEMS))
    for _ in found:  # to the end: what was read is counted
        pass
    return AuditVerification(valid=not problems, entries=walk.entries, head=walk.newest, problems=problems)


def _problems(walk: _Walk, segments: Iterable[Segment]) -> Iterator[AuditProblem]:
    for segment in segments:
        *lines, rest = segment.data.split(b"\n")
        if rest or not lines:
            yield AuditProblem(sequence=segment.first, problem="cut off: the segment does not end with a whole entry")
            lines += [rest] if rest else []
        if lines and (first := _parse(lines[0])) and first["sequence"] != segment.first:
            yield AuditProblem(sequence=segment.first, problem=f"the segment begins with entry {first['sequence']}")
        for text in lines:
            yield from walk.step(text)
    newest = max(walk.known, default=0)
    if newest > walk.sequence:
        lost = f"missing: {walk.sequence + 1} to {newest}, which were there when the head was noted"
        yield AuditProblem(sequence=walk.sequence + 1, problem=lost)
    for unmet in sorted(walk.wanted):
        lost = f"no entry has the noted hash {unmet}: the log was cut off, or written anew"
        yield AuditProblem(sequence=walk.sequence + 1, problem=lost)


def _parse(text: bytes) -> dict[str, Any] | None:
    """A line's members when it has those of a chain."""
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or type(entry.get("sequence")) is not int:
        return None
    return entry if isinstance(entry.get("hash"), str) and isinstance(entry.get("previous"), str) else None


def _is_whole(entry: Mapping[str, Any], text: bytes) -> bool:
    try:
        return digest(entry) == entry["hash"] and canonical(entry) == text
    except (ValueError, RecursionError):
        return False


def _refuse_fractions(value: object) -> None:
    match value:
        case float():
            raise ValueError("an audit entry holds no fractions")
        case dict():
            for inner in value.values():
                _refuse_fractions(inner)
        case list() | tuple():
            for inner in value:
                _refuse_fractions(inner)
