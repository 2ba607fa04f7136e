"""`/v1/galleries/{gallery}/export` and `/imports`: a gallery as a file, to keep or to move it."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from apiflask import APIBlueprint
from flask import Response

from gateway.auth import Scope
from gateway.context import caller, services
from gateway.telling import tell
from gateway.web.bodies import Body, ExportFile, read_body
from gateway.web.operations import Operation, accepts_job, operation
from gateway.web.references import File, StoredFile
from gateway.web.responses import accept
from shared.errors import ModelMismatch
from shared.galleries import exports
from shared.galleries.exports import GalleryLine
from shared.galleries.store import GalleryStore
from shared.schemas import Gallery, GalleryRules, ImportPayload, JobType, OnConflict, Priority
from shared.storage.object_file import open_object

blueprint = APIBlueprint("exports", __name__, url_prefix="/v1/galleries/<id:gallery>")

JSON_LINES = "application/x-ndjson"
BLOCK = 64 * 2**10  # bytes sent at a time


class Import(Body):
    archive: ExportFile
    on_conflict: OnConflict = OnConflict.SKIP


@blueprint.get("/export")
@operation(Operation({200: JSON_LINES}, scope=Scope.ADMIN))
def export_gallery(gallery: str) -> Response:
    """A gallery as JSON lines: its rules and model, its people with all that is known of them, their faces.

    This is the only answer with embeddings in it, and biometric data of everybody in the gallery: keep it encrypted,
    and delete it when it is no longer needed. The last line, `end`, has counts and the SHA-256 of all before it; an
    answer without it is not whole.
    """
    galleries, tenant = services().galleries, caller().tenant
    found = galleries.get_gallery(tenant, gallery)
    tell("gallery.exported", gallery=gallery)  # before the first byte leaves
    answer = Response(_blocks(_lines(galleries, tenant, found)), mimetype=JSON_LINES)
    answer.headers["Content-Disposition"] = f'attachment; filename="{gallery}.ndjson"'
    return answer


@blueprint.post("/imports")
@accepts_job(Scope.ADMIN, Import)
def import_gallery(gallery: str) -> Response:
    """Bring an export into this gallery, which must be made with the same model; gzip is understood.

    People keep their `uid`. Whoever was erased in this tenant is left out, also from an older export. Whose id is
    taken stays as he is (`on_conflict=skip`; if it is the same person, faces that he lacks are added) or gives way
    (`replace`). The gallery's own rules hold, not those of the export. Nothing is imported from a file that is
    damaged or not whole; repeating an import changes nothing.
    """
    sent = read_body(Import)
    found = services().galleries.get_gallery(caller().tenant, gallery)
    _check(sent.archive, found)
    return accept(
        JobType.IMPORT,
        {"archive": sent.archive},
        lambda keys: ImportPayload(gallery=gallery, archive_key=keys["archive"], on_conflict=sent.on_conflict),
        Priority.BULK,
    )


def _check(archive: File, gallery: Gallery) -> None:
    """The first line says whether it is worth while.

    Raises:
        InvalidExport, ModelMismatch
    """
    source = open_object(services().store, archive.key) if isinstance(archive, StoredFile) else io.BytesIO(archive)
    with source, exports.opened(source) as file:
        header = exports.read_header(file)
    if header.model.digest != gallery.model.digest:
        raise ModelMismatch(
            f"`archive`: its faces are of the model {header.model.name} ({header.model.digest}), the gallery's of "
            f"{gallery.model.name} ({gallery.model.digest}): import into a gallery made with that model."
        )


def _lines(galleries: GalleryStore, tenant: str, gallery: Gallery) -> Iterator[bytes]:
    """Runs after the view has returned, so it is given all that it needs."""
    header = GalleryLine(
        gallery=gallery.id,
        rules=GalleryRules.model_validate({name: getattr(gallery, name) for name in GalleryRules.model_fields}),
        model=gallery.model,
        exported_at=datetime.now(UTC),
        likeness=version("likeness"),
    )
    persons = galleries.persons_there(tenant, gallery.id)
    yield from exports.write(header, persons, galleries.all_templates(tenant, gallery.id, gallery.model.digest))


def _blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= BLOCK:
            yield bytes(block)
            block.clear()
    yield bytes(block)
