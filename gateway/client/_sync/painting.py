# Made of gateway/client/_async by `make client`: change it there.
"""Style transfer: one picture, many pictures, and the library of styles."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from gateway.client._sync.following import follow
from gateway.client._sync.jobs import Job, Jobs
from gateway.client._sync.paging import pages
from gateway.client._sync.transport import Transport
from gateway.client._sync.uploads import Uploads
from gateway.client.calls import Call, Content, File, Part, at, texts
from gateway.client.options import StyleOptions
from gateway.client.server_sent_events import Event
from gateway.client.style_documents import Batch, BatchItem, Estimate, Style, Stylization, Visualisation

INTAKE_S = 600.0  # taking in thousands of pictures lasts longer than other calls
StyleChoice = str | File | Sequence[str | File]


class Stylizations:
    def __init__(self, transport: Transport, jobs: Jobs) -> None:
        self._transport = transport
        self._jobs = jobs

    def estimate(self, mode: str, width: int, height: int, *, tiled: bool = False) -> Estimate:
        """The memory that an output of that size needs, whether it fits, and what would."""
        query = {"mode": mode, "width": width, "height": height, "tiled": str(tiled).lower()}
        found: Estimate = self._transport.json(Call("GET", at("stylizations", "estimate"), query=query))
        return found

    def start(
        self, content: File, style: StyleChoice, *, wait: float = 0, **options: Unpack[StyleOptions]
    ) -> Job[Stylization]:
        """Repaint a picture.

        `style` is the id of a style of the library, or a picture; or several, those of the library first.
        """
        return self._jobs.start(
            at("stylizations"), {"content": content, **pictures_of(style)}, {**options, **ids_of(style)}, wait=wait
        )

    def visualise(
        self,
        archive: File,
        *,
        kind: str | None = None,
        layer: str | None = None,
        units: list[int] | None = None,
        seed: int | None = None,
    ) -> Job[Visualisation]:
        """What the style network sees of a ZIP of pictures; the sheet is the job's report."""
        fields = {"kind": kind, "layer": layer, "units": units, "seed": seed}
        return self._jobs.start(at("visualisations"), {"archive": archive}, fields, wait=0)


class Styles:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, words: str = "") -> Iterator[Style]:
        """Those that have these words in id, title or artist; what comes with Likeness first."""
        return pages(self._transport, at("styles"), "styles", q=words or None)

    def get(self, style: str) -> Style:
        found: Style = self._transport.json(Call("GET", at("styles", style)))
        return found

    def put(self, style: str, picture: File, **about: str) -> Style:
        """Add a style of your own, or replace one; `about`: title, artist, year, licence."""
        content = Content.of(picture)
        parts: list[Part] = [*texts(about), ("image", (content.name, content.read()))]
        made: Style = self._transport.json(Call("PUT", at("styles", style), parts=parts))
        return made

    def image(self, style: str, *, thumbnail: bool = False) -> bytes:
        """Its picture as it was uploaded, or a small JPEG of it; looks have the latter only."""
        return self._transport.content(at("styles", style, "thumbnail" if thumbnail else "image"))

    def delete(self, style: str) -> None:
        self._transport.json(Call("DELETE", at("styles", style)))


class Batches:
    """Many pictures to paint, or many people to enrol, that were asked for at once."""

    def __init__(self, transport: Transport, uploads: Uploads) -> None:
        self._transport = transport
        self._uploads = uploads

    def paint(
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
        parts = self._uploads.form(pictures_of(style), {**options, **ids_of(style)})
        parts += [("images", (name, Content.of(file).read())) for name, file in images.items()]
        if manifest is not None:
            parts.append(("manifest", ("manifest.jsonl", manifest.encode())))
        return self._create(at("batches"), parts)

    def enrol(
        self,
        gallery: str,
        *,
        archive: File | None = None,
        manifest: File | None = None,
        device: str | None = None,
        conflicts: str | None = None,
    ) -> Batch:
        """Enrol many people: a ZIP with a folder of photos per person, or JSON lines with a photo each."""
        parts = self._uploads.form(
            {"archive": archive, "manifest": manifest}, {"device": device, "conflicts": conflicts}
        )
        return self._create(at("galleries", gallery, "enrolment-batches"), parts)

    def get(self, batch: str) -> Batch:
        """How far it is."""
        return self._batch(Call("GET", at("batches", batch)))

    def pause(self, batch: str) -> Batch:
        """Begin no further item."""
        return self._batch(Call("POST", at("batches", batch, "pause")))

    def resume(self, batch: str) -> Batch:
        return self._batch(Call("POST", at("batches", batch, "resume")))

    def cancel(self, batch: str) -> Batch:
        """Do nothing further; what is done stays."""
        return self._batch(Call("POST", at("batches", batch, "cancel")))

    def follow(self, batch: str) -> Iterator[Event]:
        """What happens to it, to the end."""
        return follow(self._transport, at("batches", batch))

    def items(self, batch: str, status: str | None = None) -> Iterator[BatchItem]:
        """What became of each item, or of those with this status."""
        return pages(self._transport, at("batches", batch, "items"), "items", limit=1000, status=status)

    def manifest(self, batch: str) -> bytes:
        """What became of each item, as JSON lines."""
        return self._transport.content(at("batches", batch, "manifest"))

    def image(self, item: BatchItem) -> bytes:
        """The picture of an item that succeeded."""
        picture = item.get("image")
        if picture is None:
            raise ValueError(f"The item {item['custom_id']!r} has no picture: it is {item['status']}.")
        return self._transport.content(picture["url"])

    def results(self, batch: str) -> Iterator[bytes]:
        """The ZIP of all pictures and the manifest, piece by piece."""
        return self._transport.pieces(Call("GET", at("batches", batch, "results.zip")))

    def save_results(self, batch: str, target: Path) -> int:
        """Write the ZIP of all pictures and the manifest to a file; its size in bytes."""
        return self._transport.save(Call("GET", at("batches", batch, "results.zip")), target)

    def list(self) -> Iterator[Batch]:
        """The newest first."""
        return pages(self._transport, at("batches"), "batches")

    def _create(self, path: str, parts: Sequence[Part]) -> Batch:
        return self._batch(Call("POST", path, parts=parts, timeout=INTAKE_S))

    def _batch(self, call: Call) -> Batch:
        found: Batch = self._transport.json(call)
        return found


def ids_of(style: StyleChoice) -> dict[str, Any]:
    """The fields that name styles of the library."""
    return {"style_id": tuple(one for one in _several(style) if isinstance(one, str))}


def pictures_of(style: StyleChoice) -> dict[str, Sequence[File]]:
    """The fields with pictures to paint after."""
    return {"style": [one for one in _several(style) if not isinstance(one, str)]}


def _several(style: StyleChoice) -> Sequence[str | File]:
    return style if isinstance(style, Sequence) and not isinstance(style, str | bytes) else [style]
