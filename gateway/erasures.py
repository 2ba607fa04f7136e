"""`/v1/erasures`: the log of who was erased, to keep outside, and its replay after a backup was restored."""

from collections.abc import Iterator
from itertools import chain, islice

from apiflask import APIBlueprint
from flask import Response
from pydantic import ValidationError

from gateway.auth import Scope
from gateway.context import caller, services, trace_id
from gateway.telling import tell
from gateway.web.bodies import Body, LogFile, read_body
from gateway.web.operations import Operation, operation
from gateway.web.responses import document
from shared.erasures.log import Erasure
from shared.erasures.replay import ReplayReport
from shared.errors import InvalidErasureLog

blueprint = APIBlueprint("erasures", __name__, url_prefix="/v1/erasures")

JSON_LINES = "application/x-ndjson"
MOST_LINES = 1_000_000


class Replay(Body):
    log: LogFile


@blueprint.get("")
@operation(Operation({200: JSON_LINES}, scope=Scope.ADMIN))
def read_erasures() -> Response:
    """The erasure log as JSON lines, the oldest first: `{gallery, uid, erased_at, reason}`.

    Entries that a replay has brought in have `replayed_at` and `replayed_by` (the id of the key) beside. It names
    nobody. Keep it apart from the backups: whoever restores one sends the log to POST /v1/erasures/replay,
    and nobody who was erased comes back.
    """
    entries = services().galleries.erasures.entries(caller().tenant)
    first = list(islice(entries, 1))  # before the answer begins: later an outage could not be told
    return Response((f"{entry.line()}\n" for entry in chain(first, entries)), mimetype=JSON_LINES)


@blueprint.post("/replay")
@operation(Operation({200: ReplayReport}, scope=Scope.ADMIN, body=Replay))
def replay_erasures() -> Response:
    """Erase again whom a restored backup brought back: `log` is the file that GET /v1/erasures answered.

    An entry from a time to come, or of somebody who came into being after it, is none of an erasure: the log is refused
    then. From the first moment on no worker finds them; what is stored of them is then deleted, a second or so for each
    thousand faces, before the answer comes. An interrupted replay is completed by itself; repeating it does no
    harm.
    """
    entries = list(_entries(read_body(Replay).log))
    asked = caller()
    services().replayer.check(asked.tenant, entries)
    tell("erasures.replayed", entries=len(entries))
    report = services().replayer.replay(asked.tenant, entries, actor=asked.id, trace=trace_id())
    return document(report)


def _entries(log: bytes) -> Iterator[Erasure]:
    """Raises InvalidErasureLog, which names the line."""
    for number, line in enumerate(log.splitlines(), 1):
        if number > MOST_LINES:
            raise InvalidErasureLog(f"`log` has more than {MOST_LINES:,} lines: send it in parts.")
        if not line.strip():
            continue
        try:
            yield Erasure.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise InvalidErasureLog(
                f"`log`: line {number} is not one of an erasure log: `{where[:64]}`: {first['msg']}."
            ) from None
