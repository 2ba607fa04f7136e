"""Galleries and the people in them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Unpack

from gateway.client._async.jobs import AsyncJob, AsyncJobs
from gateway.client._async.paging import pages
from gateway.client._async.transport import AsyncTransport
from gateway.client.calls import Call, File, at, checked_id
from gateway.client.documents import Erasure, Feedback, Gallery, MergedPerson, Person, PersonWithFaces
from gateway.client.options import GalleryRules, NewGalleryOptions, PersonFields, PersonFilter

LONG_S = 600.0  # a large gallery is not written in a minute


class AsyncGalleries:
    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport = transport
        self._jobs = jobs

    async def create(self, gallery: str, **options: Unpack[NewGalleryOptions]) -> Gallery:
        made: Gallery = await self._transport.json(
            Call("POST", at("galleries"), json={"id": checked_id(gallery), **options})
        )
        return made

    async def get(self, gallery: str) -> Gallery:
        found: Gallery = await self._transport.json(Call("GET", at("galleries", gallery)))
        return found

    async def change(self, gallery: str, **rules: Unpack[GalleryRules]) -> Gallery:
        """Change its rules; those that are left out stay."""
        changed: Gallery = await self._transport.json(Call("PATCH", at("galleries", gallery), json=rules))
        return changed

    async def delete(self, gallery: str) -> None:
        """Delete it with everybody in it."""
        await self._transport.json(Call("DELETE", at("galleries", gallery)))

    async def export(self, gallery: str, target: Path) -> int:
        """Write its people and their templates to a file (NDJSON), for backup and migration; its size in bytes."""
        call = Call("GET", at("galleries", gallery, "export"), timeout=LONG_S)
        return await self._transport.save(call, target)

    async def import_(
        self, gallery: str, archive: File, *, on_conflict: str = "skip", wait: float = 0
    ) -> AsyncJob[Any]:
        """Take in what `export` wrote; `on_conflict`: skip, or replace people who are there."""
        path, fields = at("galleries", gallery, "imports"), {"on_conflict": on_conflict}
        return await self._jobs.start(path, {"archive": archive}, fields, wait=wait)

    async def give_feedback(
        self, gallery: str, job: str, kind: str, *, face: int | None = None, person: str | None = None
    ) -> Feedback:
        """Say that an answer was wrong: `kind` is wrong_person or not_recognised_but_is. Calibrations use it."""
        given = {"job": job, "kind": kind, "face": face, "person": person}
        said = {name: value for name, value in given.items() if value is not None}
        made: Feedback = await self._transport.json(Call("POST", at("galleries", gallery, "feedback"), json=said))
        return made

    def feedback(self, gallery: str) -> AsyncIterator[Feedback]:
        return pages(self._transport, at("galleries", gallery, "feedback"), "feedback")

    async def delete_feedback(self, gallery: str, feedback: str) -> None:
        await self._transport.json(Call("DELETE", at("galleries", gallery, "feedback", feedback)))

    async def list(self) -> list[Gallery]:
        return [one async for one in pages(self._transport, at("galleries"), "galleries", limit=1000)]


class AsyncPersons:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, gallery: str, **query: Unpack[PersonFilter]) -> AsyncIterator[Person]:
        """In the order of their ids; only those that fit, when something is said."""
        return pages(self._transport, at("galleries", gallery, "persons"), "persons", **query, limit=1000)

    async def get(self, gallery: str, person: str) -> PersonWithFaces:
        found: PersonWithFaces = await self._transport.json(Call("GET", at("galleries", gallery, "persons", person)))
        return found

    async def put(self, gallery: str, person: str, **fields: Unpack[PersonFields]) -> Person:
        """Make a person, or change what is known about him. None removes a field; one that is left out stays."""
        path = at("galleries", gallery, "persons", person)
        made: Person = await self._transport.json(Call("PUT", path, json=fields))
        return made

    async def merge(self, gallery: str, person: str, other: str) -> MergedPerson:
        """Give the faces of `other` to `person`; `other` is gone afterwards."""
        path = at("galleries", gallery, "persons", person, "merge")
        made: MergedPerson = await self._transport.json(Call("POST", path, json={"from": checked_id(other)}))
        return made

    async def unlock(self, gallery: str, person: str) -> None:
        """Lift the lock of a person whose verifications failed too often."""
        await self._transport.json(Call("DELETE", at("galleries", gallery, "persons", person, "lock")))

    async def erase(self, gallery: str, person: str) -> Erasure:
        """Erase a person with all that is kept of him; what it was."""
        erased: Erasure = await self._transport.json(Call("DELETE", at("galleries", gallery, "persons", person)))
        return erased

    async def export_erasures(self, target: Path) -> int:
        """Write the log of erasures to a file (NDJSON); its size in bytes."""
        return await self._transport.save(Call("GET", at("erasures"), timeout=LONG_S), target)

    async def replay_erasures(self, log: bytes | Path) -> dict[str, Any]:
        """Erase again, after an older backup was restored, whom the log names."""
        body = log.read_bytes() if isinstance(log, Path) else log
        parts = [("log", ("erasures.ndjson", body))]
        report: dict[str, Any] = await self._transport.json(
            Call("POST", at("erasures", "replay"), parts=parts, timeout=LONG_S)
        )
        return report
