"""Style transfer: one picture, many pictures, and the library of styles."""

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from gateway.client._async.following import follow
from gateway.client._async.jobs import AsyncJob, AsyncJobs
from gateway.client._async.paging import pages
from gateway.client._async.transport import AsyncTransport
from gateway.client._async.uploads import AsyncUploads
from gateway.client.calls import Call, Content, File, Part, at, texts
from gateway.client.options import StyleOptions
from gateway.client.server_sent_events import Event
from gateway.client.style_documents import Batch, BatchItem, Estimate, Style, Stylization, Visualisation

INTAKE_S = 600.0  # taking in thousands of pictures lasts longer than other calls
StyleChoice = str | File | Sequence[str | File]


class AsyncStylizations:
    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs) -> None:
        self._transport = transport
        self._jobs = jobs

    async def estimate(self, mode: str, width: int, height: int, *, tiled: bool = False) -> Estimate:
        """The memory that an output of that size needs, whether it fits, and what would."""
        query = {"mode": mode, "width": width, "height": height, "tiled": str(tiled).lower()}
        found: Estimate = await self._transport.json(Call("GET", at("stylizations", "estimate"), query=query))
        return found

    async def start(
        self, content: File, style: StyleChoice, *, wait: float = 0, **options: Unpack[StyleOptions]
    ) -> AsyncJob[Stylization]:
        """Repaint a picture.

        `style` is the id of a style of the library, or a picture; or several, those of the library first.
        """
        return await self._jobs.start(
            at("stylizations"), {"content": content, **pictures_of(style)}, {**options, **ids_of(style)}, wait=wait
        )

    async def visualise(
        self,
        archive: File,
        *,
        kind: str | None = None,
        layer: str | None = None,
        units: list[int] | None = None,
        seed: int | None = None,
    ) -> AsyncJob[Visualisation]:
        """What the style network sees of a ZIP of pictures; the sheet is the job's report."""
        fields = {"kind": kind, "layer": layer, "units": units, "seed": seed}
        return await self._jobs.start(at("visualisations"), {"archive": archive}, fields, wait=0)


class AsyncStyles:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, words: str = "") -> AsyncIterator[Style]:
        """Those that have these words in id, title or artist; what comes with Likeness first."""
        return pages(self._transport, at("styles"), "styles", q=words or None)

    async def get(self, style: str) -> Style:
        found: Style = await self._transport.json(Call("GET", at("styles", style)))
        return found

    async def put(self, style: str, picture: File, **about: str) -> Style:
        """Add a style of your own, or replace one; `about`: title, artist, year, licence."""
        content = Content.of(picture)
        parts: list[Part] = [*texts(about), ("image", (content.name, content.read()))]
        made: Style = await self._transport.json(Call("PUT", at("styles", style), parts=parts))
        return made

    async def image(self, style: str, *, thumbnail: bool = False) -> bytes:
        """Its picture as it was uploaded, or a small JPEG of it; looks have the latter only."""
        return await self._transport.content(at("styles", style, "thumbnail" if thumbnail else "image"))

    async def delete(self, style: str) -> None:
        await self._transport.json(Call("DELETE", at("styles", style)))


class AsyncBatches:
    """Many pictures to paint, or many people to enrol, that were asked for at once."""

    def __init__(self, transport: AsyncTransport, uploads: AsyncUploads) -> None:
        self._transport = transport
        self._uploads = uploads

    async def paint(
        self,
        images: Mapping[str, File],
        style: StyleChoice,
        *,
        manifest: str | None = None,
        **options: Unpack[StyleOptions],
    ) -> Batch:
        """Paint many pictures.

        Args:
            images: name to send it under -> the picture.
            style: as of `stylizations.start`.
            manifest: JSON lines that name the pictures and give each an id; without, its name becomes its id.
            options: of every stylisation.
        """
        parts = await self._uploads.form(pictures_of(style), {**options, **ids_of(style)})
        parts += [("images", (name, Content.of(file).read())) for name, file in images.items()]
        if manifest is not None:
            parts.append(("manifest", ("manifest.jsonl", manifest.encode())))
        return await self._create(at("batches"), parts)

    async def enrol(
        self,
        gallery: str,
        *,
        archive: File | None = None,
        manifest: File | None = None,
        device: str | None = None,
        conflicts: str | None = None,
    ) -> Batch:
        """Enrol many people: a ZIP with a folder of photos per person, or JSON lines with a photo each."""
        parts = await self._uploads.form(
            {"archive": archive, "manifest": manifest}, {"device": device, "conflicts": conflicts}
        )
        return await self._create(at("galleries", gallery, "enrolment-batches"), parts)

    async def get(self, batch: str) -> Batch:
        """How far it is."""
        return await self._batch(Call("GET", at("batches", batch)))

    async def pause(self, batch: str) -> Batch:
        """Begin no further item."""
        return await self._batch(Call("POST", at("batches", batch, "pause")))

    async def resume(self, batch: str) -> Batch:
        return await self._batch(Call("POST", at("batches", batch, "resume")))

    async def cancel(self, batch: str) -> Batch:
        """Do nothing further; what is done stays."""
        return await self._batch(Call("POST", at("batches", batch, "cancel")))

    def follow(self, batch: str) -> AsyncIterator[Event]:
        """What happens to it, to the end."""
        return follow(self._transport, at("batches", batch))

    def items(self, batch: str, status: str | None = None) -> AsyncIterator[BatchItem]:
        """What became of each item, or of those with this status."""
        return pages(self._transport, at("batches", batch, "items"), "items", limit=1000, status=status)

    async def manifest(self, batch: str) -> bytes:
        """What became of each item, as JSON lines."""
        return await self._transport.content(at("batches", batch, "manifest"))

    async def image(self, item: BatchItem) -> bytes:
        """The picture of an item that succeeded."""
        picture = item.get("image")
        if picture is None:
            raise ValueError(f"The item {item['custom_id']!r} has no picture: it is {item['status']}.")
        return await self._transport.content(picture["url"])

    def results(self, batch: str) -> AsyncIterator[bytes]:
        """The ZIP of all pictures and the manifest, piece by piece."""
        return self._transport.pieces(Call("GET", at("batches", batch, "results.zip")))

    async def save_results(self, batch: str, target: Path) -> int:
        """Write the ZIP of all pictures and the manifest to a file; its size in bytes."""
        return await self._transport.save(Call("GET", at("batches", batch, "results.zip")), target)

    def list(self) -> AsyncIterator[Batch]:
        """The newest first."""
        return pages(self._transport, at("batches"), "batches")

    async def _create(self, path: str, parts: Sequence[Part]) -> Batch:
        return await self._batch(Call("POST", path, parts=parts, timeout=INTAKE_S))

    async def _batch(self, call: Call) -> Batch:
        found: Batch = await self._transport.json(call)
        return found


def ids_of(style: StyleChoice) -> dict[str, Any]:
    """The fields that name styles of the library."""
    return {"style_id": tuple(one for one in _several(style) if isinstance(one, str))}


def pictures_of(style: StyleChoice) -> dict[str, Sequence[File]]:
    """The fields with pictures to paint after."""
    return {"style": [one for one in _several(style) if not isinstance(one, str)]}


def _several(style: StyleChoice) -> Sequence[str | File]:
    return style if isinstance(style, Sequence) and not isinstance(style, str | bytes) else [style]
