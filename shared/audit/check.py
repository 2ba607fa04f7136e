"""Verifying a log where it lies: the chain of its segments, and that the packs are true copies of them.

Without the service: `python -m shared.audit.check FOLDER --tenant T --head HASH` for a copy of `audit/T/`.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from shared.audit.chain import MOST_PROBLEMS, Segment, verify
from shared.audit.objects import PACK, AuditObjects, Chunk, chunk_of, is_segment, last_of_pack, pack_key
from shared.schemas import AuditHead, AuditProblem, AuditVerification

HASH = re.compile(r"[0-9a-f]{64}")
STRANGER = "among the segments lies an object that is none"


def check(
    objects: AuditObjects, tenant: str, heads: Iterable[AuditHead], noted: Iterable[str] = ()
) -> AuditVerification:
    """Whether a tenant's log is whole; reads every object."""
    of_copies: list[AuditProblem] = []
    found = verify(_beside_packs(objects, tenant, of_copies), tenant, heads, noted=noted)
    explained = {last_of_pack(problem.sequence) for problem in found.problems}
    more = [one for one in of_copies if last_of_pack(one.sequence) not in explained]
    problems = [*found.problems, *more][:MOST_PROBLEMS]
    return found.model_copy(update={"valid": not problems, "problems": problems})


def check_folder(folder: Path, tenant: str, noted: Iterable[str] = ()) -> AuditVerification:
    """The same for a copy of the segments on a disk."""
    names = sorted(path.name for path in folder.iterdir())
    whole = [name for name in names if is_segment(name) and (folder / name).is_file()]
    segments = (Segment(chunk_of(name).first, (folder / name).read_bytes()) for name in whole)
    found = verify(segments, tenant, noted=noted)
    strangers = [AuditProblem(sequence=0, problem=f"{STRANGER}: {name}") for name in sorted({*names} - {*whole})]
    problems = [*strangers, *found.problems][:MOST_PROBLEMS]
    return found.model_copy(update={"valid": not problems, "problems": problems})


def _beside_packs(objects: AuditObjects, tenant: str, problems: list[AuditProblem]) -> Iterator[Segment]:
    """All segments; what is wrong with packs, or lies between the segments, is added to the problems."""
    packs: dict[int, list[str]] = defaultdict(list)
    for key in objects.pack_keys(tenant):  # first: what is packed meanwhile need not be looked at
        packs[_number(key)].append(key)
    keys = list(objects.segment_keys(tenant))
    problems += [AuditProblem(sequence=0, problem=STRANGER) for key in keys if not is_segment(key)]
    segments = objects.read(chunk_of(key) for key in keys if is_segment(key))
    for last, group in groupby(segments, lambda segment: last_of_pack(segment.first)):
        data = b""
        for segment in group:
            data += segment.data
            yield segment
        first = last - PACK + 1
        copies = packs.pop(first, [])
        if copies and not _is_copy(objects, copies, pack_key(tenant, first, data), data):
            problems.append(AuditProblem(sequence=first, problem="the pack from here on differs from its segments"))
    problems += [AuditProblem(sequence=first, problem="a pack without segments") for first in packs]


def _is_copy(objects: AuditObjects, keys: Sequence[str], expected: str, data: bytes) -> bool:
    return list(keys) == [expected] and [one.data for one in objects.read([Chunk(expected, 0)])] == [data]


def _number(pack: str) -> int:
    """0 when the name is none of a pack."""
    number = pack.rpartition("/")[2].partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() else 0


def main() -> int:
    """Exit status 1 when the log is not whole, or not there."""
    parser = argparse.ArgumentParser(prog="python -m shared.audit.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="with the segments: 000000000001.jsonl and so on")
    parser.add_argument("--tenant", default="default")
    parser.add_argument("--head", action="append", default=[], metavar="HASH", help="as it was noted; may be repeated")
    options = parser.parse_args()
    if not all(HASH.fullmatch(text) for text in options.head):
        parser.error("--head must be the 64 digits that an earlier verification told")
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is no folder")
    found = check_folder(options.folder, options.tenant, options.head)
    for problem in found.problems:
        sys.stdout.write(f"entry {problem.sequence}: {problem.problem}\n")
    if not found.entries:
        sys.stdout.write("there is no entry: is this the folder?\n")
        return 1
    verdict = "whole" if found.valid else "NOT whole"
    sys.stdout.write(f"{verdict}: {found.entries} entries, head {found.head}\n")
    return 0 if found.valid else 1


if __name__ == "__main__":
    sys.exit(main())
