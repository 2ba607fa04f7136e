"""`Idempotency-Key` on every POST: a request that is sent again is done once.

The first request with a key claims it, together with the id of what it will make, before it does anything. A
repetition with the same content gets the job, or the answer that was kept; while the first is under way it is
told to come again. Where the first one broke off (its gateway died, Redis or the object store did not answer), a
repetition goes on in its place with the same id, so that there is one job (JobStore.submit is idempotent by id).
After draft-ietf-httpapi-idempotency-key-header-07; differences: a job is shown as it is now, and errors are not
kept.

What content is the same is judged by what it says: a form that is sent again has another boundary, and JSON may be
written in another order. Secrets are not kept, so an answer that showed one is repeated without it. Of what was refused
nothing is kept: nothing was done, and one client could fill Redis with refusals.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, NoReturn, cast

from flask import Response, abort, g, request
from redis import Redis
from redis.exceptions import RedisError
from werkzeug.datastructures import FileStorage, MultiDict

from gateway.context import caller, services
from gateway.errors import (
    IdempotencyAnswerGone,
    IdempotencyInProgress,
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
)
from gateway.web.responses import job_made
from shared.errors import JobNotFound, QueueUnavailable
from shared.jobs import NewJob

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[!-~]{1,255}")
KEPT_HEADERS = ("Content-Type", "Location", "Retry-After")
LONGEST_BODY = 256 * 2**10  # bytes of an answer that is kept
SHOWN_ONCE = frozenset({"token", "secret"})  # members of an answer that are not kept
JOB_LEASE_S = 10  # until a job is submitted; from then on a repetition finds it
LEASE_S = 300  # of what makes no job and may take its time, such as taking a batch in


@dataclass(frozen=True)
class Kept:
    """What is known of a key that is not free: `outcome` is reused, job, done or working."""

    outcome: str
    id: str = ""
    status: int = 0
    headers: str = ""
    body: str = ""


@dataclass(frozen=True)
class Claim:
    """A request's hold on a key; `id` is that of what it makes, `again` whether one before it broke off."""

    record: str
    owner: str
    id: str
    again: bool = False


class IdempotencyStore:
    """Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, prefix: str, *, kept_seconds: int) -> None:
        self._prefix = prefix
        self._kept_seconds = kept_seconds
        self._script = redis.register_script(files("gateway.web").joinpath("idempotency.lua").read_text())

    def claim(self, tenant: str, key: str, content: str, *, lease: float) -> Claim | Kept:
        """Take a key for a request with this content."""
        # Of the key no more than a digest: it may be as long as it likes, and say what it likes.
        record = f"{self._prefix}idempotency:{tenant}:{_digest(key.encode())}"
        owner = uuid.uuid4().hex
        found = self._run(record, "claim", owner, content, NewJob.new_id(), lease, self._kept_seconds)
        outcome, *known = cast("list[str]", found)
        if outcome == "claimed":
            return Claim(record, owner, known[0], again=bool(known[1]))
        job, status, headers, body = [*known, "", "", "", ""][:4]
        return Kept(outcome, job, int(status or 0), headers, body)

    def keep_job(self, claim: Claim) -> None:
        self._run(claim.record, "keep", claim.owner, "job", "1")

    def keep_answer(self, claim: Claim, status: int, headers: Mapping[str, str], body: str | None) -> None:
        """None for a body that is not kept: the key is used up all the same."""
        answer = () if body is None else ("headers", json.dumps(dict(headers)), "body", body)
        self._run(claim.record, "keep", claim.owner, "status", status, *answer)

    def release(self, claim: Claim) -> None:
        """Let a repetition go on in this one's place."""
        self._run(claim.record, "release", claim.owner)

    def forget(self, claim: Claim) -> None:
        """As if the key had not been used."""
        self._run(claim.record, "forget", claim.owner)

    def _run(self, record: str, operation: str, *arguments: str | float) -> Any:
        try:
            return self._script(args=[record, operation, *arguments])
        except RedisError as error:
            raise QueueUnavailable(f"Idempotency keys cannot be looked up ({type(error).__name__}).") from error


