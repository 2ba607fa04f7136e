"""Jobs: every POST that works makes one."""

import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from gateway.client._async.following import FINISHED, FIRST_POLL_S, SLOWEST_POLL_S, follow
from gateway.client._async.paging import pages
from gateway.client._async.transport import AsyncTransport
from gateway.client._async.uploads import AsyncUploads
from gateway.client.calls import Call, File, at
from gateway.client.documents import JobDocument, JobLinks, JobStatus, Problem, Progress
from gateway.client.errors import JobFailed, JobNotFinished, JobTimeout
from gateway.client.pauses import async_sleep
from gateway.client.server_sent_events import Event

T = TypeVar("T")

WAIT_S = 60.0
LEAST_READ_S = 5.0  # for an answer about a job, however little is left to wait for it
MOST_PREFERRED_S = 25  # asked of the gateway by `Prefer: wait`, which takes 30; after that we poll


class AsyncJob(Generic[T]):
    """A job, and its result once it has one. `document` is what the gateway said last."""

    def __init__(self, transport: AsyncTransport, document: JobDocument) -> None:
        self.document = document
        # an Idempotency-Key belongs to the request that made the job: to cancel it is another
        self._transport = replace(transport, idempotency_key=None)

    def __repr__(self) -> str:
        return f"<{self.type} {self.id}: {self.status}>"

    @property
    def id(self) -> str:
        return self.document["id"]

    @property
    def type(self) -> str:
        return self.document["type"]

    @property
    def status(self) -> JobStatus:
        return self.document["status"]

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    @property
    def progress(self) -> Progress | None:
        return self.document["progress"]

    @property
    def error(self) -> Problem | None:
        """Why it failed."""
        return self.document.get("error")

    @property
    def links(self) -> JobLinks:
        return self.document["links"]

    @property
    def result(self) -> T:
        """What it made.

        Raises:
            JobFailed: it ended without a result.
            JobNotFinished: it is still at it: wait() for it.
        """
        if not self.finished:
            raise JobNotFinished(f"Job {self.id} is {self.status}: wait for it.")
        if self.status != "succeeded":
            error = self.error or Problem(code=self.status, detail=f"The job is {self.status}.")
            raise JobFailed(self.id, error["code"], error["detail"])
        made: T = self.document["result"]
        return made

    async def refresh(self) -> Self:
        """Read it again."""
        return await self._read()

    async def _read(self, until: float = math.inf) -> Self:
        """`until`: by the monotonic clock, when nobody waits any more."""
        timeout = min(self._transport.timeout, max(LEAST_READ_S, until - time.monotonic()))
        self.document = await self._transport.json(Call("GET", at("jobs", self.id), timeout=timeout, patient=True))
        return self

    async def wait(self, timeout: float | None = WAIT_S) -> Self:
        """Wait until it is finished, well or not; None waits as long as it takes.

        Raises:
            JobTimeout: it was not finished in time; it goes on.
        """
        until = math.inf if timeout is None else time.monotonic() + timeout
        pause = FIRST_POLL_S
        while not (self.finished or (await self._read(until)).finished):
            left = until - time.monotonic()
            if left <= 0:
                raise JobTimeout(f"Job {self.id} is still {self.status} after {timeout:g} seconds; it goes on.")
            await async_sleep(min(pause, left))
            pause = min(SLOWEST_POLL_S, pause * 1.3)
        return self

    async def follow(self) -> AsyncIterator[Event]:
        """Its events to the last one, each once; afterwards the job is up to date."""
        async for event in follow(self._transport, at("jobs", self.id)):
            yield event
        await self.refresh()

    async def cancel(self) -> Self:
        """Cancel it: at once when it is queued, at its next step when it runs."""
        self.document = await self._transport.json(Call("POST", at("jobs", self.id, "cancel")))
        return self

    async def image(self) -> bytes:
        """The picture that a stylisation made."""
        return await self._transport.content(at("jobs", self.id, "image"))

    async def save_image(self, target: Path) -> int:
        """Write the picture that a stylisation made to a file; its size in bytes."""
        return await self._transport.save(Call("GET", at("jobs", self.id, "image")), target)

    async def report(self) -> dict[str, bytes]:
        """The files of the report of an evaluation, a training or a visualisation, by name."""
        found = {}
        for path in self.links.get("report", []):
            found[path.rpartition("/")[2]] = await self._transport.content(path)
        return found


class AsyncJobs:
    """The jobs of the last day."""

    def __init__(self, transport: AsyncTransport, uploads: AsyncUploads) -> None:
        self._transport = transport
        self._uploads = uploads

    def list(self) -> AsyncIterator[JobDocument]:
        """The newest first."""
        return pages(self._transport, at("jobs"), "jobs")

    async def get(self, job: str) -> AsyncJob[Any]:
        return AsyncJob(self._transport, await self._transport.json(Call("GET", at("jobs", job))))

    async def wait(self, job: str, timeout: float | None = WAIT_S) -> AsyncJob[Any]:
        """The job once it is finished, well or not.

        Raises:
            JobTimeout: it was not finished in time; it goes on.
        """
        longest = min(self._transport.timeout, max(LEAST_READ_S, math.inf if timeout is None else timeout))
        found = await self._transport.json(Call("GET", at("jobs", job), timeout=longest, patient=True))
        return await AsyncJob[Any](self._transport, found).wait(timeout)

    def follow(self, job: str) -> AsyncIterator[Event]:
        """Its events to the last one, each once."""
        return follow(self._transport, at("jobs", job))

    async def cancel(self, job: str) -> AsyncJob[Any]:
        return AsyncJob(self._transport, await self._transport.json(Call("POST", at("jobs", job, "cancel"))))

    async def start(
        self,
        path: str,
        files: Mapping[str, File | Sequence[File] | None],
        fields: Mapping[str, Any],
        *,
        wait: float,
    ) -> AsyncJob[Any]:
        """Post a form that makes a job, and wait so many seconds for it to finish; 0: do not wait."""
        until = time.monotonic() + wait
        parts = await self._uploads.form(files, fields)
        # the answer must be here before the call's own time is over
        preferred = min(MOST_PREFERRED_S, int(wait), int(self._transport.timeout / 2))
        headers = {"Prefer": f"wait={preferred}"} if preferred else {}
        job: AsyncJob[Any] = AsyncJob(
            self._transport, await self._transport.json(Call("POST", path, parts=parts, headers=headers))
        )
        if wait and not job.finished:
            with suppress(JobTimeout):  # then it is returned as it is
                await job.wait(max(0.0, until - time.monotonic()))
        return job