def read_header(*, makes_job: bool) -> None:
    """Of a POST; it takes effect when the content is known.

    Raises:
        InvalidIdempotencyKey
    """
    key = request.headers.get(HEADER) if request.method == "POST" else None
    if key is not None and not KEY.fullmatch(key):
        raise InvalidIdempotencyKey(f"{HEADER} must be 1 to 255 printable ASCII characters without spaces: use a UUID.")
    g.idempotency_key, g.lease = key, JOB_LEASE_S if makes_job else LEASE_S


def begin(content: Callable[[], str]) -> None:
    """Claim the request's key, if it has one, for its content; a repetition ends here with its answer.

    Raises:
        IdempotencyKeyReused, IdempotencyInProgress, IdempotencyAnswerGone, QueueUnavailable
    """
    if g.idempotency_key is None:
        return
    scopes = ",".join(sorted(caller().scopes))  # what is repeated was meant for whoever may see as much
    said = _digest("\0".join((request.method, request.full_path, scopes, content())).encode())
    held = services().idempotency.claim(caller().tenant, g.idempotency_key, said, lease=g.lease)
    if isinstance(held, Kept):
        _repeat(_replay(held))
    g.claim, g.chosen_id = held, held.id
    if held.again:
        with suppress(JobNotFound):  # what broke off had its job: its files are used and its session is taken
            answer = _job(held.id)
            g.job_made = True
            _repeat(answer)


def _repeat(answer: Response) -> NoReturn:
    answer.headers[REPLAYED] = "true"
    abort(answer)


def finish(response: Response) -> Response:
    """Keep what came of the request, if its key is claimed."""
    claim: Claim | None = g.get("claim")
    if claim is None:
        return response
    store = services().idempotency
    try:
        if g.get("job_made"):
            store.keep_job(claim)
        elif response.status_code == 429 or response.status_code >= 500:
            store.release(claim)
        elif response.status_code >= 400:
            store.forget(claim)
        else:
            kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
            store.keep_answer(claim, response.status_code, kept, _without_secrets(response))
    except QueueUnavailable:  # the work is done, and a repetition with the same id does no harm
        return response
    return response


def of_form(form: MultiDict[str, str], sent: MultiDict[str, FileStorage]) -> str:
    """What a form says; its files are read and can be read again."""
    texts = sorted((name, values) for name, values in form.lists())
    of_files = sorted((name, [_of_file(file) for file in values]) for name, values in sent.lists())
    return json.dumps([texts, of_files])


def of_json(value: Any) -> str:
    """What a JSON body says."""
    return json.dumps(value, sort_keys=True)


def _of_file(file: FileStorage) -> tuple[str, str]:
    digest = hashlib.file_digest(file.stream, "sha256").hexdigest()  # type: ignore[arg-type]
    file.stream.seek(0)
    return file.filename or "", digest


def _replay(kept: Kept) -> Response:
    match kept.outcome:
        case "reused":
            raise IdempotencyKeyReused(
                f"This {HEADER} was used for another request, or by a key of other scopes: take a new one for each."
            )
        case "job":
            return _job(kept.id)
        case "working":
            try:  # it may be waiting for the job that it has made
                return _job(kept.id)
            except JobNotFound:
                raise IdempotencyInProgress("The same request is being worked on: come again.") from None
        case _:
            if not kept.headers:
                raise IdempotencyAnswerGone("This request was done; its answer was too large or too personal to keep.")
            return Response(kept.body, kept.status, headers=json.loads(kept.headers))


def _job(job_id: str) -> Response:
    return job_made(services().jobs.get(caller().tenant, job_id))


def _without_secrets(response: Response) -> str | None:
    """The body of an answer, without what is shown once; None when it is too large, no text or says who somebody is."""
    if g.get("personal") or response.is_streamed or len(response.get_data()) > LONGEST_BODY:
        return None
    text = response.get_data(as_text=True)
    if response.mimetype != "application/json":
        return text
    said = json.loads(text)
    if SHOWN_ONCE.isdisjoint(said):
        return text
    return json.dumps({name: value for name, value in said.items() if name not in SHOWN_ONCE}, separators=(",", ":"))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
